"""Exports: long lists that are being read, a few of each domain at a time, so that none takes the
process from the others.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from tongdai import errors

AT_ONCE = 2  # of a domain
_RETRY_S = 30


class Exports:
    """The exports of this process."""

    def __init__(self) -> None:
        self._running: Counter[UUID] = Counter()

    @contextmanager
    def one(self, domain_uuid: UUID) -> Iterator[None]:
        """Counts one more of the domain. Raises errors.TooManyRequests when there are too many."""
        if self._running[domain_uuid] >= AT_ONCE:
            raise errors.TooManyRequests(retry_after_s=_RETRY_S)
        self._running[domain_uuid] += 1
        try:
            yield
        finally:
            self._running -= Counter((domain_uuid,))
