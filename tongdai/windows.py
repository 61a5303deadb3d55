"""Sliding windows: how often something happened to a key within the last so many seconds."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_MANY = 10_000  # keys; beyond, those with nothing left in their window are forgotten


class SlidingWindow(Generic[Key]):
    """Counts moments by key, in seconds of any one clock. A moment leaves after `window_s`, also
    when that clock is set back meanwhile: what seems to lie ahead happened just now.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._moments: dict[Key, deque[float]] = {}
        self._sweep_at = _MANY

    def add(self, key: Key, at: float) -> None:
        """It happened to the key at that moment, which is not before the last one unless the clock
        was set back.
        """
        moments = self._moments.setdefault(key, deque())
        _none_ahead(moments, at)
        moments.append(at)
        if len(self._moments) > self._sweep_at:
            for one in [*self._moments]:
                self.count(one, at)
            self._sweep_at = max(_MANY, 2 * len(self._moments))

    def count(self, key: Key, now: float) -> int:
        """How often it happened within the window."""
        if (moments := self._moments.get(key)) is None:
            return 0
        _none_ahead(moments, now)
        while moments and moments[0] <= now - self.window_s:
            moments.popleft()
        if not moments:
            del self._moments[key]
        return len(moments)

    def falls_below(self, key: Key, limit: int, now: float) -> float:
        """In how many seconds the count is below the limit; 0 where it is now."""
        if self.count(key, now) < limit:
            return 0.0
        return self._moments[key][-limit] + self.window_s - now

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


def _none_ahead(moments: deque[float], now: float) -> None:
    """No moment is later than now; their order stays."""
    if moments and moments[-1] > now:
        earlier = [min(at, now) for at in moments]
        moments.clear()
        moments.extend(earlier)
