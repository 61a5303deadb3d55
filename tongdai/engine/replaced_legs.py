"""Legs that an INVITE with Replaces (RFC 3891) brought into a call: Asterisk answers and connects
them before their channel has been in the dialplan, so that no signal of ARI tells of them.

Their first trace is an answer in the CEL log by a channel of ours without a call's id; then the
switch's channels and bridges show in whose place they are.
"""

from datetime import UTC, datetime

import structlog

from tongdai import errors, ids
from tongdai.asterisk import cel_log, events, translate
from tongdai.asterisk.switch import Snapshot, Switch
from tongdai.engine.mailboxes import Mailboxes
from tongdai.pbx import causes
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import Call

log = structlog.get_logger()

LOOKS = 10  # at a channel that is in no call yet, before it is hung up


class ReplacedLegs:
    """Tells calls of legs that took the place of another."""

    def __init__(self, switch: Switch, mailboxes: Mailboxes) -> None:
        self._switch, self._mailboxes = switch, mailboxes
        self._looks = 0  # still to be taken
        self._found: set[str] = set()  # channels that a call knows of
        self._unknown: set[str] = set()  # at the last look, those that their calls do not know

    def see(self, entries: list[cel_log.Entry]) -> None:
        """New entries of the CEL log."""
        if any(map(cel_log.is_answer_without_call, entries)):
            self.suspect()

    def suspect(self) -> None:
        """There may be such legs."""
        self._looks = LOOKS

    async def look(self) -> None:
        """Looks for them, if there may be any."""
        if not self._looks or not self._switch.is_up:
            return
        self._looks -= 1
        try:
            snapshot = await self._switch.snapshot()
            bridges = await self._switch.bridges() if snapshot.strays else ()
        except errors.SwitchDown:
            return
        running = {each.id for each in snapshot.every}
        self._found &= running
        before = len(self._found)
        strays = [each for each in snapshot.strays if each.id not in self._found]
        for channel in strays:
            await self._stray(channel, bridges, snapshot, running)
        self._moved(snapshot, running)
        if len(self._found) > before and all(each.id in self._found for each in strays):
            self._looks = 0

    async def _stray(
        self,
        channel: events.Channel,
        bridges: tuple[events.Bridge, ...],
        snapshot: Snapshot,
        running: set[str],
    ) -> None:
        """A channel without a call's id that talks with a party of a call of ours, or will."""
        peers = {
            peer for bridge in bridges if channel.id in bridge.channels for peer in bridge.channels
        }
        for call_uuid, channels in snapshot.channels.items():
            mailbox = self._mailboxes.of(call_uuid)
            call = mailbox.call if mailbox else None
            if call is None or peers.isdisjoint(each.id for each in channels):
                continue
            if gone := _gone(call, running):
                self._replaced(call, gone, channel)
                return
        if not self._looks:
            log.warning("replaced.unknown", channel=channel.name)
            await self._switch.act(ids.new(), HangUp(channel.id, causes.FOREIGN.q850))

    def _moved(self, snapshot: Snapshot, running: set[str]) -> None:
        """Channels that took the place of another in Asterisk's own structures (a masquerade):
        they have the call's id. One that is new to its call at two looks is no leg whose events
        are under way.
        """
        unknown: set[str] = set()
        for call_uuid, channels in snapshot.channels.items():
            mailbox = self._mailboxes.of(call_uuid)
            if mailbox is None or not mailbox.is_idle or (call := mailbox.call) is None:
                continue
            for channel in channels:
                if channel.state != "Up" or call.leg(channel.id):
                    continue
                unknown.add(channel.id)
                if channel.id in self._unknown and (gone := _gone(call, running)):
                    self._replaced(call, gone, channel)
        self._unknown = unknown

    def _replaced(self, call: Call, gone: str, channel: events.Channel) -> None:
        self._found.add(channel.id)
        at = events.moment(channel.creationtime) if channel.creationtime else datetime.now(UTC)
        signal = translate.replaced(gone, channel, at)
        self._mailboxes.put(call.call_uuid, signal)


def _gone(call: Call, running: set[str]) -> str:
    """The channel whose place was taken: one that the call still has, else the one that left it
    last; "" for none.
    """
    gone = [leg for leg in call.legs if leg.channel not in running]
    last = max(gone, key=lambda leg: (leg.is_live, leg.ended_at or leg.started_at), default=None)
    return last.channel if last else ""
