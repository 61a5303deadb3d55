"""Identifiers: time-sortable UUIDs, and ids that can be computed again after a crash."""

import os
import time
from uuid import UUID, uuid5


def new() -> UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def derived(parent: UUID, name: str) -> UUID:
    """The same UUID for the same (parent, name), for ever (RFC 9562 §5.5): repeats become
    harmless.
    """
    return uuid5(parent, name)
