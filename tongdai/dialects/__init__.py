"""Dialects: the JSON that clients read, rendered from facts.

A dialect is a module here; one with an `event` and a `record` is added to DIALECTS, and that is
all. Version 3 has no events: no subscription has it, and it is not there. Rendering is pure and
depends on nothing but its arguments: the same facts give the same bytes, today and after a
restart, so what is sent again has the same signature.
"""

from types import MappingProxyType
from typing import Literal, Protocol

import msgspec
from msgspec.structs import asdict

from tongdai.dialects import v1
from tongdai.dialects.view import Utc, View
from tongdai.pbx import events
from tongdai.pbx.cdr import Cdr

__all__ = [
    "DEFAULT",
    "DIALECTS",
    "Dialect",
    "Renderer",
    "Unknown",
    "Utc",
    "View",
    "event",
    "event_of",
]

Dialect = Literal["v1"]
DEFAULT: Dialect = "v1"


class Renderer(Protocol):
    """The functions of each dialect's module."""

    def event(self, name: str, facts: events.Facts) -> msgspec.Struct:
        """The body of the event, its keys in the order in which clients read them."""
        ...

    def record(self, record: Cdr, view: View) -> msgspec.Struct:
        """The call detail record, as the domain sees it."""
        ...


class Unknown(Exception):
    """No such dialect, or facts of a kind that this version does not know."""


DIALECTS: MappingProxyType[str, Renderer] = MappingProxyType({"v1": v1})
_encode = msgspec.json.Encoder().encode
_facts = msgspec.json.Decoder(events.Facts).decode


def event(dialect: str, name: str, facts: str, *, numbers_as_text: bool = False) -> bytes:
    """The body of an event as it is delivered and signed; `facts` is their JSON as it is stored.
    `numbers_as_text`: its numbers are decimal text.

    Raises Unknown for what a newer version wrote and this one cannot render.
    """
    try:
        return _body(DIALECTS[dialect].event(name, _facts(facts)), numbers_as_text)
    except (KeyError, msgspec.ValidationError) as reason:
        raise Unknown(str(reason)) from reason


def event_of(dialect: str, event: events.Event, *, numbers_as_text: bool = False) -> bytes:
    """The same, of an event that was not stored."""
    return _body(DIALECTS[dialect].event(event.name, event.facts), numbers_as_text)


def as_text(body: bytes) -> bytes:
    """The body of an event with its numbers as decimal text."""
    return _encode(_texts(msgspec.json.decode(body)))


def _body(rendered: msgspec.Struct, numbers_as_text: bool) -> bytes:  # noqa: FBT001
    return _encode(_texts(asdict(rendered)) if numbers_as_text else rendered)


def _texts(body: dict[str, object]) -> dict[str, object]:
    return {
        name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in body.items()
    }
