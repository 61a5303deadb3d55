"""Parties that stand in Stasis although nothing is decided for them: the engine died before it
could act, or their StasisStart was lost. They are routed as if they had just come there.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import errors
from tongdai.asterisk import events, translate
from tongdai.asterisk.switch import Snapshot
from tongdai.engine import reconcile
from tongdai.engine.engine import Engine
from tongdai.pbx.call import Call, Waiting
from tongdai.pbx.signals import Arrived


class _Suspect(msgspec.Struct, frozen=True):
    """A call that may have such a party. `course` is what was decided for it when it was noted,
    `snapshot` what ran then; None if an action of ours was under way.
    """

    course: object
    snapshot: Snapshot | None


class Resumer:
    """Looks at each call that it is given `delay_s` later: events of what was under way have come
    by then.
    """

    def __init__(self, engine: Engine, delay_s: float) -> None:
        self._engine, self._delay_s = engine, delay_s
        self._suspects: dict[UUID, _Suspect] = {}
        self._is_wanted = asyncio.Event()

    def suspect(self, call: Call, snapshot: Snapshot | None) -> None:
        """A party that stands in Stasis in `snapshot`, and still does `delay_s` later with nothing
        decided for it, is routed. `snapshot` None: in the two moments after now.
        """
        self._suspects[call.call_uuid] = _Suspect(_decided(call), snapshot)
        self._is_wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._is_wanted.wait()
            await asyncio.sleep(self._delay_s)
            try:
                snapshot = await self._engine.switch.snapshot()
            except errors.SwitchDown:  # the next link begins anew
                continue
            suspects, self._suspects = self._suspects, {}
            self._is_wanted.clear()
            for call_uuid, suspect in suspects.items():
                self._look(call_uuid, suspect, snapshot)

    def _look(self, call_uuid: UUID, suspect: _Suspect, snapshot: Snapshot) -> None:
        mailbox = self._engine.mailboxes.get(call_uuid)
        if mailbox is None or (call := mailbox.call) is None or _decided(call) != suspect.course:
            return
        if suspect.snapshot is None or not mailbox.is_idle:
            self.suspect(call, snapshot)
            return
        before = reconcile.running(call, suspect.snapshot)
        for channel in reconcile.running(call, snapshot).values():
            if _stands(channel, before.get(channel.id)) and _is_to_be_routed(call, channel):
                self._resume(call, channel)

    def _resume(self, call: Call, channel: events.Channel) -> None:
        """The signal of its StasisStart comes again. A call that had just begun begins again."""
        if not (meant := translate.standing(channel, datetime.now(UTC))):
            return
        mailbox, signal = self._engine.mailboxes[call.call_uuid], meant[1]
        if isinstance(signal, Arrived):
            self._engine.live_calls.forget(call)
            mailbox.call, signal = None, replace(signal, at=call.started_at)
        mailbox.put(signal)


def _decided(call: Call) -> object:
    """What changes whenever something is decided for a call."""
    return type(call.course), call.channel, call.attempt, call.returned_at


def _stands(channel: events.Channel, before: events.Channel | None) -> bool:
    """Whether it is where it was."""
    return before is not None and before.dialplan == channel.dialplan


def _is_to_be_routed(call: Call, channel: events.Channel) -> bool:
    """Not a caller that waits in a queue, with music: Stasis is its place."""
    leg = call.leg(channel.id)
    is_waiting = isinstance(call.course, Waiting) and channel.state == "Up"
    return leg is not None and leg.is_live and not is_waiting
