"""What each signal makes of a call: the whole call flow, one case a transition.

Rule 1: everything that affects a call's course stands here and in beginning, routing, ringing, queueing and transfer.
Rule 2: stragglers are normal in signalling; a signal that means nothing at this stage changes nothing.
Rule 3: the switch rings, bridges and tears down two parties by itself; we are asked again only when nobody answered.
        So a call ends when its last channel is gone, not when we say so.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes, cdr, events, routing
from tongdai.pbx.actions import Action, Dial, FinishRecording, HangUp, Party, Rotate, Wait
from tongdai.pbx.call import Call, Leg, Stage
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.events import Event
from tongdai.pbx.routing import CallOut, Destination, Enqueue, Refuse, Ring, Scene
from tongdai.pbx.signals import (
    AgentOffered,
    BlindTransferred,
    DialEnded,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegHungUp,
    LegRinging,
    OriginateRefused,
    RecordingFinished,
    Signal,
    TimerFired,
)


class Step(msgspec.Struct, frozen=True):
    """The call after a signal, what to do, what to tell, and its record when it has ended; `done` when all is said."""

    call: Call
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    cdr: Cdr | None = None
    done: bool = False


def step(call: Call, signal: Signal, scene: Scene) -> Step:
    """The whole course of a call."""
    match call.stage, signal:
        case Stage.ENDED, RecordingFinished():
            return _recorded(call, signal, scene)
        case Stage.ENDED, _:
            return Step(call)
        case _, LegDialed():
            return _dialed(call, signal)
        case _, LegRinging():
            return Step(_with_leg(call, signal.channel, rang=True))
        case Stage.CALLING, LegAnswered():
            return _agent_answered(call, signal)
        case _, LegAnswered():
            return _answered(call, signal)
        case _, HangupAsked():
            return _hangup_asked(call, signal)
        case _, LegHungUp():
            return _hung_up(call, signal, scene)
        case Stage.RINGING | Stage.TALKING, DialEnded() if (leg := call.leg(signal.channel)) and leg.is_live:
            return _dial_ended(replace(call, stage=Stage.RINGING, channel=signal.channel, dial_ended=signal), scene)
        case Stage.WAITING, AgentOffered():
            return _offer(call, signal, scene)
        case Stage.RINGING, TimerFired() if call.dial_ended:
            return _not_answered(call, call.dial_ended, scene)
        case Stage.WAITING, TimerFired():
            return _overflow(call, causes.RANG_OUT, scene, signal.at)
        case Stage.CALLING, TimerFired():
            return Step(call, tuple(HangUp(leg.channel, causes.RANG_OUT.q850) for leg in call.live_legs))
        case Stage.CALLING, OriginateRefused():
            return _end(replace(call, legs=(_ended(call.legs[0], causes.ABSENT, signal.at), *call.legs[1:])), signal.at)
        case _, BlindTransferred():
            return _blind_transfer(call, signal, scene)
        case _:
            return Step(call)


# --- going somewhere


def go(call: Call, destination: Destination, scene: Scene, at: datetime) -> Step:
    match destination:
        case Ring(rounds=()):
            return _overflow(
                replace(call, overflow=destination.overflow, receive_dest=destination.receive_dest),
                causes.BUSY,
                scene,
                at,
            )
        case Ring():
            return _ring(call, destination, at)
        case Enqueue(queue=number):
            return _enqueue(call, number, scene, at)
        case CallOut(party=party, hotline=hotline):
            call = replace(call, stage=Stage.RINGING, hotline=call.hotline or hotline.number, rounds=(), overflow="")
            return _dial(call, (party,), routing.OUTBOUND_TIMEOUT_S, caller_id=call.shown or hotline.number)
        case Refuse(ending=ending):
            return _give_up(call, ending)


def _ring(call: Call, ring: Ring, at: datetime) -> Step:
    first, *rest = ring.rounds
    call = replace(
        call,
        stage=Stage.RINGING,
        rounds=tuple(rest),
        until=at + timedelta(seconds=ring.timeout_s),
        overflow=ring.overflow,
        receive_dest=ring.receive_dest or call.receive_dest,
        queue="",
    )
    rung = _dial(call, first.parties, min(first.timeout_s, ring.timeout_s))
    return replace(rung, actions=(*rung.actions, Rotate(ring.rotate))) if ring.rotate else rung


def _enqueue(call: Call, number: str, scene: Scene, at: datetime) -> Step:
    queue = scene.directory.queues[number]
    call = replace(
        call,
        stage=Stage.WAITING,
        queue=number,
        queued_at=at,
        until=at + timedelta(seconds=queue.timeout_s),
        overflow=queue.overflow,
        receive_dest=number,
        rounds=(),
    )
    return Step(call, (Wait(call.channel, queue.music),))


def _offer(call: Call, signal: AgentOffered, scene: Scene) -> Step:
    queue = scene.directory.queues.get(call.queue)
    if queue is None:
        return _overflow(call, causes.ABSENT, scene, signal.at)
    call = replace(call, stage=Stage.RINGING, offered=signal.extension)
    party = Party(endpoint=f"{signal.extension}@{call.domain}")
    return _dial(call, (party,), queue.ring_timeout_s, music=queue.music)


def _dial(call: Call, parties: tuple[Party, ...], timeout_s: int, *, caller_id: str = "", music: str = "") -> Step:
    """The party whose way we decide is shown by its own number; outbound, by the hotline."""
    leg = call.leg(call.channel)
    own = leg.number if leg else call.caller_number
    dial = Dial(call.channel, parties, timeout_s, caller_id or own, record=call.record, music=music)
    return Step(call, (dial,))


def _give_up(call: Call, ending: causes.Ending) -> Step:
    call = replace(call, stage=Stage.RINGING, ending=ending, hangup_by=call.hangup_by or "system", rounds=(), queue="")
    return Step(call, (HangUp(call.channel, ending.q850),))


# --- in between


def _dialed(call: Call, signal: LegDialed) -> Step:
    """A party is being called. An extension's second phone shares the first one's leg id: it is one extension."""
    if known := call.leg(signal.channel):
        return _agent_called(call, known, signal)
    user, at_sign, _ = signal.endpoint.partition("@")
    is_extension = bool(at_sign)
    if call.stage is Stage.CALLING:
        twin = replace(call.legs[0], channel=signal.channel, sip_call_id=signal.sip_call_id)
        return Step(replace(call, legs=(*call.legs, twin)))
    leg = Leg(
        channel=signal.channel,
        number=user if is_extension else call.dialled,
        role="callee",
        is_extension=is_extension,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
    )
    if not is_extension:
        return Step(replace(call, legs=(*call.legs, leg)))
    sibling = next(
        (live for live in call.live_legs if live.number == user and live.leg_uuid and live.role == "callee"), None
    )
    leg_uuid = sibling.leg_uuid if sibling else _leg_uuid(call, signal.channel)
    leg = replace(leg, leg_uuid=leg_uuid, told=sibling.told if sibling else ())
    extension = call.extension or user
    call = replace(call, legs=(*call.legs, leg), extension=extension)
    if sibling:
        return Step(call)
    call, ringing = tell(call, leg, "ringing", signal.at)
    return Step(call, events=ringing)


def _agent_called(call: Call, leg: Leg, signal: LegDialed) -> Step:
    """Click-to-call: the extension's phone has been asked to ring, under the SIP Call-ID now known."""
    if call.stage is not Stage.CALLING or "ringing" in leg.told:
        return Step(call)
    call = _with_leg(call, leg.channel, sip_call_id=signal.sip_call_id)
    call, ringing = tell(call, call.legs[0], "ringing", signal.at)
    return Step(call, events=ringing)


