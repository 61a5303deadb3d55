"""One call's signals, handled one after the other: no locks, and no call waits for another."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tongdai.pbx import call as calls
from tongdai.pbx.call import Call
from tongdai.pbx.signals import Signal, TimerFired


class Yield(msgspec.Struct, frozen=True):
    """Not a signal: the call is asked for, to become part of another. It is `given` as it stands
    then, None when it is over already; if it is `taken`, its mailbox closes.
    """

    at: datetime
    given: "asyncio.Future[Call | None]"
    taken: "asyncio.Future[bool]"


class Look(msgspec.Struct, frozen=True):
    """Not a signal: the call as it stands then is looked at, and what is found missing is handled
    before all else.
    """

    at: datetime
    missing: Callable[[Call], list[Signal]]


class Mailbox:
    """`call` is None until its first signal is handled; `is_busy` while one is handled, however
    long that takes.
    """

    def __init__(self, call: Call | None = None) -> None:
        self.call = call
        self.is_busy = False
        self.signals: asyncio.Queue[Signal | Yield | Look] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        return not self.is_busy and self.signals.empty()

    def put(self, signal: Signal | Yield | Look) -> None:
        self.signals.put_nowait(signal)

    def drain(self) -> list[Signal | Yield | Look]:
        """What was in it; it is empty now."""
        return [self.signals.get_nowait() for _ in range(self.signals.qsize())]

    def arm(self) -> None:
        """The moment that the call waits for will be signalled."""
        self.disarm()
        if self.call is None or (due := calls.due(self.call)) is None:
            return
        left = (due - datetime.now(UTC)).total_seconds()
        self._timer = asyncio.get_running_loop().call_later(
            max(0.0, left), self._fire, self.call.channel
        )

    def disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _fire(self, channel: str) -> None:
        self.put(TimerFired(channel, datetime.now(UTC)))
