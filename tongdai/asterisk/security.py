"""Asterisk's security log: successful and failed authentications, one line an event
(res_security_log).
"""

import os
import re
from datetime import datetime
from pathlib import Path

import msgspec

TAIL = 1 << 20  # bytes read at most
_LINE = re.compile(
    r'SecurityEvent="(\w+)",EventTV="([^"]+)",Severity="\w+",Service="PJSIP",'
    # the name of an endpoint of ours, which Asterisk wrote; other names are not taken
    r'(?:EventVersion="\d+",AccountID="([a-z0-9-]+@[a-z0-9.-]+)")?'
    # A remote party controls SessionID (its Call-ID), and with \" for " can forge later pairs:
    # the last pair is true.
    r'.*LocalAddress="[^"]*",RemoteAddress="IPV[46]/\w+/([0-9A-Fa-f:.]+)/\d+"'
)
_IS_SUCCESS = {
    "SuccessfulAuth": True,
    "ChallengeResponseFailed": False,
    "InvalidPassword": False,
    "InvalidAccountID": False,
}


class Attempt(msgspec.Struct, frozen=True):
    """An authentication from an IP address, successful or failed. `account` is the endpoint that
    it was for, "" for an unknown one.
    """

    at: datetime
    address: str
    is_successful: bool
    account: str = ""


class Offset(msgspec.Struct, frozen=True):
    """The position at which reading continues: the file's inode, and bytes into it."""

    inode: int = 0
    offset: int = 0


def attempt(line: str) -> Attempt | None:
    """The attempt that the line records, or None."""
    found = _LINE.search(line)
    if found is None or (is_successful := _IS_SUCCESS.get(found[1])) is None:
        return None
    at, account, address = found[2], found[3] or "", found[4]
    return Attempt(datetime.fromisoformat(at), address, is_successful, account)


def read(path: Path, offset: Offset) -> tuple[list[Attempt], Offset]:
    """The attempts in the lines of `tail`."""
    lines, after = tail(path, offset)
    return [found for line in lines if (found := attempt(line))], after


def tail(path: Path, offset: Offset) -> tuple[list[str], Offset]:
    """The complete lines of a log after the offset, at most TAIL bytes; of a file never read
    before, those at its end. A file that was rotated or truncated is read from its beginning.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            size, inode = status.st_size, status.st_ino
            goes_on = offset.inode == inode and offset.offset <= size
            begins_at = offset.offset if goes_on else 0 if offset.inode else max(0, size - TAIL)
            file.seek(begins_at)
            data = file.read(TAIL)
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.decode(errors="replace").splitlines()
    return lines, Offset(inode, begins_at + len(whole))
