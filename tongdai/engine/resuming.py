"""Parties that wait in Stasis without a decision: the engine died before it could act, or their
StasisStart was lost. They are routed as if they had just entered.
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
from tongdai.pbx.call import Call, waits_in_stasis
from tongdai.pbx.signals import Arrived


class _Suspect(msgspec.Struct, frozen=True):
    """A call that may have such a party. `course` is the call's course when noted, `snapshot` the
    switch's state then; None if an action of ours was under way.
    """

    course: object
    snapshot: Snapshot | None


class Resumer:
    """Checks each noted call `delay_s` later: events under way have arrived by then."""

    def __init__(self, engine: Engine, delay_s: float) -> None:
        self._engine, self._delay_s = engine, delay_s
        self._suspects: dict[UUID, _Suspect] = {}
        self._is_wanted = asyncio.Event()

    def suspect(self, call: Call, snapshot: Snapshot | None) -> None:
        """Routes a party that is in Stasis in `snapshot`, and still is `delay_s` later without a
        decision. `snapshot` None: at the next two checks.
        """
        self._suspects[call.call_uuid] = _Suspect(_decided(call), snapshot)
        self._is_wanted.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._is_wanted.wait()
            await asyncio.sleep(self._delay_s)
            try:
                snapshot = await self._engine.switch.snapshot()
            except errors.SwitchDown:  # after a reconnection the checks start over
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
        """Repeats the signal of its StasisStart. A call that had just begun begins again."""
        if not (meant := translate.standing(channel, datetime.now(UTC))):
            return
        mailbox, signal = self._engine.mailboxes[call.call_uuid], meant[1]
        if isinstance(signal, Arrived):
            self._engine.live_calls.forget(call)
            mailbox.call, signal = None, replace(signal, at=call.started_at)
        mailbox.put(signal)


def _decided(call: Call) -> object:
    """A value that changes with each decision for the call."""
    return type(call.course), call.channel, call.attempt, call.returned_at


def _stands(channel: events.Channel, before: events.Channel | None) -> bool:
    """Whether the channel is still at the same place."""
    return before is not None and before.dialplan == channel.dialplan


def _is_to_be_routed(call: Call, channel: events.Channel) -> bool:
    """Whether to route the channel; not a caller that waits there, in a queue."""
    leg = call.leg(channel.id)
    is_waiting = waits_in_stasis(call.course) and channel.state == "Up"
    return leg is not None and leg.is_live and not is_waiting
