"""Slots that domains share fairly: for POSTs, and for name look-ups."""

import asyncio
from collections import Counter, deque
from uuid import UUID


class FairSlots:
    """`total` slots. One domain holds at most `per_domain` of them, so it cannot use up all; when
    several domains wait, free slots go to them in turn.
    """

    def __init__(self, total: int, per_domain: int) -> None:
        self._free, self._per_domain = total, min(per_domain, total)
        self._held = Counter[UUID | None]()
        # the domain that waits longest is first
        self._waiting: dict[UUID | None, deque[asyncio.Future[None]]] = {}

    def left(self, domain: UUID | None) -> int:
        """The number of slots that the domain may still take before it reaches its own limit."""
        waiting = len(self._waiting.get(domain, ()))
        return max(0, self._per_domain - self._held[domain] - waiting)

    async def acquire(self, domain: UUID | None) -> None:
        """The domain takes one slot, and gives it back by `release`."""
        if self._free and self._held[domain] < self._per_domain:
            self._take(domain)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(domain, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(domain)  # it was handed over while this task was being cancelled
            raise

    def release(self, domain: UUID | None) -> None:
        """Frees the slot, or hands it to the next waiting domain that may have it."""
        self._free += 1
        self._held[domain] -= 1
        if not self._held[domain]:
            del self._held[domain]
        for waiting in [*self._waiting]:
            if self._held[waiting] < self._per_domain and self._hand_over(waiting):
                break

    def _hand_over(self, domain: UUID | None) -> bool:
        """Hands the slot to one that waits for the domain; the domain is then last in turn. False:
        none waits.
        """
        turns = self._waiting.pop(domain)
        while turns:
            turn = turns.popleft()
            if not turn.done():
                self._take(domain)
                turn.set_result(None)
                break
        else:
            return False
        if turns:
            self._waiting[domain] = turns
        return True

    def _take(self, domain: UUID | None) -> None:
        self._free -= 1
        self._held[domain] += 1