def _leg_uuid(call: Call, channel: str) -> UUID:
    """The first extension's leg goes by the conversation's own id; the others' can be computed again."""
    return ids.derived(call.call_uuid, channel) if call.told_legs else call.call_uuid


def _agent_answered(call: Call, signal: LegAnswered) -> Step:
    """Click-to-call: the extension picked up; the switch is calling the other side already."""
    losers = tuple(HangUp(leg.channel, 26) for leg in call.live_legs if leg.channel != signal.channel)
    call = _with_leg(call, signal.channel, answered_at=signal.at)
    first = [leg for leg in call.legs if leg.channel == signal.channel]
    others = [leg for leg in call.legs if leg.channel != signal.channel]
    call = replace(call, stage=Stage.RINGING, channel=signal.channel, legs=(*first, *others))
    return Step(call, losers)


def _answered(call: Call, signal: LegAnswered) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or leg.role == "caller" or leg.connected_at or not leg.is_live:
        return Step(call)
    call = _with_leg(call, signal.channel, answered_at=signal.at, connected_at=signal.at)
    call = replace(
        call, stage=Stage.TALKING, answered_at=call.answered_at or signal.at, queue="", rounds=(), offered=""
    )
    if leg.leg_uuid:
        if call.direction == "inbound" and not any(
            other.connected_at for other in call.told_legs if other.channel != leg.channel
        ):
            call = replace(call, extension=leg.number)
        call, told = tell(call, leg, "answered", signal.at)
        return Step(call, events=told)
    ours = next((own for own in call.told_legs if own.role == "caller" and own.is_live), None)
    if ours is None or ours.connected_at:
        return Step(call)
    call = _with_leg(call, ours.channel, connected_at=signal.at)
    call, told = tell(call, ours, "answered", signal.at)
    return Step(call, events=told)


