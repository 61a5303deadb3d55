"""Asterisk's security log: who proved who he is, and who failed to. One line an event
(res_security_log).
"""

import os
import re
from datetime import datetime
from pathlib import Path

import msgspec

TAIL = 1 << 20  # bytes of what happened before we were here
_LINE = re.compile(
    r'SecurityEvent="(\w+)",EventTV="([^"]+)",Severity="\w+",Service="PJSIP",'
    # A stranger writes into SessionID (his Call-ID), and with \" for " into what stands behind:
    # the last pair is true.
    r'.*LocalAddress="[^"]*",RemoteAddress="IPV[46]/\w+/([0-9A-Fa-f:.]+)/\d+"'
)
_IS_PROVED = {
    "SuccessfulAuth": True,
    "ChallengeResponseFailed": False,
    "InvalidPassword": False,
    "InvalidAccountID": False,
}


class Attempt(msgspec.Struct, frozen=True):
    """Somebody at an IP address gave a proof: a right one, or not."""

    at: datetime
    address: str
    is_proved: bool


class Place(msgspec.Struct, frozen=True):
    """Where reading goes on: the file, and bytes into it."""

    inode: int = 0
    offset: int = 0


def attempt(line: str) -> Attempt | None:
    """What a line tells, or None."""
    found = _LINE.search(line)
    if found is None or (is_proved := _IS_PROVED.get(found[1])) is None:
        return None
    return Attempt(datetime.fromisoformat(found[2]), found[3], is_proved)


def read(path: Path, place: Place) -> tuple[list[Attempt], Place]:
    """The attempts of whole lines from the place on, at most TAIL bytes; of a file never read
    before, its end. A file that was rotated or cut short is begun again.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            size, inode = status.st_size, status.st_ino
            goes_on = place.inode == inode and place.offset <= size
            begins_at = place.offset if goes_on else 0 if place.inode else max(0, size - TAIL)
            file.seek(begins_at)
            data = file.read(TAIL)
    except FileNotFoundError:
        return [], place
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.decode(errors="replace").splitlines()
    return [found for line in lines if (found := attempt(line))], Place(
        inode, begins_at + len(whole)
    )
