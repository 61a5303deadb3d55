"""One engine a node: the one that holds PostgreSQL's advisory lock on it. Others stand by."""

import asyncio
import contextlib

import structlog

from tongdai import errors
from tongdai.store import db, nodes

log = structlog.get_logger()

RETRY_S = 1.0


class Leader:
    """The lock on one node, held by a connection of its own while that lives."""

    def __init__(self, dsn: str, node: str, retry_s: float = RETRY_S) -> None:
        self._dsn, self._node, self._retry_s = dsn, node, retry_s
        self._held: db.Tx | None = None

    async def acquire(self) -> None:
        """Returns when this engine leads. Logs once that it is on standby."""
        is_told = False
        while not await self._leads():
            if not is_told:
                log.info("leader.standing_by", node=self._node)
                is_told = True
            await asyncio.sleep(self._retry_s)

    async def lost(self) -> None:
        """Returns when another engine leads. A database that is down is no reason: no engine can
        take over.
        """
        while True:
            await asyncio.sleep(self._retry_s)
            if self._held is not None and not self._held.is_closed():
                continue
            try:
                if not await self._try():
                    return
            except errors.Unavailable:
                continue

    async def release(self) -> None:
        if self._held is not None:
            await self._held.close()

    async def _leads(self) -> bool:
        """Whether this engine leads now; False while the database is down."""
        with contextlib.suppress(errors.Unavailable):
            return await self._try()
        return False

    async def _try(self) -> bool:
        """Whether the lock is ours. Raises errors.Unavailable when the database is down."""
        if self._held is None or self._held.is_closed():
            self._held = await db.connect(self._dsn)
        try:
            return await nodes.lead(self._held, self._node)
        # after any error the lock on this connection is worthless
        except Exception as reason:
            self._held.terminate()
            raise errors.Unavailable(str(reason)) from reason
