"""Services that we started and that are started again when they end by themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from tongdai import errors

log = structlog.get_logger()

DELAYS_S = (0.0, 1.0, 5.0, 15.0, 30.0)  # before each new start; the last one repeats
STABLE_S = 60.0  # a service that ran so long is started again without a delay


class Service(Protocol):
    """PostgreSQL, Asterisk or the sandbox, running."""

    async def wait(self) -> None:
        """Returns when it has ended, for whatever reason."""

    async def stop(self) -> None:
        """Returns when it has ended as asked."""


class Supervised:
    """A running service under supervision. `restart` starts it again at the same address, or
    raises errors.SetupError.
    """

    def __init__(
        self, name: str, service: Service, restart: Callable[[], Awaitable[Service]]
    ) -> None:
        self._name, self._service, self._restart = name, service, restart

    async def run(self) -> None:
        """Until cancelled. A service that ends is started again at once; one that keeps ending,
        after longer and longer delays.
        """
        clock = asyncio.get_running_loop().time
        tries = 0
        while True:
            began = clock()
            await self._service.wait()
            tries = 0 if clock() - began > STABLE_S else tries
            log.error("service.ended", service=self._name, restart_in_s=_delay_s(tries))
            tries = await self._start(tries)
            log.warning("service.restarted", service=self._name)

    async def _start(self, tries: int) -> int:
        """The number of tries so far, once it runs."""
        while True:
            await asyncio.sleep(_delay_s(tries))
            tries += 1
            try:
                self._service = await self._restart()
            except (errors.SetupError, OSError) as reason:
                log.error("service.not_started", service=self._name, why=str(reason))  # noqa: TRY400 -- one line, no traceback
            else:
                return tries

    async def stop(self) -> None:
        """Returns when the service has ended as asked."""
        await self._service.stop()


def _delay_s(tries: int) -> float:
    return DELAYS_S[min(tries, len(DELAYS_S) - 1)]
