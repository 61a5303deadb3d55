"""Options that several commands share, and their parsing."""

import re
import sys
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

Domain = Annotated[
    str,
    typer.Option(
        "--domain", "-d", envvar="TONGDAI_DOMAIN", help="The domain's name.", show_default=False
    ),
]
ANY_DOMAIN = typer.Option(
    "--domain", "-d", envvar="TONGDAI_DOMAIN", help="The domain's name.", show_default=False
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
NAME = typer.Option(help="For people, in any script.", show_default=False)
ENABLED = typer.Option(
    "--enable/--disable", help="A disabled object stays, but is not served.", show_default=False
)
UNSUSPEND = typer.Option("--unsuspend", help="End the suspension of outbound calls.")
OVERFLOW = typer.Option(
    help='Destination of its calls then: a number of the domain; "" ends them.', show_default=False
)
PASSWORD = typer.Option(
    help='"-" reads it from standard input; without it a random one is made.', show_default=False
)


def given(**values: Any) -> dict[str, Any]:
    """The given values: all but None."""
    return {name: value for name, value in values.items() if value is not None}


def listed(text: str | None) -> tuple[str, ...] | None:
    """The parts of "a,b,c"; () for "", None for None."""
    return (
        None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
    )


_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "y": 365 * 86_400}


def seconds(text: str) -> int:
    """The seconds of "90", "90s", "15m", "12h", "30d" or "10y" (of 365 days). Raises
    typer.BadParameter.
    """
    found = re.fullmatch(r"([0-9]{1,12})([smhdy]?)", text.strip().lower())
    if found is None:
        raise typer.BadParameter("a number of seconds is needed, or one such as 12h, 30d or 10y")
    return int(found[1]) * _UNITS_S[found[2]]


def moment(text: str, time_zone: str) -> datetime | None:
    """A moment as ISO 8601 writes it, local to the zone unless it has an offset; None for "".
    Raises typer.BadParameter.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as reason:
        raise typer.BadParameter("a time is needed, such as 2027-01-01 08:00") from reason
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time_zone))


def secret(text: str | None) -> str | None:
    """The password; for "-" the first line of standard input, so that no process list shows it. On
    a terminal it is asked for, and not shown.
    """
    if text != "-":
        return text
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")
