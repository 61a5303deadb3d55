"""All calls' mailboxes: one task each, which hands its signals to the engine in order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from uuid import UUID

from tongdai.engine.mailbox import HandOver, Item, Mailbox, Reconcile
from tongdai.pbx.call import Call
from tongdai.pbx.signals import Arrived, CommandAsked, Signal


class Mailboxes(Mapping[UUID, Mailbox]):
    """Mailboxes by call. `handle` handles one signal and returns whether the call is over; then
    its mailbox closes, and `closed` is called with the items left.
    """

    def __init__(
        self,
        handle: Callable[[Mailbox, Signal], Awaitable[bool]],
        closed: Callable[[Mailbox, list[Item]], None],
    ) -> None:
        self._handle, self._closed = handle, closed
        self._boxes: dict[UUID, Mailbox] = {}
        self.merged: dict[UUID, UUID] = {}  # consultations, and the call each became part of

    def __getitem__(self, call_uuid: UUID) -> Mailbox:
        return self._boxes[call_uuid]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._boxes)

    def __len__(self) -> int:
        return len(self._boxes)

    def knows(self, call_uuid: UUID) -> bool:
        """Whether the call is live, alone or merged into another."""
        return self.merged.get(call_uuid, call_uuid) in self._boxes

    def of(self, call_uuid: UUID) -> Mailbox | None:
        """The mailbox of the call, alone or merged into another; None if it is over."""
        return self._boxes.get(self.merged.get(call_uuid, call_uuid))

    def put(self, call_uuid: UUID, signal: Signal) -> None:
        """Puts the signal into the call's mailbox; a call's first signal opens one. A signal of an
        ended call is dropped.
        """
        call_uuid = self.merged.get(call_uuid, call_uuid)
        mailbox = self._boxes.get(call_uuid)
        if mailbox is None:
            if not isinstance(signal, Arrived | CommandAsked):
                return
            mailbox = self._open(call_uuid)
        mailbox.put(signal)

    def open(self, call: Call) -> None:
        """A mailbox for a call that exists already."""
        self.merge(call, *call.merged)
        self._open(call.call_uuid, call).arm()

    def _open(self, call_uuid: UUID, call: Call | None = None) -> Mailbox:
        mailbox = self._boxes[call_uuid] = Mailbox(call)
        mailbox.task = asyncio.create_task(
            self._serve(call_uuid, mailbox), name=f"call-{call_uuid}"
        )
        return mailbox

    def merge(self, call: Call, *parts: UUID) -> None:
        """Signals of the parts go to the call from now on."""
        for part in parts:
            self.merged[part] = call.call_uuid

    def move(self, call_uuid: UUID, call: Call, first: Signal) -> None:
        """Signals of a new call go to another one from now on: this one, then those that came
        meanwhile.
        """
        self.merge(call, call_uuid)
        for each in (first, *self._boxes[call_uuid].drain()):
            if not isinstance(each, HandOver | Reconcile):
                self.put(call_uuid, each)

    def take(self, call_uuid: UUID) -> Mailbox:
        """Removes and returns the mailbox: no signal reaches it any more."""
        return self._boxes.pop(call_uuid)

    def drop(self, mailbox: Mailbox) -> None:
        """Closes the mailbox at once, even while it handles a signal."""
        self._close(mailbox)
        if mailbox.task:
            mailbox.task.cancel()

    async def close(self) -> None:
        """Closes all mailboxes at once. Calls go on in the switch."""
        for mailbox in self._boxes.values():
            mailbox.disarm()
        tasks = [mailbox.task for mailbox in self._boxes.values() if mailbox.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, call_uuid: UUID, mailbox: Mailbox) -> None:
        try:
            while not await self._take(mailbox, await mailbox.get()):
                mailbox.is_busy = False
        finally:
            mailbox.disarm()
            if self._boxes.get(call_uuid) is mailbox:
                del self._boxes[call_uuid]

    async def _take(self, mailbox: Mailbox, item: Item) -> bool:
        """Handles the item. Returns whether the mailbox is closed."""
        mailbox.is_busy = True
        match item:
            case HandOver():
                return await item.offer(mailbox.call)
            case Reconcile(missing=missing):
                signals = missing(mailbox.call) if mailbox.call else []
            case _:
                signals = [item]
        for signal in signals:
            if await self._handle(mailbox, signal):
                self._close(mailbox)
                return True
        return False

    def _close(self, mailbox: Mailbox) -> None:
        for part in mailbox.call.merged if mailbox.call else ():
            self.merged.pop(part, None)
        self._closed(mailbox, mailbox.drain())
