"""Identifiers that hold the time: UUIDs version 7, random or derived.

The first 48 bits of such an id are Unix milliseconds (RFC 9562 §5.7), so ids sort by time, and the
id alone gives the time of its row. The dialplan makes ids of calls in the same form
(extensions.conf).
"""

import os
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# 9999-01-01: near the end of Python's calendar
_END_MS = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MS


def new(at: datetime | None = None) -> UUID:
    """A UUID version 7 of now, or of that moment, with 74 random bits."""
    ms = time.time_ns() // 1_000_000 if at is None else _ms(at)
    return _version_7(ms, os.urandom(10))


def derived(parent: UUID, name: str) -> UUID:
    """A UUID that depends on (parent, name) alone: repeats are harmless.

    It holds the time of its parent. Without a time in the parent it is a version 5 (RFC 9562
    §5.5).
    """
    if time_of(parent) is None:
        return uuid5(parent, name)
    return _version_7(parent.int >> 80, sha256(parent.bytes + name.encode()).digest())


def time_of(uuid: UUID) -> datetime | None:
    """The moment in the id, UTC, whole milliseconds; None for an id without a time."""
    ms = uuid.int >> 80
    return _EPOCH + ms * _MS if uuid.version == 7 and ms < _END_MS else None


def read(text: str) -> UUID | None:
    """The UUID that a client wrote; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None


def lowest(at: datetime) -> UUID:
    """The lowest id of that moment: ids of it or later sort after it, earlier ones before it."""
    return UUID(int=_ms(at) << 80)


def millisecond(uuid: UUID) -> tuple[UUID, UUID]:
    """The bounds of the ids that hold the same millisecond, for `first <= id <= last`. All that
    are derived from an id hold its millisecond.
    """
    first = uuid.int >> 80 << 80
    return UUID(int=first), UUID(int=first | (1 << 80) - 1)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // _MS


def _version_7(ms: int, chance: bytes) -> UUID:
    """`chance` is 10 bytes or more; 6 of its bits are replaced by version and variant."""
    value = ms << 80 | int.from_bytes(chance[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
