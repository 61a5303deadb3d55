"""Health probe of the database: tells a database that hangs from a slow statement."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from tongdai import errors, messages
from tongdai.store import db

_BEAT_S = 0.2  # between a response and the next query
_LOOK_S, _LOOKS = 0.2, 3  # without a response: silence
_GIVE_UP_S = 2.0  # then the query uses another connection

_log = structlog.get_logger()


class HealthProbe:
    """Sends the smallest possible query at intervals, on a connection of its own.

    A statement may be slow because it reads much; this one cannot. A refusal is a response too:
    other statements get it as fast. Waits on locks of other connections do not show in it.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._tx: db.Tx | None = None
        self._is_silent = False
        self._waiting: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def while_healthy(self) -> AsyncIterator[None]:
        """Cancels its body within a second when the database falls silent; does not start it
        during the silence.

        Then raises errors.Unavailable; a commit in the body may have happened.
        """
        if self._is_silent:
            raise _hangs()
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                yield
        except TimeoutError as reason:
            if not waiting.expired():
                raise
            raise _hangs() from reason
        finally:
            self._waiting.discard(waiting)

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                await self._watch()
                await asyncio.sleep(_BEAT_S)
        finally:
            self._drop()

    async def _watch(self) -> None:
        """Sends one query. Returns when its response comes or the silence begins."""
        question = asyncio.create_task(self._ask(), name="health_probe")
        try:
            # several, so that a pause of this process itself counts as one
            for _ in range(_LOOKS):
                await asyncio.wait((question,), timeout=_LOOK_S)
                if question.done():
                    return self._is_now(silent=False)
            self._is_now(silent=True)
            if await question:
                self._is_now(silent=False)
        finally:
            question.cancel()

    def _is_now(self, *, silent: bool) -> None:
        if silent == self._is_silent:
            return
        self._is_silent = silent
        if not silent:
            _log.warning("database.answers")
            return
        _log.warning("database.silent", requests=len(self._waiting))
        now = asyncio.get_running_loop().time()
        while self._waiting:
            self._waiting.pop().reschedule(now)

    async def _ask(self) -> bool:
        """Sends a query. Returns whether it was answered; if not, the next one uses another
        connection.
        """
        with contextlib.suppress(
            errors.TongdaiError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError
        ):
            if self._tx is None or self._tx.is_closed():
                self._tx = await db.connect(self._dsn, _GIVE_UP_S)
            await self._tx.execute("SELECT 1")
            return True
        self._drop()
        return False

    def _drop(self) -> None:
        if self._tx is not None:
            self._tx.terminate()
            self._tx = None


def _hangs() -> errors.Unavailable:
    return errors.Unavailable(messages.DATABASE_SILENT)
