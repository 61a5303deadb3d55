"""Attended transfer: two calls become one, and keep the identity of the first."""

from msgspec.structs import replace

from tongdai.pbx import events
from tongdai.pbx.actions import Record
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.events import Event
from tongdai.pbx.signals import AttendedTransferred
from tongdai.pbx.step import Step


def merge(call: Call, consultation: Call, signal: AttendedTransferred) -> Step:
    """The call with the consultation's parties as its own (RFC 5589 §7). Who transferred hangs up:
    that is no end.

    Where the consultation had not been answered yet, what it was about to do goes on for the party
    handed over.
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
        return replace(merged, stage=Stage.TALKING, answered_at=call.answered_at or signal.at)
    if consultation.stage not in (Stage.RINGING, Stage.WAITING):
        return merged
    return replace(
        merged,
        stage=consultation.stage,
        out_by=consultation.out_by,
        queue=consultation.queue,
        queued_at=consultation.queued_at,
        offered=consultation.offered,
        rounds=consultation.rounds,
        until=consultation.until,
        overflow=consultation.overflow,
        overflows=consultation.overflows,
        receive_dest=consultation.receive_dest or call.receive_dest,
        dial_ended=consultation.dial_ended,
    )


def _recording(call: Call, consultation: Call) -> tuple[Record, ...]:
    """The recording goes on where the new party is: Asterisk's hook on the party handed over does
    not hear the new one while RTP sequence numbers (RFC 3550 §5.1) are lower than the transferer's
    last.
    """
    transferers = {leg.number for leg in call.legs if leg.connected_at and leg.is_extension}
    targets = [leg for leg in consultation.live_legs if leg.number not in transferers]
    return (Record(targets[0].channel, call.call_uuid),) if call.record and targets else ()


def _over(consultation: Call, signal: AttendedTransferred) -> tuple[Event, ...]:
    """Where legs have no ids of their own, nothing more is told under the consultation's: it is
    over.
    """
    if consultation.call_id_mode == "leg" or not any(leg.told for leg in consultation.legs):
        return ()
    return (events.of_call(consultation, consultation.told_leg, "hangup", signal.at),)
