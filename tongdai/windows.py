"""Sliding windows: how often something happened to a key within the last so many seconds."""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Clock = Callable[[], float]
"""Seconds since any moment. They only grow, whatever happens to the time of day."""

_MANY = 10_000  # keys; beyond, those with nothing left in their window are forgotten


class SlidingWindow(Generic[Key]):
    """Counts moments by key. A moment leaves after `window_s` seconds of the clock, which is
    never the time of day: that may be set back.
    """

    def __init__(self, window_s: float, clock: Clock = time.monotonic) -> None:
        self.window_s, self._clock = window_s, clock
        self._moments: dict[Key, deque[float]] = {}
        self._sweep_at = _MANY

    def add(self, key: Key, ago_s: float = 0.0) -> None:
        """It happened to the key, now or `ago_s` seconds ago. A moment before the last one counts
        as that one, a moment ahead as now.
        """
        moments = self._moments.setdefault(key, deque())
        at = self._clock() - max(0.0, ago_s)
        moments.append(max(at, moments[-1]) if moments else at)
        if len(self._moments) > self._sweep_at:
            for one in [*self._moments]:
                self.count(one)
            self._sweep_at = max(_MANY, 2 * len(self._moments))

    def count(self, key: Key) -> int:
        """The number of times that it happened within the window."""
        if (moments := self._moments.get(key)) is None:
            return 0
        begins = self._clock() - self.window_s
        while moments and moments[0] <= begins:
            moments.popleft()
        if not moments:
            del self._moments[key]
        return len(moments)

    def falls_below(self, key: Key, limit: int) -> float:
        """In how many seconds the count is below the limit; 0 where it is now."""
        if self.count(key) < limit:
            return 0.0
        return self._moments[key][-limit] + self.window_s - self._clock()

    def take_back(self, key: Key) -> None:
        """The newest moment of the key does not count."""
        if moments := self._moments.get(key):
            moments.pop()

    def clear(self, key: Key) -> None:
        """Nothing of the key counts any more."""
        self._moments.pop(key, None)

    def counted(self) -> list[Key]:
        """The keys that something has happened to, perhaps not within the window."""
        return [*self._moments]
