"""Asterisk's own account of what happened (CEL, one JSON object a line): written also while nobody listens to ARI."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.signals import HangupAsked, LegAnswered, LegDialed, LegHungUp, Signal

CHUNK = 1 << 20  # bytes read at once


class Entry(msgspec.Struct, frozen=True):
    """A line of the journal. `accountcode` is our id of the call, `eventextra` JSON in a string."""

    eventtype: str
    eventtime: str
    uniqueid: str
    channame: str
    accountcode: str = ""
    eventextra: str = ""

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(float(self.eventtime), UTC)

    @property
    def call_uuid(self) -> UUID | None:
        return UUID(hex=self.accountcode) if len(self.accountcode) == 32 else None

    @property
    def extra(self) -> dict[str, Any]:
        return msgspec.json.decode(self.eventextra) if self.eventextra else {}


class Transfer(msgspec.Struct, frozen=True):
    """An attended transfer: the channel that was handed over, and the one it was handed to."""

    at: datetime
    transferee: str
    target: str


class Place(msgspec.Struct, frozen=True):
    """Where reading goes on: the file, and bytes into it."""

    inode: int = 0
    offset: int = 0


def read(path: Path, place: Place) -> tuple[list[Entry], Place]:
    """Whole lines from the place on. A file that was rotated away is left for the new one, read from its beginning."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return [], place
    offset = place.offset if status.st_ino == place.inode and status.st_size >= place.offset else 0
    if status.st_size == offset:
        return [], Place(status.st_ino, offset)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(CHUNK)
    whole = data[: data.rfind(b"\n") + 1]
    entries = [entry for line in whole.splitlines() if (entry := _entry(line))]
    return entries, Place(status.st_ino, offset + len(whole))


def end(path: Path) -> Place:
    """The end of the journal as it is now."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return Place()
    return Place(status.st_ino, status.st_size)


def _entry(line: bytes) -> Entry | None:
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError:  # a line torn by a crash
        return None


def signals(entry: Entry) -> list[tuple[UUID, Signal]]:
    """What an entry would have been as signals, had we listened."""
    call_uuid, channel, at = entry.call_uuid, entry.uniqueid, entry.at
    if call_uuid is None:
        return []
    match entry.eventtype:
        case "CHAN_START":
            endpoint = entry.channame.partition("/")[2].rpartition("-")[0]
            return [(call_uuid, LegDialed(channel, at, endpoint, ""))]
        case "ANSWER":
            return [(call_uuid, LegAnswered(channel, at))]
        case "HANGUP":
            extra = entry.extra
            gone: list[Signal] = [LegHungUp(channel, at, int(extra.get("hangupcause", 0)))]
            asked: list[Signal] = [HangupAsked(channel, at)] if extra.get("hangupsource") == entry.channame else []
            return [(call_uuid, signal) for signal in asked + gone]
        case _:
            return []


def transfer(entry: Entry) -> Transfer | None:
    """The attended transfer that an entry tells of, or None."""
    if entry.eventtype != "ATTENDEDTRANSFER":
        return None
    extra = entry.extra
    transferee = extra.get("transferee_channel_uniqueid", "")
    target = extra.get("transfer_target_channel_uniqueid", "")
    if extra.get("app"):  # the target had not answered yet: the transferee took the place of the transferer's channel
        target = extra.get("channel2_uniqueid", "")
    return Transfer(entry.at, transferee, target) if transferee and target else None


_DECODER = msgspec.json.Decoder(Entry)
