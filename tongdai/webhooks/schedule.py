"""The schedule: one queue of what to check for due deliveries, and the earliest time for each: an
endpoint, a domain, or everything.
"""

import asyncio
import heapq
from contextlib import suppress
from typing import Literal
from uuid import UUID

import msgspec


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint that may have due deliveries. `id` stands for a callback URL of the domain."""

    domain: UUID
    id: UUID


class Domain(msgspec.Struct, frozen=True):
    """A domain with a new event for its subscriptions."""

    id: UUID


Subject = Endpoint | Domain | Literal["everything", "probes"]
"""`probes`: endpoints that wait for a slot of their domain."""


class Schedule:
    """Subjects by event loop time. Each is in it once, at the earliest time requested."""

    def __init__(self) -> None:
        self._times: dict[Subject, float] = {}
        self._heap: list[tuple[float, int, Subject]] = []
        self._count = 0  # entries are compared by it, never by their subjects
        self._has_earlier = asyncio.Event()

    def add(self, subject: Subject, not_before: float = 0.0) -> None:
        """The subject will be returned, not before that event loop time."""
        if not_before >= self._times.get(subject, float("inf")):
            return
        self._times[subject] = not_before
        self._count += 1
        heapq.heappush(self._heap, (not_before, self._count, subject))
        if self._heap[0][2] is subject:
            self._has_earlier.set()

    def take(self, now: float) -> list[Subject]:
        """Removes and returns the subjects that are due."""
        taken = []
        while self._heap and self._heap[0][0] <= now:
            at, _, subject = heapq.heappop(self._heap)
            if self._times.get(subject) == at:  # else it was moved to an earlier time, and taken
                del self._times[subject]
                taken.append(subject)
        return taken

    async def ripe(self) -> None:
        """Returns when there is something to take, or when `add` or `wake` was called
        meanwhile.
        """
        self._has_earlier.clear()
        next_at = self._heap[0][0] if self._heap else None
        if next_at is not None and next_at <= asyncio.get_running_loop().time():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout_at(next_at):
                await self._has_earlier.wait()

    def wake(self) -> None:
        """`ripe` returns."""
        self._has_earlier.set()
