"""Limits on attempts: passwords, and guesses of the URLs of recordings and of phones' files."""

import math
import time
from collections.abc import Hashable

from tongdai import errors
from tongdai.windows import Clock, SlidingWindow


class Attempts:
    """At most `limit` attempts per key in any `window_s` seconds, in this process."""

    def __init__(self, limit: int, window_s: float = 60, clock: Clock = time.monotonic) -> None:
        self._limit, self._made = limit, SlidingWindow[Hashable](window_s, clock)

    def check(self, key: Hashable) -> None:
        """Raises errors.TooManyRequests when there were too many."""
        if (wait_s := self._made.falls_below(key, self._limit)) > 0:
            raise errors.TooManyRequests(retry_after_s=math.ceil(wait_s))

    def count(self, key: Hashable) -> None:
        """Counts one more attempt of the key."""
        self._made.add(key)

    def forgive(self, key: Hashable) -> None:
        """Uncounts the key's newest attempt: it succeeded."""
        self._made.take_back(key)
