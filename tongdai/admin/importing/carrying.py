"""What an import carries over, and what not."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tongdai import errors
from tongdai.admin.company import document
from tongdai.pbx.directory import LONGEST_RING_S, SHORTEST_RING_S
from tongdai.store import checks

Row: TypeAlias = Mapping[str, Any]
"""Values by column."""


class Note(msgspec.Struct, frozen=True):
    """Something that is not carried over, or not as it was."""

    thing: str
    why: str


class Imported(msgspec.Struct, frozen=True):
    """The company file, and what it lacks."""

    company: document.Company
    notes: Sequence[Note]


class Notes:
    """Collects what is not carried over."""

    def __init__(self) -> None:
        self.found: list[Note] = []

    def add(self, thing: str, why: str) -> None:
        """Notes it once."""
        note = Note(thing, why)
        if note not in self.found:
            self.found.append(note)

    def unless(self, thing: str, row: Row, reasons: Mapping[str, str]) -> None:
        """Notes the reason of each column that says something."""
        for column, why in reasons.items():
            if said(row.get(column)):
                self.add(thing, why)

    def name(self, thing: str, text: str) -> str:
        """The text as a name, without what a name here cannot have."""
        fit = "".join(char for char in text if _is_fit(char))[:80].strip()
        if fit != text.strip():
            self.add(thing, f"its name is shortened to {fit!r}")
        return fit

    def password(self, thing: str, text: str) -> str | None:
        """The SIP password, or None for one that cannot be kept."""
        try:
            return checks.sip_secret(text)
        except errors.Invalid as reason:
            self.add(thing, f"its password is not kept, a new one is made: {reason.why}")
            return None

    def number(self, thing: str, text: str) -> bool:
        """Whether the text can be an internal number here."""
        try:
            checks.number(text)
        except errors.Invalid as reason:
            self.add(thing, f"is left out: {reason.why}")
            return False
        return True

    def seconds(
        self,
        thing: str,
        value: Any,
        default: int,
        first: int = SHORTEST_RING_S,
        last: int = LONGEST_RING_S,
    ) -> int:
        """The seconds within the bounds."""
        if not said(value):
            return default
        given = whole(value, default)
        fit = min(max(given, first), last)
        if fit != given:
            self.add(thing, f"{given} seconds become {fit}")
        return fit

    def kept(
        self, thing: str, numbers: Collection[str], known: Collection[str]
    ) -> tuple[str, ...]:
        """The numbers that are there, once each."""
        for number in numbers:
            if number not in known:
                self.add(thing, f"{number} is no extension that is carried over")
        return tuple(dict.fromkeys(number for number in numbers if number in known))


def said(value: Any) -> bool:
    """Whether a column says something: not NULL, empty, false or 0."""
    return str("" if value is None else value).strip().lower() not in ("", "false", "f", "0")


def is_on(value: Any) -> bool:
    """The same, where NULL and "" are on: of columns such as `enabled`."""
    return value is None or value == "" or said(value)


def whole(value: Any, default: int) -> int:
    """The whole number of a column, which may be text."""
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return default


def _is_fit(char: str) -> bool:
    try:
        checks.name(char)
    except errors.Invalid:
        return False
    return True
