"""Waiting for a database that is away."""

import asyncio
import contextlib

from tongdai import errors
from tongdai.store import db

RETRY_S = 0.5


class Outage:
    """However many calls wait, one looks whether the database answers: others need what
    connections there are.
    """

    def __init__(self, database: db.Database) -> None:
        self._database, self._looking = database, asyncio.Lock()
        self._ended = 0  # how often one was over

    async def over(self) -> None:
        """Returns when it answers."""
        ended = self._ended
        async with self._looking:
            while ended == self._ended:
                await asyncio.sleep(RETRY_S)
                with contextlib.suppress(errors.Unavailable):
                    await self._database.check()
                    self._ended += 1
