"""A call as we know it, compared with what runs on the switch: the differences are signals like
all others.
"""

from datetime import datetime

from tongdai.asterisk import events
from tongdai.asterisk.switch import Standing
from tongdai.pbx.call import Call
from tongdai.pbx.signals import LegAnswered, LegDialed, LegHungUp, Signal

SWITCH_FAILED = 41  # Q.850: temporary failure


def running(call: Call, standing: Standing) -> dict[str, events.Channel]:
    """The channels of the call, and of what became part of it, by id."""
    known = (call.call_uuid, *call.merged)
    return {
        channel.id: channel
        for call_uuid in known
        for channel in standing.channels.get(call_uuid, ())
    }


def gone(call: Call, standing: Standing, at: datetime) -> list[Signal]:
    """Legs that the switch has no more; they ended then."""
    channels = running(call, standing)
    return [
        LegHungUp(leg.channel, max(at, leg.started_at), SWITCH_FAILED, settled=True)
        for leg in call.live_legs
        if leg.channel not in channels
    ]


def unheard(call: Call, standing: Standing, now: datetime) -> list[Signal]:
    """Legs that the switch has besides, and answers that we did not hear."""
    found: list[Signal] = []
    for channel in running(call, standing).values():
        known = call.leg(channel.id)
        if known is None:
            found.append(LegDialed(channel.id, now, channel.endpoint, channel.protocol_id))
        if channel.state == "Up" and (known is None or not known.answered_at):
            found.append(LegAnswered(channel.id, now, channel.protocol_id))
    return found
