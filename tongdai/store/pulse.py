"""Whether the database answers at all: what tells one that hangs from one that takes its time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from tongdai import errors, messages
from tongdai.store import db

_BEAT_S = 0.2  # between an answer and the next question
_LOOK_S, _LOOKS = 0.2, 3  # that pass without an answer: silence
_GIVE_UP_S = 2.0  # then it is asked on another connection

_log = structlog.get_logger()


class Pulse:
    """Asks the smallest of questions all the time, on a connection of its own.

    A statement may take long because there is much to read; this one cannot. A refusal is an
    answer too: whoever asks gets it as fast. What another connection waits for is seen in neither.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._tx: db.Tx | None = None
        self._is_silent = False
        self._waiting: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """What is done in here is given up when the database falls silent, within a second, and
        not begun while it is.

        Raises errors.Unavailable then; what was to be committed may have been.
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
        """Until cancelled."""
        try:
            while True:
                await self._watch()
                await asyncio.sleep(_BEAT_S)
        finally:
            self._drop()

    async def _watch(self) -> None:
        """One question: whether anything comes back in time."""
        question = asyncio.create_task(self._ask(), name="pulse")
        try:
            # several, so that what kept this process itself from running counts as one
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
        """Whether it was answered; if not, the next question goes another way."""
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