def _hangup_asked(call: Call, signal: HangupAsked) -> Step:
    """Who hung up first, of the two who talk; or the caller who gave up."""
    leg = call.leg(signal.channel)
    is_party = leg is not None and (signal.channel == call.channel or leg.connected_at is not None)
    if call.hangup_by or not is_party or leg is None or (call.stage is not Stage.TALKING and leg.role != "caller"):
        return Step(call)
    return Step(replace(call, hangup_by=leg.role, ended_at=signal.at))


def _hung_up(call: Call, signal: LegHungUp, scene: Scene) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return Step(call)
    ending = causes.failure(signal.cause, signal.sip_status, rang=leg.rang)
    was_answered = leg.connected_at is not None
    gone = replace(_ended(leg, ending, signal.at), sip_status=signal.sip_status)
    call = replace(call, legs=tuple(gone if each is leg else each for each in call.legs))
    told: tuple[Event, ...] = ()
    if was_answered and leg.leg_uuid and call.call_id_mode == "leg":
        call, told = tell(call, leg, "hangup", call.ended_at or signal.at)
    if call.live_legs:
        return with_events(_dial_ended(call, scene), told)
    return with_events(_end(call, signal.at), told)


def _dial_ended(call: Call, scene: Scene) -> Step:
    """Decided when the last of those rung has said why: Asterisk may tell of their ends a moment later."""
    is_open = any(leg.role == "callee" and not leg.connected_at for leg in call.live_legs)
    if call.dial_ended is None or is_open:
        return Step(call)
    return _not_answered(call, call.dial_ended, scene)


def _not_answered(call: Call, signal: DialEnded, scene: Scene) -> Step:
    """The parties just rung did not answer: the next round, the queue again, the overflow, or the end."""
    ending = _why(call, signal)
    call = replace(call, failures=(*call.failures, ending), offered="", dial_ended=None)
    is_over = call.until is not None and signal.at >= call.until
    if call.rounds and not is_over:
        first, *rest = call.rounds
        left = int((call.until - signal.at).total_seconds()) if call.until else first.timeout_s
        return _dial(replace(call, rounds=tuple(rest)), first.parties, max(1, min(first.timeout_s, left)))
    if call.queue and not is_over and (queue := scene.directory.queues.get(call.queue)):
        return Step(replace(call, stage=Stage.WAITING), (Wait(call.channel, queue.music),))
    return _overflow(call, ending, scene, signal.at)


def _why(call: Call, signal: DialEnded) -> causes.Ending:
    """Why nobody answered: what the parties' phones or carriers said; our own limit on ringing is a ring-out."""
    rung = [leg for leg in call.legs if leg.role == "callee" and leg.ending and not leg.connected_at][-10:]
    if signal.dialstatus == "NOANSWER" and not any(leg.sip_status for leg in rung):
        return causes.RANG_OUT
    return causes.most_telling([leg.ending for leg in rung if leg.ending])


