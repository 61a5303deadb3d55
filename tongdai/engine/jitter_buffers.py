"""Gives the parties of recorded talks a jitter buffer where their packets come unevenly: each is
looked at half a second after it was connected, and every five seconds from then on.
"""

import asyncio
import heapq
from typing import Protocol
from uuid import UUID

import msgspec
import prometheus_client
import structlog
from msgspec.structs import replace

from tongdai import errors
from tongdai.engine.live_calls import LiveCalls
from tongdai.pbx import jitter
from tongdai.pbx.call import Call
from tongdai.pbx.jitter import Reception

log = structlog.get_logger()

FIRST_S, AGAIN_S = 0.5, 5.0
LOOK_S = 0.1
MOST = 20
"""Parties in one look: with more talks than such looks can do, each is looked at less often."""
_NOTHING = Reception(0, 0.0)

_BUFFERS = prometheus_client.Counter(
    "tongdai_jitter_buffers_total",
    "Parties of recorded talks whose packets came unevenly, and who got a jitter buffer.",
    ["domain"],
)


class Switch(Protocol):
    """Of asterisk.switch.Switch, what is needed here."""

    async def reception(self, channel: str) -> Reception | None: ...
    async def buffer_jitter(self, channel: str, most_ms: int) -> None: ...


class _Party(msgspec.Struct, frozen=True, order=True):
    """A party of a call: when it is looked at (event loop's time), and what had come from it at
    the last look.
    """

    at: float
    channel: str
    domain_uuid: UUID
    call_uuid: UUID
    seen: Reception = _NOTHING


class JitterBuffers:
    """A buffer delays audio by `most_ms` at most; with 0 nobody gets one. Call `note` after each
    step of a call.
    """

    def __init__(self, switch: Switch, live_calls: LiveCalls, most_ms: int) -> None:
        self._switch, self._live_calls, self._most_ms = switch, live_calls, most_ms
        self._due: list[_Party] = []  # a heap

    def note(self, before: Call | None, call: Call) -> None:
        """New parties of the call will be looked at. `before` is the call before its last step."""
        if not self._most_ms:
            return
        known = jitter.recorded_parties(before) if before else frozenset()
        at = asyncio.get_running_loop().time() + FIRST_S
        for channel in jitter.recorded_parties(call) - known:
            heapq.heappush(self._due, _Party(at, channel, call.domain_uuid, call.call_uuid))

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look(asyncio.get_running_loop().time())

    async def look(self, now: float) -> None:
        """Looks at the parties that are due now (event loop's time), one after the other."""
        for _ in range(MOST):
            if not self._due or self._due[0].at > now:
                return
            if party := await self._look_at(heapq.heappop(self._due)):
                heapq.heappush(self._due, replace(party, at=now + AGAIN_S))

    async def _look_at(self, party: _Party) -> _Party | None:
        """The party as it is now; None if it need not be looked at any more."""
        call = self._live_calls.find(party.domain_uuid, party.call_uuid)
        if call is None or party.channel not in jitter.recorded_parties(call):
            return None
        try:
            seen = await self._switch.reception(party.channel)
            if seen is None or not jitter.is_uneven(jitter.since(party.seen, seen)):
                return replace(party, seen=seen or party.seen)
            await self._switch.buffer_jitter(party.channel, self._most_ms)
        except errors.SwitchDown:
            return party
        _BUFFERS.labels(call.domain).inc()
        log.info("call.uneven", call_id=str(call.call_uuid), domain=call.domain)
        return None
