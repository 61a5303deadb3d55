"""Terminal output: tables for people, JSON for scripts, refusals in one line."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tongdai import errors

_zone: tzinfo = UTC  # of the times that people read
_PIPED_WIDTH = 240  # characters of a line when the width of the terminal is unknown


def in_zone(name: str) -> None:
    """People read times in that time zone from now on; JSON keeps them in UTC."""
    global _zone  # noqa: PLW0603  a command shows one domain
    _zone = ZoneInfo(name)


def one(thing: msgspec.Struct, *, as_json: bool, **more: Any) -> None:
    """Shows a thing with all its fields, and `more` that it does not hold, such as a new
    password.
    """
    return fields({**msgspec.structs.asdict(thing), **more}, as_json=as_json)


def fields(values: Mapping[str, object], *, as_json: bool) -> None:
    """Shows a table of names and values."""
    if as_json:
        return json(values)
    table = Table(show_header=False, box=None)
    for _ in range(2):
        table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(_words(name), style="bold"), _cell(value))
    return _print(table)


def many(things: Sequence[msgspec.Struct], *columns: str, as_json: bool) -> None:
    """Shows a table of things with these columns; as JSON with all fields."""
    if as_json:
        return json([msgspec.structs.asdict(thing) for thing in things])
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(_words(column), overflow="fold")  # a name that is cut names nothing
    for thing in things:
        table.add_row(*(_cell(getattr(thing, column)) for column in columns))
    return _print(table)


def json(value: object) -> None:
    """Prints indented JSON; Vietnamese letters are not escaped."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def compact(value: object) -> str:
    """The value as JSON in one line."""
    return msgspec.json.encode(value).decode()


def say(text: str) -> None:
    """Prints a line for people on standard output."""
    typer.echo(text)


def aside(text: str) -> None:
    """Prints a line for people on standard error, which scripts do not read."""
    typer.echo(text, err=True)


class Progress:
    """Prints what is being done on standard error, at most once a second: the verb, a table and
    how many of its rows are done.
    """

    def __init__(self, verb: str) -> None:
        self._verb, self._shown_at = verb, time.monotonic()

    def __call__(self, table: str, rows: int) -> None:
        if rows and (now := time.monotonic()) >= self._shown_at + 1:
            self._shown_at = now
            aside(f"{self._verb} {_words(table)}: {rows:,}")


def once(what: str) -> None:
    """Prints on standard error that this is shown only once."""
    aside(f"Keep the {what}: it cannot be shown again.")


def refused(refusal: errors.TongdaiError) -> int:
    """Prints the refusal in one line on standard error. Returns the exit code of its kind."""
    why = (
        refusal.why if isinstance(refusal, errors.NotFound) and refusal.why else refusal.text("en")
    )
    typer.echo(f"error: {' '.join(why.split())}", err=True)
    if isinstance(refusal, errors.NotFound):
        return 3
    return 4 if isinstance(refusal, errors.Unavailable | errors.SetupError) else 1


def local(moment: datetime) -> str:
    """The moment in the time zone of `in_zone`, with its offset."""
    return moment.astimezone(_zone).isoformat(" ", "seconds")


def _words(name: str) -> str:
    return name.removesuffix("_s").replace("_", " ")


def _cell(value: object) -> Text:
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(local(value))
    if isinstance(value, list | tuple):
        return Text(printable(", ".join(map(str, value))))
    return Text("" if value is None else printable(str(value)))


def printable(text: str) -> str:
    """The text without characters that steer a terminal or begin another line."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    console.print(table)
