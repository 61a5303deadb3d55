"""The CEL log (channel event logging), read into signals: one JSON object a line, which Asterisk
also writes while no engine listens to ARI.
"""

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from tongdai.asterisk.translate import decoded, with_said
from tongdai.pbx.signals import (
    ArrivedInFallback,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegHungUp,
    Signal,
    TransferredInFallback,
    Via,
)

CHUNK = 1 << 20  # bytes read at once
NEAR = 1 << 16  # bytes that are rather read than halved
BEGINNING = b'{"eventtype"'  # of a line (cel_custom.conf)
LAST = 253_402_300_799  # the end of the year 9999, and of what datetime knows
_OURS = re.compile("[0-9a-f]{32}")  # the operator's own dialplan may use other account codes


class Extra(msgspec.Struct, frozen=True):
    """The fields of `eventextra`, which depend on the type of the entry. A HANGUP has the
    `dialstatus` of the last Dial() that the channel made, "" if it made none.
    """

    extra: str = ""
    hangupcause: int = 0
    hangupsource: str = ""
    dialstatus: str = ""
    app: str = ""
    extension: str = ""
    channel2_uniqueid: str = ""
    transferee_channel_uniqueid: str = ""
    transfer_target_channel_uniqueid: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A line of the CEL log. `eventtime` is in Unix seconds, `accountcode` our id of the call,
    `eventextra` JSON; `userdeftype` is the type of a user-defined entry (extensions.conf).
    """

    eventtype: str
    eventtime: Annotated[float, Meta(ge=0, le=LAST)]
    uniqueid: str
    channame: str
    accountcode: str = ""
    eventextra: str = ""
    userdeftype: str = ""
    linkedid: str = ""  # the channel that the call began with, once it is connected

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.eventtime, UTC)

    @property
    def call_uuid(self) -> UUID | None:
        return UUID(hex=self.accountcode) if _OURS.fullmatch(self.accountcode) else None

    @property
    def endpoint(self) -> str:
        """The endpoint of the channel: "101@domain", or a trunk's UUID."""
        return self.channame.partition("/")[2].rpartition("-")[0]

    @property
    def extra(self) -> Extra:
        try:
            return _EXTRA.decode(self.eventextra or "{}")
        except msgspec.DecodeError:
            return Extra()


class Transfer(msgspec.Struct, frozen=True):
    """An attended transfer: the channels of the transferee and of the transfer target."""

    at: datetime
    transferee: str
    target: str


class Offset(msgspec.Struct, frozen=True):
    """A position in the CEL log: the file, and bytes into it."""

    inode: int = 0
    offset: int = 0


def read(path: Path, place: Offset, chunk: int = CHUNK) -> tuple[list[Entry], Offset]:
    """The entries of whole lines from the offset on, at most `chunk` bytes of them, and the offset
    after them; none at the end. A log that was rotated (renamed beside the new one) is read to its
    end first; a log that is gone, or was truncated, gives nothing more.
    """
    for file in (*_rotated(path, place), path):
        entries, found = _read(file, place, chunk)
        if found.offset != place.offset or found.inode != place.inode:
            return entries, found
    return [], place


def _rotated(path: Path, place: Offset) -> list[Path]:
    """The file of the offset, when it has been rotated."""
    if place.inode in (0, end(path).inode):
        return []
    try:
        beside = [file for file in os.scandir(path.parent) if file.name.startswith(path.name)]
    except OSError:
        return []
    return [Path(file) for file in beside if file.inode() == place.inode]


def _read(path: Path, place: Offset, chunk: int) -> tuple[list[Entry], Offset]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            offset = (
                place.offset
                if status.st_ino == place.inode and status.st_size >= place.offset
                else 0
            )
            file.seek(offset)
            data = file.read(chunk)
    except OSError:  # missing, or not readable now: engine.volumes reports it
        return [], place
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == chunk:  # no line is so long: a crash left it
        whole = data
    entries = [entry for line in whole.splitlines() if (entry := _entry(line))]
    return entries, Offset(status.st_ino, offset + len(whole))


def since(path: Path, place: Offset) -> list[Entry]:
    """All entries from the offset on until now, attributed."""
    entries: list[Entry] = []
    while True:
        more, found = read(path, place)
        if found == place:
            return attributed(entries)
        entries += more
        place = found


def place_at(path: Path, moment: datetime) -> Offset:
    """An offset after which all entries of that moment and later are; found by bisection, as lines
    are in order. For a moment before the log begins, it is in the log before it (NAME.1), or the
    beginning of this one.
    """
    for file in (path, before := path.with_name(f"{path.name}.1")):
        if (found := _place_at(file, moment)).offset:
            return found
    return found if before.exists() else _place_at(path, moment)


