"""Compares a known call with the channels of Asterisk: the differences become signals."""

from datetime import datetime

from tongdai.asterisk import events, talks
from tongdai.asterisk.switch import Snapshot
from tongdai.pbx import causes
from tongdai.pbx.call import Call, Talking
from tongdai.pbx.signals import LegAnswered, LegDialed, LegHungUp, Signal, TalkFound


def running(call: Call, snapshot: Snapshot) -> dict[str, events.Channel]:
    """The channels of the call, and of the calls that became part of it, by id."""
    known = (call.call_uuid, *call.merged)
    return {
        channel.id: channel
        for call_uuid in known
        for channel in snapshot.channels.get(call_uuid, ())
    }


def gone(call: Call, snapshot: Snapshot, at: datetime) -> list[Signal]:
    """Hang-ups of legs that Asterisk no longer has, at that time."""
    channels = running(call, snapshot)
    return [
        LegHungUp(leg.channel, max(at, leg.started_at), causes.FAILED.q850, reconstructed=True)
        for leg in call.live_legs
        if leg.channel not in channels
    ]


def unheard(call: Call, snapshot: Snapshot, now: datetime) -> list[Signal]:
    """Legs that only Asterisk has, and answers that we missed."""
    found: list[Signal] = []
    for channel in running(call, snapshot).values():
        known = call.leg(channel.id)
        if known is None:
            found.append(LegDialed(channel.id, now, channel.endpoint, channel.protocol_id))
        if channel.state == "Up" and (known is None or not known.answered_at):
            found.append(LegAnswered(channel.id, now, channel.protocol_id))
    return found


def held(call: Call, snapshot: Snapshot, now: datetime) -> list[Signal]:
    """The place of the parties, if the call may be wrong about whether they are on hold."""
    is_held = isinstance(call.course, Talking) and call.course.held_until is not None
    if not is_held and not call.steering:
        return []
    contexts = {channel.dialplan.context for channel in running(call, snapshot).values()}
    return [TalkFound(call.channel, now, is_held=talks.HOLDING in contexts)]
