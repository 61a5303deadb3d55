"""Control of a talk by command: from what is asked of the switch to its outcome.

The switch does one action of a call at a time, wholly or not at all. Until it has told the
outcome, the call is as it was, and other commands are refused. `steering` has the commands.
"""

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from tongdai import errors
from tongdai.pbx import recording, steering
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import Call, Ended, Leg, Steering, Talking
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.commands import (
    Answer,
    Control,
    HoldCall,
    Outcome,
    ParkCall,
    TransferCall,
    UnholdCall,
)
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import ControlAsked, Executed, LegHeld, LegUnheld, TalkFound
from tongdai.pbx.step import Step, ignored, with_leg


def asked(call: Call, signal: ControlAsked, context: RoutingContext) -> Step:
    """A user steers the talk. The outcome follows once the switch has told it; a command that
    cannot be carried out now is refused at once.
    """
    if signal.domain_uuid != call.domain_uuid:
        return _refused(call, signal, errors.NotFound.code)
    if isinstance(call.course, Ended) or call.hangup_by:
        return _refused(call, signal, errors.CallEnded.code)
    if call.steering:
        return _refused(call, signal, errors.SteeringRefused.code)
    made = _steer(call, signal.command, context, signal.at, signal.command_uuid)
    if isinstance(made, Outcome):
        return _answered(Step(call), signal.command_uuid, made)
    return made


def _steer(
    call: Call,
    command: Control,
    context: RoutingContext,
    at: datetime,
    command_uuid: UUID | None = None,
) -> Step | Outcome:
    """The action is under way, or the reason why it is not."""
    talk = _talk(call)
    if talk is None:
        return Outcome(error=errors.CallNotTalking.code)
    made = steering.action(talk, command, context)
    if isinstance(made, Outcome):
        return made
    command = steering.named(talk, command)
    under_way = Steering(number=talk.number, at=at, command=command, command_uuid=command_uuid)
    return Step(replace(call, steering=under_way, steered=talk.number, acted=talk.number), (made,))


def _talk(call: Call) -> steering.Talk | None:
    """The two parties that talk, the controlled one first; None unless just two do."""
    legs = sorted(call.live_legs, key=lambda leg: leg.channel != call.channel)
    if not isinstance(call.course, Talking) or len(legs) != 2 or not all(map(_is_in, legs)):
        return None
    one, other = legs
    return steering.Talk(call, call.course, one, other, call.steered + 1)


def _is_in(leg: Leg) -> bool:
    return leg.connected_at is not None


def over_due(call: Call, at: datetime, context: RoutingContext) -> Step:
    """The hold has lasted for as long as it may."""
    if call.steering:
        return ignored(call)
    made = _steer(call, UnholdCall(call_uuid=call.call_uuid), context, at)
    return made if isinstance(made, Step) else ignored(call)


def executed(call: Call, signal: Executed) -> Step:
    """The switch has told the outcome of the action under way."""
    if call.steering is None or signal.number != call.steering.number:
        return ignored(call)
    return _concluded(call, call.steering, signal.at, is_done=signal.is_done)


def _concluded(call: Call, under_way: Steering, at: datetime, *, is_done: bool) -> Step:
    releases, call = left(call).actions, replace(call, steering=None)
    if not is_done:
        refused = Outcome(error=errors.SteeringRefused.code)
        return _answered(Step(call), under_way.command_uuid, refused)
    if isinstance(under_way.command, HoldCall) and len(call.live_legs) < 2:
        made = Step(call, releases)
    else:
        made = steering.done(call, under_way.command, at)
    return _answered(made, under_way.command_uuid, Outcome())


def left(call: Call) -> Step:
    """A party has hung up: of two that wait apart, or are about to, the other one is released
    too.
    """
    is_held = isinstance(call.course, Talking) and call.course.held_until is not None
    is_parting = call.steering is not None and isinstance(call.steering.command, HoldCall)
    if not is_held and not is_parting:
        return Step(call)
    released = (HangUp(leg.channel, ANSWERED.q850, is_asked=True) for leg in call.live_legs)
    return Step(call, tuple(released))


def found(call: Call, signal: TalkFound, context: RoutingContext) -> Step:
    """After a lost link, the places of the two parties in the switch decide what has been done."""
    if call.steering and signal.at <= call.steering.at:
        return ignored(call)
    if call.steering:
        return _found_steered(call, call.steering, signal, context)
    if isinstance(call.course, Talking) and call.course.held_until and not signal.is_held:
        return steering.done(call, UnholdCall(call_uuid=call.call_uuid), signal.at)
    return Step(call)


def _found_steered(
    call: Call, under_way: Steering, signal: TalkFound, context: RoutingContext
) -> Step:
    command = under_way.command
    if steering.is_repeatable(command):
        free = replace(call, steering=None)
        again = _steer(free, command, context, signal.at, under_way.command_uuid)
        if isinstance(again, Step):
            return again
    match command:
        case HoldCall():
            is_done = signal.is_held
        case UnholdCall():
            is_done = not signal.is_held
        case TransferCall() | ParkCall():
            is_done = _talk(call) is None
        case _:
            is_done = False
    return _concluded(call, under_way, signal.at, is_done=is_done)


def settled(before: Call, step: Step, at: datetime) -> Step:
    """The step; a pause of the recording ends with its talk, and a command that the switch had not
    told the outcome of when its call ended is answered.
    """
    call = step.call
    if _is_paused(before) and not _is_paused(call):
        step = replace(step, call=recording.without_pause(call, at))
    if call.steering is None or not isinstance(call.course, Ended):
        return step
    step = replace(step, call=replace(step.call, steering=None))
    ended = Outcome(error=errors.CallEnded.code)
    return _answered(step, call.steering.command_uuid, ended)


def _is_paused(call: Call) -> bool:
    return isinstance(call.course, Talking) and call.course.recording == "paused"


def phone_holds(call: Call, signal: LegHeld) -> Step:
    """A phone has put the other party on hold, or talks again."""
    leg, holds = call.leg(signal.channel), not isinstance(signal, LegUnheld)
    if leg is None or not leg.is_live or not leg.connected_at or leg.holds == holds:
        return ignored(call)
    call = with_leg(call, leg.channel, holds=holds)
    return steering.told(call, leg, "hold" if holds else "unhold", signal.at)


# --- what users are told


def _refused(call: Call, signal: ControlAsked, error: str) -> Step:
    outcome = Outcome(call_id=call.call_uuid, error=error)
    answer = Answer(signal.domain_uuid, call.call_uuid, signal.command_uuid, outcome)
    return Step(call, answers=(answer,))


def _answered(step: Step, command_uuid: UUID | None, outcome: Outcome) -> Step:
    """The step that also gives the command its outcome, if one waits for it."""
    if command_uuid is None:
        return step
    call = step.call
    outcome = replace(outcome, call_id=call.call_uuid)
    answer = Answer(call.domain_uuid, call.call_uuid, command_uuid, outcome)
    return replace(step, answers=(*step.answers, answer))
