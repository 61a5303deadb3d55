"""Requests and attempts that are counted: by this process, or by all workers of an API together.

Workers share a piece of memory (`memory`), in which a key has a slot with its last moments. Their
clock, CLOCK_MONOTONIC, is that of the machine. A lock of the file (fcntl) is held for
microseconds; the kernel releases that of a worker that dies.
"""

import fcntl
import math
import mmap
import os
import struct
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import NamedTuple, Protocol

from tongdai import errors
from tongdai.api.attempts import Attempts
from tongdai.api.limits import Limit, filled
from tongdai.windows import Clock

LOGINS, RECORDINGS, LINKS = 5, 60, 60  # wrong ones within a minute
_TABLES = (1, LOGINS, RECORDINGS, LINKS)  # moments of a key in each; the first is of rates
_SLOTS, _NEIGHBOURS = 8_192, 8
_KEY = 8  # bytes of a key's digest


class Rate(Protocol):
    """Requests per second of a key: `limits.Limit`, or that of all workers."""

    def take(self, key: Hashable) -> None:
        """Counts one more request. Raises errors.TooManyRequests; then it does not count."""


class Tries(Protocol):
    """Attempts of a key within a window: `attempts.Attempts`, or that of all workers."""

    def check(self, key: Hashable) -> None:
        """Raises errors.TooManyRequests when there were too many."""

    def count(self, key: Hashable) -> None:
        """Counts one more attempt of the key."""

    def forgive(self, key: Hashable) -> None:
        """Uncounts the key's newest attempt: it succeeded."""


class Counts(NamedTuple):
    """All that an API counts."""

    by_domain: Rate
    by_address: Rate
    wrong_logins: Tries
    wrong_recordings: Tries
    wrong_links: Tries


def of_process(domain_rate: float, address_rate: float) -> Counts:
    """Counts of this process alone."""
    return Counts(
        Limit(domain_rate),
        Limit(address_rate),
        Attempts(LOGINS),
        Attempts(RECORDINGS),
        Attempts(LINKS),
    )


def of_workers(memory: int, domain_rate: float, address_rate: float) -> Counts:
    """Counts of all processes that have this memory, a file descriptor of `shared_memory`."""
    rates, logins, recordings, links = _tables(memory)
    return Counts(
        SharedLimit(domain_rate, rates, "domain"),
        SharedLimit(address_rate, rates, "address"),
        SharedAttempts(LOGINS, logins),
        SharedAttempts(RECORDINGS, recordings),
        SharedAttempts(LINKS, links),
    )


def shared_memory() -> int:
    """A file descriptor of new memory for `of_workers`; children inherit it."""
    memory = os.memfd_create("tongdai-counts", 0)
    os.ftruncate(memory, sum(Moments.size(most) for most in _TABLES))
    return memory


class Moments:
    """The last `most` moments of each key, in shared memory from `start` on. When a key has no
    slot left among its neighbours, the one whose last moment is the oldest loses its own.
    """

    def __init__(self, memory: int, start: int, most: int) -> None:
        self._memory, self._start, self._most = memory, start, most
        self._slot = struct.Struct(f"{_KEY}s{most}d")
        self._bytes = mmap.mmap(memory, 0)

    @staticmethod
    def size(most: int) -> int:
        """The bytes that it takes."""
        return _SLOTS * (_KEY + 8 * most)

    @contextmanager
    def of(self, key: Hashable) -> Iterator[list[float]]:
        """The moments of the key, oldest first, to be changed; nobody else changes them
        meanwhile. Of more than `most` the oldest are dropped.
        """
        digest = blake2b(repr(key).encode(), digest_size=_KEY).digest()
        fcntl.lockf(self._memory, fcntl.LOCK_EX, 1, self._start)
        try:
            at, moments = self._find(digest)
            yield moments
            kept = moments[-self._most :]
            kept += [0.0] * (self._most - len(kept))
            self._slot.pack_into(self._bytes, at, digest, *kept)
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN, 1, self._start)

    def _find(self, digest: bytes) -> tuple[int, list[float]]:
        """The slot of the key, or the one that it may take, and its moments."""
        first = int.from_bytes(digest) % _SLOTS
        oldest = (math.inf, 0)
        for n in range(_NEIGHBOURS):
            at = self._start + (first + n) % _SLOTS * self._slot.size
            known, *moments = self._slot.unpack_from(self._bytes, at)
            if known == digest:
                return at, [one for one in moments if one]
            oldest = min(oldest, (max(moments), at))
        return oldest[1], []


def _tables(memory: int) -> Iterator[Moments]:
    start = 0
    for most in _TABLES:
        yield Moments(memory, start, most)
        start += Moments.size(most)


class SharedLimit:
    """`limits.Limit` of all workers. Its moments are those at which a key is full again."""

    def __init__(
        self, rate: float, moments: Moments, name: str, clock: Clock = time.monotonic
    ) -> None:
        self._interval_s, self._clock = 1 / rate if rate else 0.0, clock
        self._moments, self._name = moments, name

    def take(self, key: Hashable) -> None:
        """Counts one more request of the key. Raises errors.TooManyRequests; then it does not
        count.
        """
        if self._interval_s:
            with self._moments.of((self._name, key)) as full_at:
                full_at.append(
                    filled(full_at[0] if full_at else 0.0, self._clock(), self._interval_s)
                )


class SharedAttempts:
    """`attempts.Attempts` of all workers."""

    def __init__(
        self, limit: int, moments: Moments, window_s: float = 60, clock: Clock = time.monotonic
    ) -> None:
        self._limit, self._moments, self._window_s, self._clock = limit, moments, window_s, clock

    def check(self, key: Hashable) -> None:
        """Raises errors.TooManyRequests when there were too many."""
        with self._moments.of(key) as made:
            left_s = made[0] + self._window_s - self._clock() if len(made) >= self._limit else 0.0
        if left_s > 0:
            raise errors.TooManyRequests(retry_after_s=math.ceil(left_s))

    def count(self, key: Hashable) -> None:
        """Counts one more attempt of the key."""
        with self._moments.of(key) as made:
            made.append(self._clock())

    def forgive(self, key: Hashable) -> None:
        """Uncounts the key's newest attempt: it succeeded."""
        with self._moments.of(key) as made:
            del made[-1:]
