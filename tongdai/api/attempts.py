"""Counts attempts, so that nobody can try for ever: passwords, recording URLs."""

import math
import time
from collections import deque
from collections.abc import Hashable

from tongdai import errors

_MANY = 10_000  # keys; beyond, those whose time is over are forgotten


class Attempts:
    """At most `limit` attempts a key in any `window_s` seconds, in this process."""

    def __init__(self, limit: int, window_s: float = 60) -> None:
        self._limit, self._window_s = limit, window_s
        self._times: dict[Hashable, deque[float]] = {}

    def check(self, key: Hashable) -> None:
        """Raises errors.TooManyRequests when there were too many."""
        now, times = time.monotonic(), self._times.get(key, ())
        recent = [at for at in times if at > now - self._window_s]
        if len(recent) >= self._limit:
            raise errors.TooManyRequests(
                retry_after_s=math.ceil(recent[-self._limit] + self._window_s - now)
            )

    def count(self, key: Hashable) -> None:
        """One more attempt of the key."""
        if len(self._times) >= _MANY:
            self._forget_the_old()
        self._times.setdefault(key, deque(maxlen=self._limit)).append(time.monotonic())

    def forgive(self, key: Hashable) -> None:
        """The key's newest attempt was a good one: it does not count."""
        if times := self._times.get(key):
            times.pop()

    def _forget_the_old(self) -> None:
        oldest = time.monotonic() - self._window_s
        self._times = {
            key: times for key, times in self._times.items() if times and times[-1] > oldest
        }