def _overflow(call: Call, ending: causes.Ending, scene: Scene, at: datetime) -> Step:
    """Go where the ring group or queue sends those whom nobody answered; or give up."""
    destination = routing.inside(call.overflow, scene) if call.overflow else None
    if destination is None or call.overflows >= routing.MAX_OVERFLOWS:
        return _give_up(call, causes.most_telling([*call.failures, ending]))
    call = replace(
        call, overflow="", overflows=call.overflows + 1, rounds=(), queue="", failures=(*call.failures, ending)
    )
    return go(call, destination, scene, at)


def _blind_transfer(call: Call, signal: BlindTransferred, scene: Scene) -> Step:
    """The other party sent this one on. The call keeps its identity; its hang-up is not the end."""
    leg = call.leg(signal.channel)
    if leg is None:
        return Step(call)
    by = next((own.number for own in call.told_legs if own.connected_at), call.extension)
    call = replace(call, channel=signal.channel, stage=Stage.RINGING, hangup_by="", ended_at=None, shown="", queue="")
    return go(call, routing.from_phone(signal.dialled, scene, by), scene, signal.at)


# --- the end


def _end(call: Call, at: datetime) -> Step:
    """No channel is left. The record is written now; its event waits for the recording."""
    ending = _ending(call)
    call = replace(call, stage=Stage.ENDED, ended_at=call.ended_at or at, ending=ending)
    told: tuple[Event, ...] = ()
    if not any("hangup" in leg.told for leg in call.legs):
        told = (events.tell(call, call.told_leg, "hangup", call.ended_at or at),)
    if call.direction == "inbound" and not call.answered_at:
        told = (*told, events.tell(call, call.told_leg, "missed", call.ended_at or at))
    if call.record and call.answered_at:
        return Step(call, (FinishRecording(call.call_uuid),), told, cdr.of(call, ending, "pending"))
    return Step(call, (), (*told, _cdr_event(call, "")), cdr.of(call, ending, "none"), done=True)


def _ending(call: Call) -> causes.Ending:
    if call.answered_at:
        return causes.ANSWERED
    if call.is_click_to_call and not call.legs[0].answered_at:
        return msgspec.structs.replace(call.legs[0].ending or causes.FAILED, status="INVALID")
    if call.hangup_by == "caller":
        return causes.CANCELLED
    return call.ending or causes.most_telling([*call.failures, *_leg_endings(call)])


def _leg_endings(call: Call) -> list[causes.Ending]:
    return [leg.ending for leg in call.legs if leg.role == "callee" and leg.ending]


def _recorded(call: Call, signal: RecordingFinished, scene: Scene) -> Step:
    status: cdr.RecordingStatus = "failed" if signal.failed else "ready" if signal.file else "none"
    url = scene.recording_url + call.recording_token if status == "ready" else ""
    record = replace(cdr.of(call, call.ending or causes.ANSWERED, status), recording_file=signal.file or None)
    return Step(call, (), (_cdr_event(call, url),), record, done=True)


def _cdr_event(call: Call, recording_url: str) -> Event:
    return events.tell(call, call.told_leg, "cdr", call.ended_at or call.started_at, recording_url=recording_url)


# --- small change


def _ended(leg: Leg, ending: causes.Ending, at: datetime) -> Leg:
    return replace(leg, ended_at=at, ending=ending)


def _with_leg(call: Call, channel: str, **changes: object) -> Call:
    return replace(call, legs=tuple(replace(leg, **changes) if leg.channel == channel else leg for leg in call.legs))


def tell(call: Call, leg: Leg, name: events.EventName, at: datetime) -> tuple[Call, tuple[Event, ...]]:
    """The event, and the call that remembers having told it, on every leg of that id."""
    current = call.leg(leg.channel) or leg
    legs = tuple(
        replace(each, told=(*each.told, name)) if each.leg_uuid and each.leg_uuid == current.leg_uuid else each
        for each in call.legs
    )
    return replace(call, legs=legs), (events.tell(call, current, name, at),)


def with_events(step: Step, events: tuple[Event, ...]) -> Step:
    """These events first, then the step's own."""
    return replace(step, events=(*events, *step.events))