def _place_at(path: Path, moment: datetime) -> Offset:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            first, last = 0, status.st_size
            while last - first > NEAR:
                middle = (first + last) // 2
                file.seek(middle)
                file.readline()
                entry = _entry(file.readline())
                if entry is not None and entry.at < moment:
                    first = middle
                else:
                    last = middle
            file.seek(first)
            skipped = len(file.readline()) if first else 0
    except FileNotFoundError:
        return Offset()
    return Offset(status.st_ino, first + skipped)


def end(path: Path) -> Offset:
    """The end of the CEL log as it is now."""
    try:
        status = path.stat()
    except OSError:
        return Offset()
    return Offset(status.st_ino, status.st_size)


def _entry(line: bytes) -> Entry | None:
    """The entry of a line; None if a crash cut it short. The next entry may follow on the same
    line.
    """
    try:
        return _ENTRY.decode(line[max(0, line.rfind(BEGINNING)) :])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def attributed(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, each with the id of its call: Asterisk logs the start of a channel before the
    channel has one. A channel that took another's place has none; it is linked with the call by
    the time that it is hung up.
    """
    entries = list(entries)
    calls = {entry.uniqueid: entry.accountcode for entry in entries if entry.accountcode}
    for entry in entries:
        if entry.eventtype == "HANGUP" and entry.uniqueid not in calls and entry.linkedid in calls:
            calls[entry.uniqueid] = calls[entry.linkedid]
    return [
        entry if entry.accountcode else replace(entry, accountcode=calls.get(entry.uniqueid, ""))
        for entry in entries
    ]


def signals(entry: Entry) -> list[tuple[UUID, Signal]]:
    """The signals that ARI would have given for an attributed entry, and the id of the call."""
    call_uuid, channel, at = entry.call_uuid, entry.uniqueid, entry.at
    if call_uuid is None:
        return []
    match entry.eventtype:
        case "CHAN_START" if entry.channame.startswith("PJSIP/"):
            return [(call_uuid, LegDialed(channel, at, entry.endpoint, ""))]
        case "ANSWER":
            return [(call_uuid, LegAnswered(channel, at))]
        case "HANGUP":
            extra = entry.extra
            gone: list[Signal] = [
                LegHungUp(
                    channel,
                    at,
                    extra.hangupcause,
                    reconstructed=True,
                    dialstatus=extra.dialstatus,
                )
            ]
            asked: list[Signal] = (
                [HangupAsked(channel, at)] if extra.hangupsource == entry.channame else []
            )
            return [(call_uuid, signal) for signal in asked + gone]
        case "BLINDTRANSFER":
            extra = entry.extra
            return [
                (
                    call_uuid,
                    TransferredInFallback(extra.transferee_channel_uniqueid, at, extra.extension),
                )
            ]
        case _:
            return []


def arrival(entry: Entry) -> ArrivedInFallback | None:
    """The call whose arrival the entry tells, as if it had not been routed; None for other
    entries.
    """
    if entry.userdeftype != "ARRIVED" or entry.call_uuid is None:
        return None
    *coded, trunk, said = (entry.extra.extra + "....").split(".", 4)
    dialled, caller, sip_call_id = map(decoded, coded)
    endpoint = trunk or entry.endpoint
    via: Via = "phone" if "@" in endpoint else "trunk"
    arrived = ArrivedInFallback(
        entry.call_uuid, entry.uniqueid, entry.at, via, endpoint, dialled, caller, sip_call_id
    )
    return with_said(arrived, said, is_authenticated=bool(trunk))


def is_answer_without_call(entry: Entry) -> bool:
    """Whether a channel of ours answered that has not been in the dialplan: it took another's
    place (INVITE with Replaces).
    """
    return (
        entry.eventtype == "ANSWER"
        and not entry.accountcode
        and entry.channame.startswith("PJSIP/")
    )


def transfer(entry: Entry) -> Transfer | None:
    """The attended transfer that the entry tells, or None."""
    if entry.eventtype != "ATTENDEDTRANSFER":
        return None
    extra = entry.extra
    transferee, target = extra.transferee_channel_uniqueid, extra.transfer_target_channel_uniqueid
    # the target had not answered yet: the transferee took the place of the transferer's channel
    if extra.app:
        target = extra.channel2_uniqueid
    return Transfer(entry.at, transferee, target) if transferee and target else None


_ENTRY = msgspec.json.Decoder(Entry, strict=False)
_EXTRA = msgspec.json.Decoder(Extra, strict=False)
