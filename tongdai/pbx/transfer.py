"""Attended transfer: two calls become one, with the identity of the first."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import hangups, recording
from tongdai.pbx.actions import Action
from tongdai.pbx.call import (
    Call,
    Calling,
    Choosing,
    Ended,
    Joined,
    Leaving,
    Leg,
    Parked,
    Ringing,
    Talking,
    Transfer,
    Waiting,
)
from tongdai.pbx.events import Event
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import AttendedTransferred
from tongdai.pbx.step import Step, publish, with_leg


def merge(
    call: Call, consultation: Call, signal: AttendedTransferred, context: RoutingContext
) -> Step:
    """The call with the consultation's parties as its own (RFC 5589 §7). The transferer's hang-up
    does not end the call.

    If the consultation had not been answered yet, its course goes on for the transferee. Its ids
    have a hangup now; the parties that the transferer had called get events under new ids, which
    show the transferee. If none of them answers, the transferee comes back to the transferer.
    """
    targets = _targets(call, consultation)
    by = consultation.caller.number if consultation.caller.is_extension else call.extension
    consultation, published = hangups.at_transfer(consultation, signal.at)
    joined = _joined(call, consultation, signal)
    for number in dict.fromkeys(leg.number for leg in targets if _is_called(leg)):
        joined, more = _shown(joined, number, targets, by, signal.at)
        published += more
    joined, stopped = hangups.stopped(joined)
    joined, recorded = _recording(joined, targets, context)
    return Step(joined, recorded, (*published, *stopped))


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
        visits=(*call.visits, *consultation.visits),
        joined=(*call.joined, *_callers(consultation), *consultation.joined),
        notes=tuple(sorted((*call.notes, *consultation.notes), key=lambda note: note.at)),
    )
    if consultation.answered_at:
        return replace(merged, course=Talking(), answered_at=call.answered_at or signal.at)
    match consultation.course:
        case Calling() | Talking() | Ended():
            return merged
        case Ringing() | Waiting() | Choosing() | Parked() | Leaving():
            return _goes_on_as(consultation, merged, call.receive_dest)
        case _:
            assert_never(consultation.course)


def _goes_on_as(consultation: Call, merged: Call, came_by: str) -> Call:
    """The merged call has the course of the consultation, which is not answered yet."""
    return replace(
        merged,
        course=consultation.course,
        overflows=consultation.overflows,
        receive_dest=consultation.receive_dest or came_by,
        transfer=Transfer(consultation.caller.number, came_by)
        if consultation.caller.is_extension
        else None,
    )


def _callers(consultation: Call) -> tuple[Joined, ...]:
    """The customer who had called by itself, if the consultation was such a call."""
    if consultation.direction != "inbound":
        return ()
    leg = consultation.published_leg
    return (
        Joined(
            call_id=consultation.published_id(leg),
            sip_call_id=(leg or consultation.caller).sip_call_id,
            from_number=consultation.caller_number,
            to_number=leg.number if leg else consultation.dialled,
            hotline=consultation.hotline,
            extension=consultation.extension,
            receive_dest=consultation.receive_dest,
            customer_id=consultation.customer_id,
            started_at=consultation.started_at,
            answered_at=consultation.answered_at,
        ),
    )


def _is_called(leg: Leg) -> bool:
    """Whether events show the target: an extension, or a number outside that was called."""
    return leg.is_extension or leg.role == "callee"


def _targets(call: Call, consultation: Call) -> list[Leg]:
    """The transfer targets: the parties of the consultation besides the transferer; before it is
    answered, those that are being called.
    """
    transferers = {leg.number for leg in call.legs if leg.connected_at and leg.is_extension}
    others = [leg for leg in consultation.live_legs if leg.number not in transferers]
    return [leg for leg in others if leg.connected_at or not consultation.answered_at]


def _recording(
    call: Call, targets: list[Leg], context: RoutingContext
) -> tuple[Call, tuple[Action, ...]]:
    """The recording goes on at the new party, if the two may be recorded."""
    target = call.leg(targets[0].channel) if targets else None
    return recording.of_talk(call, target, context) if target else (call, ())


def _shown(
    call: Call, number: str, targets: list[Leg], by: str, at: datetime
) -> tuple[Call, tuple[Event, ...]]:
    """The party is the callee of the transferee now, under an id of its own."""
    own = [leg for leg in targets if leg.number == number]
    leg_uuid = ids.derived(call.call_uuid, own[0].channel)
    for leg in own:
        call = with_leg(
            call,
            leg.channel,
            role="callee",
            leg_uuid=leg_uuid,
            published=(),
            connected_at=at if leg.connected_at else None,
            transferred_by=by,
        )
    former = {leg.leg_uuid for leg in own if leg.leg_uuid} - {*call.merged}
    call = replace(call, former_ids=(*call.former_ids, *sorted(former)))
    shown = call.leg(own[0].channel) or own[0]
    call, published = publish(call, shown, "ringing", at)
    if shown.connected_at:
        call, answered = publish(call, shown, "answered", at)
        published += answered
    return call, published
