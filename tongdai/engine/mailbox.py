"""The mailbox of one call: its signals, handled one after the other. This needs no locks, and no
call waits for another.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from tongdai.pbx import call as calls
from tongdai.pbx.call import Call
from tongdai.pbx.signals import Signal, TimerFired


class HandOver:
    """Not a signal: another mailbox asks for this call, to merge it into its own.

    In order: the owner offers the call after all earlier items; the taker takes or leaves it; the
    mailbox of a taken call closes.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        loop = asyncio.get_running_loop()
        self._offered: asyncio.Future[Call | None] = loop.create_future()
        self._taken: asyncio.Future[bool] = loop.create_future()

    async def offer(self, call: Call | None) -> bool:
        """For the owner: offers the call (None: there is none). Returns whether the taker has
        taken it.
        """
        self._offered.set_result(call)
        return await self._taken

    def refuse(self) -> None:
        """For an owner that closes: its call has ended."""
        self._offered.set_result(None)

    async def offered(self) -> Call | None:
        """For the taker: the offered call, None if it has ended. `take` or `leave` must follow."""
        return await self._offered

    def take(self) -> None:
        self._taken.set_result(True)

    def leave(self) -> None:
        self._taken.set_result(False)


class Reconcile(msgspec.Struct, frozen=True):
    """Not a signal: compares the call of that moment with the switch. `missing` gives the lost
    signals; they are handled before all others.
    """

    at: datetime
    missing: Callable[[Call], list[Signal]]


Item: TypeAlias = Signal | HandOver | Reconcile


class Mailbox:
    """`call` is None before its first signal has been handled; `is_busy` while one is handled."""

    def __init__(self, call: Call | None = None) -> None:
        self.call = call
        self.is_busy = False
        self.task: asyncio.Task[None] | None = None
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._due: datetime | None = None  # of the timer

    @property
    def is_idle(self) -> bool:
        return not self.is_busy and self._items.empty()

    @property
    def waiting(self) -> int:
        """The number of items not handled yet."""
        return self._items.qsize()

    def put(self, item: Item) -> None:
        self._items.put_nowait(item)

    async def get(self) -> Item:
        return await self._items.get()

    def drain(self) -> list[Item]:
        """Removes and returns all items."""
        return [self._items.get_nowait() for _ in range(self._items.qsize())]

    def arm(self) -> None:
        """Sets the timer: TimerFired comes at the moment for which the call waits, if any.

        A timer that is set for this moment stays as it is, and fires on time, whatever became of
        the time of day meanwhile.
        """
        due = calls.due(self.call) if self.call else None
        if self._timer and due == self._due:
            return
        self.disarm()
        if self.call is None or due is None:
            return
        left = (due - datetime.now(UTC)).total_seconds()
        self._due = due
        self._timer = asyncio.get_running_loop().call_later(
            max(0.0, left), self._fire, self.call.channel, due
        )

    def disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _fire(self, channel: str, due: datetime) -> None:
        self._timer = None
        self.put(TimerFired(channel, max(due, datetime.now(UTC))))
