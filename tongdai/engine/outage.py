"""Waiting for a database that is down."""

import asyncio
import contextlib

from tongdai import errors
from tongdai.store import db

RETRY_S = 0.5


class Outage:
    """One task probes the database for all waiting calls: other work needs the connections."""

    def __init__(self, database: db.Database, retry_s: float = RETRY_S) -> None:
        self._database, self._retry_s, self._looking = database, retry_s, asyncio.Lock()
        self._ended = 0  # outages that have ended

    async def over(self) -> None:
        """Returns when the database answers."""
        ended = self._ended
        async with self._looking:
            while ended == self._ended:
                await asyncio.sleep(self._retry_s)
                with contextlib.suppress(errors.Unavailable):
                    await self._database.check()
                    self._ended += 1
