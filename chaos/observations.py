"""Observations of a run: by SIPp's callers and phones, in the database, and by the subscriber.

A run's folder holds

  *.calls           SIPp's account (callers.py), one line for each moment of a call:
                    what happened, Call-ID, date, time, Unix seconds
  cdrs.jsonl        records of the database, each with every id that it is found by
  events.jsonl      the log of events
  deliveries.jsonl  what the receiver got (receiver.py)
  played.jsonl      what the recordings were whose URLs it got
  injected.json     which faults were injected, and which events were subscribed
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from tongdai import dialects
from tongdai.store import db

FETCH_S = 5.0  # the subscriber waits so long for a recording
Kind = TypeVar("Kind")


class Call(msgspec.Struct):
    """A call as one side saw it; times in Unix seconds, 0 for what never happened."""

    call_id: str
    offered: float = 0.0
    refused: float = 0.0
    answered: float = 0.0
    dropped: float = 0.0
    ended: float = 0.0  # hung up by its caller, or dropped


class Record(msgspec.Struct, frozen=True):
    """A CDR. `ids` are all that it is found by, SIP Call-IDs among them."""

    cdr_uuid: UUID
    ids: tuple[str, ...]
    status: str
    billsec: int
    direction: int = 2


class Event(msgspec.Struct, frozen=True):
    """An event of the log. `hash` is of its body, SHA-256, hex."""

    id: UUID
    call: UUID
    name: str
    seq: int
    hash: str


class Delivery(msgspec.Struct, frozen=True):
    """A POST that arrived whole."""

    id: str
    hash: str
    at: float
    is_signed: bool


class Played(msgspec.Struct, frozen=True):
    """The response of the URL in a cdr event when the event came: HTTP status, seconds of audio.
    `at` is in Unix seconds.
    """

    call: UUID
    at: float
    status: int
    seconds: float
    billsec: int


class Injected(msgspec.Struct, frozen=True):
    """The faults that were injected, in Unix seconds. `kills`: when Asterisk was killed, and every
    call that was up ended. `outages`: from when to when new calls could be refused.
    `recording_outages`: from when to when recordings were out of reach. `subscribed` are the
    events that the receiver subscribed to.
    """

    subscribed: tuple[str, ...] = ("ringing", "answered", "hangup", "cdr")
    kills: tuple[float, ...] = ()
    outages: tuple[tuple[float, float], ...] = ()
    recording_outages: tuple[tuple[float, float], ...] = ()


class Observations(msgspec.Struct, frozen=True):
    """All that was seen of a run. `calls` are as callers saw them, `phones` as phones did."""

    injected: Injected
    calls: Sequence[Call]
    phones: Sequence[Call]
    records: Sequence[Record]
    events: Sequence[Event]
    deliveries: Sequence[Delivery]
    played: Sequence[Played] = ()


# --- the database


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[db.Database]:
    database = db.Database(dsn, size=1)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def write(dsn: str, folder: Path) -> None:
    """cdrs.jsonl and events.jsonl of the database are in the folder."""
    async with opened(dsn) as database, database.connection() as tx:
        for name, structs in (("cdrs", await _records(tx)), ("events", await _events(tx))):
            (folder / f"{name}.jsonl").write_bytes(
                b"".join(msgspec.json.encode(one) + b"\n" for one in structs)
            )


async def _records(tx: db.Tx) -> list[Record]:
    rows = await tx.fetch(
        """
        SELECT cdr_uuid, status, billsec, direction, (
          SELECT array_agg(id::text) FROM cdr_ids WHERE cdr_ids.cdr_uuid = cdrs.cdr_uuid
        ) || ARRAY[call_id::text, sip_call_id] || (
          array_remove(ARRAY[other_sip_call_id], NULL)
        ) || (
          SELECT array_agg(known.sip_call_id) FROM cdr_sip_call_ids AS known
          WHERE known.cdr_uuid = cdrs.cdr_uuid
        ) AS ids
        FROM cdrs
        """
    )
    return [
        Record(
            row["cdr_uuid"],
            tuple(row["ids"] or ()),
            row["status"],
            row["billsec"],
            row["direction"],
        )
        for row in rows
    ]


async def _events(tx: db.Tx) -> list[Event]:
    rows = await tx.fetch(
        "SELECT event_uuid, call_uuid, name, seq, facts FROM events ORDER BY seq"
    )
    return [
        Event(
            row["event_uuid"],
            row["call_uuid"],
            row["name"],
            row["seq"],
            hashlib.sha256(dialects.event("v1", row["name"], row["facts"])).hexdigest(),
        )
        for row in rows
    ]


# --- files


def read(folder: Path) -> Observations:
    """The observations in a run's folder. A last line that a crash cut off is left out."""
    injected = folder / "injected.json"
    callers, phones = (
        calls_of(sorted(folder.glob(f"{side}*.calls"))) for side in ("caller", "phone")
    )
    return Observations(
        msgspec.json.decode(injected.read_bytes(), type=Injected)
        if injected.exists()
        else Injected(),
        callers,
        phones,
        _lines(folder / "cdrs.jsonl", Record),
        _lines(folder / "events.jsonl", Event),
        _lines(folder / "deliveries.jsonl", Delivery),
        _lines(folder / "played.jsonl", Played),
    )


def calls_of(accounts: Iterable[Path]) -> list[Call]:
    """SIPp's accounts as calls, in the order they were offered."""
    calls: dict[str, Call] = {}
    for account in accounts:
        for line in account.read_text(errors="replace").splitlines():
            match line.split():
                case [what, call_id, _, _, at]:
                    _happened(calls.setdefault(call_id, Call(call_id)), what, float(at))
    return sorted(calls.values(), key=lambda call: call.offered)


def _happened(call: Call, what: str, at: float) -> None:
    match what:
        case "offered":
            call.offered = at
        case "refused":
            call.refused = at
        case "answered":
            call.answered = at
        case "dropped":
            call.dropped = call.ended = at
        case "ended":
            call.ended = at


def _lines(path: Path, kind: type[Kind]) -> list[Kind]:
    if not path.exists():
        return []
    return [
        msgspec.json.decode(line, type=kind)
        for line in path.read_bytes().split(b"\n")[:-1]
        if line
    ]
