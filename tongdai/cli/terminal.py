"""Terminal output: tables for people, JSON for scripts, refusals in one line."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from tongdai import columns, errors

_zone: tzinfo = UTC  # of the times that people read


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
    rows = [(_words(name), _cell(value)) for name, value in values.items()]
    return _print(rows)


def many(things: Sequence[msgspec.Struct], *names: str, as_json: bool) -> None:
    """Shows a table of things with the columns of these names; as JSON with all fields."""
    if as_json:
        return json([msgspec.structs.asdict(thing) for thing in things])
    rows = [[_cell(getattr(thing, name)) for name in names] for thing in things]
    return _print([[*map(_words, names)], *rows])


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
            aside(f"{self._verb} {table.replace('_', ' ')}: {rows:,}")


def once(what: str) -> None:
    """Prints on standard error that this is shown only once."""
    them = "they" if what.endswith("s") else "it"
    aside(f"Keep the {what}: {them} cannot be shown again.")


def refused(refusal: errors.TongdaiError) -> int:
    """Prints the refusal in one line on standard error. Returns the exit code of its kind."""
    why = (
        refusal.why if isinstance(refusal, errors.NotFound) and refusal.why else refusal.text("en")
    )
    typer.echo(f"error: {' '.join(why.split())}", err=True)
    return code_of(refusal)


def code_of(refusal: errors.TongdaiError) -> int:
    """The exit code of its kind."""
    if isinstance(refusal, errors.NotFound):
        return 3
    return 4 if isinstance(refusal, errors.Unavailable | errors.SetupError) else 1


def local(moment: datetime) -> str:
    """The moment in the time zone of `in_zone`, with its offset."""
    return moment.astimezone(_zone).isoformat(" ", "seconds")


def _words(name: str) -> str:
    seconds = " (s)" if name.endswith("_s") else ""
    return name.removesuffix("_s").replace("_", " ") + seconds


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return local(value)
    if isinstance(value, list | tuple):
        return columns.printable(", ".join(map(str, value)))
    return "" if value is None else columns.printable(str(value))


def _print(rows: Sequence[Sequence[str]]) -> None:
    for line in columns.lines(rows):
        typer.echo(line)
