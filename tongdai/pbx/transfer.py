"""Attended transfer: two calls become one, with the identity of the first."""

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import hangups
from tongdai.pbx.actions import Record
from tongdai.pbx.call import Call, Leaving, Leg, Ringing, Talking, Waiting
from tongdai.pbx.events import Event
from tongdai.pbx.signals import AttendedTransferred
from tongdai.pbx.step import Step, publish, with_leg


def merge(call: Call, consultation: Call, signal: AttendedTransferred) -> Step:
    """The call with the consultation's parties as its own (RFC 5589 §7). The transferer's hang-up
    does not end the call.

    If the consultation had not been answered yet, its course goes on for the transferee. Its ids
    have a hangup now; the extensions that it was with get events under new ids, which show the
    transferee.
    """
    targets = _targets(call, consultation)
    consultation, published = hangups.at_transfer(consultation, signal.at)
    joined = _joined(call, consultation, signal)
    for extension in dict.fromkeys(leg.number for leg in targets if leg.is_extension):
        joined, more = _shown(joined, extension, targets, signal)
        published += more
    joined, stopped = hangups.stopped(joined)
    return Step(joined, _recording(call, targets), (*published, *stopped))


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


def _targets(call: Call, consultation: Call) -> list[Leg]:
    """The transfer targets: the parties of the consultation besides the transferer; before it is
    answered, those that are being called.
    """
    transferers = {leg.number for leg in call.legs if leg.connected_at and leg.is_extension}
    others = [leg for leg in consultation.live_legs if leg.number not in transferers]
    return [leg for leg in others if leg.connected_at or not consultation.answered_at]


def _recording(call: Call, targets: list[Leg]) -> tuple[Record, ...]:
    """The recording goes on at the new party: Asterisk's hook on the transferee does not hear it
    while its RTP sequence numbers (RFC 3550 §5.1) are lower than the transferer's last.
    """
    return (Record(targets[0].channel, call.call_uuid),) if call.record and targets else ()


def _shown(
    call: Call, extension: str, targets: list[Leg], signal: AttendedTransferred
) -> tuple[Call, tuple[Event, ...]]:
    """The extension is the callee of the transferee now, under an id of its own."""
    own = [leg for leg in targets if leg.number == extension]
    leg_uuid = ids.derived(call.call_uuid, own[0].channel)
    for leg in own:
        call = with_leg(
            call,
            leg.channel,
            role="callee",
            leg_uuid=leg_uuid,
            published=(),
            connected_at=signal.at if leg.connected_at else None,
        )
    former = {leg.leg_uuid for leg in own if leg.leg_uuid} - {*call.merged}
    call = replace(call, former_ids=(*call.former_ids, *sorted(former)))
    shown = call.leg(own[0].channel) or own[0]
    call, published = publish(call, shown, "ringing", signal.at)
    if shown.connected_at:
        call, answered = publish(call, shown, "answered", signal.at)
        published += answered
    return call, published
