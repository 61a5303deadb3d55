"""Services that we started and that are started again when they end by themselves; and parts of
this process that are begun again when they fail.

Calls outlive a fault of ours. A part that fails is begun again, and what cannot be ends this
process alone: PostgreSQL and Asterisk go on, as after `kill -9`, and the next start takes them
over. Only a stop that was asked for stops them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from prometheus_client import Counter

from tongdai import errors

log = structlog.get_logger()

DELAYS_S = (0.0, 1.0, 5.0, 15.0, 30.0)  # before each new start; the last one repeats
STABLE_S = 60.0  # a service or part that ran so long is started again without a delay

_failures = Counter(
    "tongdai_part_failures_total",
    "Parts of this process that failed and were begun again.",
    ["part"],
)


class Service(Protocol):
    """PostgreSQL, Asterisk or the sandbox, running."""

    adopted: bool  # it ran before us, started by a process that is no more

    async def wait(self) -> None:
        """Returns when it has ended, for whatever reason."""

    async def stop(self) -> None:
        """Returns when it has ended as asked."""


class Supervised:
    """A running service under supervision. `restart` starts it again at the same address, or
    raises errors.SetupError.
    """

    def __init__(
        self,
        name: str,
        service: Service,
        restart: Callable[[], Awaitable[Service]],
        delays_s: Sequence[float] = DELAYS_S,
    ) -> None:
        self._name, self._service, self._restart = name, service, restart
        self._delays_s = delays_s
        self._was_adopted, self._is_left = service.adopted, False

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
            log.error(
                "service.ended", service=self._name, restart_in_s=_delay_s(self._delays_s, tries)
            )
            tries = await self._start(tries)
            log.warning("service.restarted", service=self._name)

    async def _start(self, tries: int) -> int:
        """The number of tries so far, once it runs."""
        while True:
            await asyncio.sleep(_delay_s(self._delays_s, tries))
            tries += 1
            try:
                self._service = await self._restart()
            except (errors.SetupError, OSError) as reason:
                log.error("service.not_started", service=self._name, why=str(reason))  # noqa: TRY400 -- one line, no traceback
            else:
                return tries

    def leave(self, *, only_adopted: bool = False) -> None:
        """`stop` will leave the service running; with `only_adopted` one that ran before us."""
        self._is_left = self._was_adopted or not only_adopted

    async def stop(self) -> None:
        """Returns when the service has ended as asked, or at once where it is to be left."""
        if self._is_left:
            log.warning("service.left_running", service=self._name)
        else:
            await self._service.stop()


async def kept(
    part: str,
    run: Callable[[], Awaitable[None]],
    again: Callable[[], None] | None = None,
    delays_s: Sequence[float] = DELAYS_S,
) -> None:
    """Runs a part until it is cancelled or ends. One that fails is begun again at once, and one
    that keeps failing after longer and longer delays; `again` is called before.

    Raises errors.SetupError, which is for the operator to mend.
    """
    clock = asyncio.get_running_loop().time
    tries = 0
    while True:
        began = clock()
        try:
            return await run()
        except Exception as reason:
            if _is_of_the_setup(reason):
                raise
            tries = 0 if clock() - began > STABLE_S else tries
            log.exception("part.failed", part=part, again_in_s=_delay_s(delays_s, tries))
        _failures.labels(part).inc()
        await asyncio.sleep(_delay_s(delays_s, tries))
        tries += 1
        if again:
            again()


def _is_of_the_setup(reason: Exception) -> bool:
    if isinstance(reason, ExceptionGroup):
        return reason.subgroup(errors.SetupError) is not None
    return isinstance(reason, errors.SetupError)


def _delay_s(delays_s: Sequence[float], tries: int) -> float:
    return delays_s[min(tries, len(delays_s) - 1)]
