"""Waiting for a database that is away."""

import asyncio
import contextlib

from tongdai import errors
from tongdai.store import db

RETRY_S = 0.5


class Outage:
    """However many calls wait, one asks the database whether it answers: the connections there
    are, others need.
    """

    def __init__(self, database: db.Database, retry_s: float = RETRY_S) -> None:
        self._database, self._retry_s, self._looking = database, retry_s, asyncio.Lock()
        self._ended = 0  # how often one was over

    async def over(self) -> None:
        """Returns when the database answers."""
        ended = self._ended
        async with self._looking:
            while ended == self._ended:
                await asyncio.sleep(self._retry_s)
                with contextlib.suppress(errors.Unavailable):
                    await self._database.check()
                    self._ended += 1
