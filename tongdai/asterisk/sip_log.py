"""Asterisk's log of what ARI does not tell of SIP (logger.conf, `sip`; cli.conf): a JSON object a
line, so that no text of a remote party can begin an entry.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from tongdai.asterisk import security
from tongdai.asterisk.security import Offset


class Entry(msgspec.Struct, frozen=True):
    """`at` is naive, in the machine's local time; `source` is the file of Asterisk's source."""

    at: datetime
    source: str
    text: str


class _Location(msgspec.Struct):
    filename: str


class _Message(msgspec.Struct):
    location: _Location
    message: str


class _Line(msgspec.Struct):
    timestamp: str
    logmsg: _Message


def entry(line: str) -> Entry | None:
    """The entry of the line, or None: the log begins with a line of another form."""
    try:
        found = msgspec.json.decode(line, type=_Line)
        at = datetime.fromisoformat(found.timestamp)
    except (msgspec.DecodeError, ValueError):
        return None
    return Entry(at, found.logmsg.location.filename, found.logmsg.message.strip())


def read(path: Path, offset: Offset) -> tuple[list[Entry], Offset]:
    """The entries in the lines of `security.tail`."""
    lines, after = security.tail(path, offset)
    return [found for line in lines if (found := entry(line))], after
