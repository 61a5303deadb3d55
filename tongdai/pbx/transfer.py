"""Attended transfer: two calls become one, with the identity of the first."""

from msgspec.structs import replace

from tongdai.pbx import events
from tongdai.pbx.actions import Record
from tongdai.pbx.call import Call, Leaving, Ringing, Talking, Waiting
from tongdai.pbx.events import Event
from tongdai.pbx.signals import AttendedTransferred
from tongdai.pbx.step import Step


def merge(call: Call, consultation: Call, signal: AttendedTransferred) -> Step:
    """The call with the consultation's parties as its own (RFC 5589 §7). The transferer's hang-up
    does not end the call.

    If the consultation had not been answered yet, its course goes on for the transferee.
    """
    joined = _joined(call, consultation, signal)
    return Step(joined, _recording(call, consultation), _over(consultation, signal))


def _joined(call: Call, consultation: Call, signal: AttendedTransferred) -> Call:
    known = {leg.channel for leg in call.legs}
    others = tuple(
        replace(leg, attempt=leg.attempt and call.attempt + leg.attempt)
        for leg in consultation.legs
        if leg.channel not in known
    )
    merged = replace(
        call,
        channel=signal.channel,
        legs=(*call.legs, *others),
        attempt=call.attempt + consultation.attempt,
        merged=(*call.merged, consultation.call_uuid, *consultation.merged),
        hangup_by="",
        ended_at=None,
        record=call.record or consultation.record,
    )
    if consultation.answered_at:
        return replace(merged, course=Talking(), answered_at=call.answered_at or signal.at)
    if not isinstance(consultation.course, Ringing | Waiting | Leaving):
        return merged
    return replace(
        merged,
        course=consultation.course,
        overflows=consultation.overflows,
        receive_dest=consultation.receive_dest or call.receive_dest,
    )


def _recording(call: Call, consultation: Call) -> tuple[Record, ...]:
    """The recording goes on at the new party: Asterisk's hook on the transferee does not hear it
    while its RTP sequence numbers (RFC 3550 §5.1) are lower than the transferer's last.
    """
    transferers = {leg.number for leg in call.legs if leg.connected_at and leg.is_extension}
    targets = [leg for leg in consultation.live_legs if leg.number not in transferers]
    return (Record(targets[0].channel, call.call_uuid),) if call.record and targets else ()


def _over(consultation: Call, signal: AttendedTransferred) -> tuple[Event, ...]:
    """The consultation's last events. In call_id_mode "conversation" no event has its id
    afterwards.
    """
    if consultation.call_id_mode == "leg" or not any(leg.published for leg in consultation.legs):
        return ()
    return (events.of_call(consultation, consultation.published_leg, "hangup", signal.at),)
