"""What each signal makes of a call: the whole call flow, one case a transition.

Rule 1: everything that affects a call's course stands here and in beginning, routing, ringing,
queueing and transfer. Rule 2: stragglers are normal in signalling; a signal that means nothing at
this stage changes nothing. Rule 3: the switch rings, bridges and tears down two parties by itself;
we are asked again only when nobody answered.
        So a call ends when its last channel is gone, not when we say so.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import brakes, causes, cdr, events, outcomes, routing
from tongdai.pbx.actions import (
    Action,
    Dial,
    FinishRecording,
    HangUp,
    Originate,
    Party,
    Rotate,
    Wait,
)
from tongdai.pbx.call import Call, Leg, Stage, due
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.commands import Answer
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.events import Event
from tongdai.pbx.routing import CallOut, Destination, Enqueue, Refuse, Ring, RoutingContext
from tongdai.pbx.signals import (
    AgentOffered,
    BlindTransferred,
    DialEnded,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegHungUp,
    LegRinging,
    RecordingFinished,
    Refused,
    Signal,
    TimerFired,
    UnattendedTransfer,
)


class Step(msgspec.Struct, frozen=True):
    """The call after a signal, what to do, what to tell, and its record when it has ended; `done`
    when all is said.
    """

    call: Call
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    cdr: Cdr | None = None
    done: bool = False
    stop: brakes.Stop | None = None  # which limit on calls out it met
    answers: tuple[Answer, ...] = ()  # outcomes of commands


class Declined(msgspec.Struct, frozen=True):
    """A command that no call came of."""

    answer: Answer
    stop: brakes.Stop | None = None  # which limit on calls out it met


def step(call: Call, signal: Signal, context: RoutingContext) -> Step:
    """The whole course of a call, and the outcome of the command that asked for it."""
    made = _step(call, signal, context)
    if made.call.asker is None or not (answer := outcomes.due(made.call, signal)):
        return made
    return replace(made, call=replace(made.call, asker=None), answers=(answer,))


def _step(call: Call, signal: Signal, context: RoutingContext) -> Step:
    context = replace(context, own=call.extensions)
    match call.stage, signal:
        case Stage.ENDED, RecordingFinished():
            return _recorded(call, signal, context)
        case Stage.ENDED, _:
            return Step(call)
        case _, LegDialed():
            return _dialed(call, signal)
        case _, LegRinging():
            return Step(_with_leg(call, signal.channel, rang=True))
        case Stage.CALLING, LegAnswered() if (
            leg := call.leg(signal.channel)
        ) and leg.role == "caller":
            return _agent_answered(call, leg, signal)
        case _, LegAnswered():
            return _answered(call, signal)
        case _, HangupAsked():
            return _hangup_asked(call, signal)
        case _, LegHungUp():
            return _hung_up(call, signal, context)
        case Stage.RINGING | Stage.TALKING, DialEnded() if _is_back(call, signal):
            return _dial_ended(replace(_in_our_hands(call, signal), dial_ended=signal), context)
        case Stage.WAITING, AgentOffered():
            return _offer(call, signal, context)
        case _, TimerFired() if (moment := due(call)) is None or signal.at < moment:
            return Step(call)
        case Stage.RINGING, TimerFired() if call.dial_ended:
            return _not_answered(call, call.dial_ended, context)
        case Stage.WAITING, TimerFired():
            return _overflow(call, causes.RANG_OUT, context, signal.at)
        case Stage.CALLING, TimerFired():
            return _forgotten(call, signal)
        case Stage.CALLING, Refused(action=Originate()):
            return _originate_refused(call, signal)
        case Stage.RINGING, Refused(action=Dial()):
            return _dial_refused(call, signal)
        case Stage.WAITING, Refused(action=Wait()):
            return _wait_refused(call, signal, context)
        case Stage.RINGING | Stage.TALKING, BlindTransferred() if _is_back(call, signal):
            return _blind_transfer(call, signal, context)
        case _:
            return Step(call)


# --- going somewhere


def go(call: Call, destination: Destination, context: RoutingContext, at: datetime) -> Step:
    match destination:
        case Ring(rounds=()):
            call = replace(
                call, overflow=destination.overflow, receive_dest=destination.receive_dest
            )
            return _overflow(call, destination.ending, context, at)
        case Ring():
            return _ring(call, destination, context, at)
        case Enqueue(queue=number):
            return _enqueue(call, number, context, at)
        case CallOut(party=party, hotline=hotline):
            call = replace(
                call,
                stage=Stage.RINGING,
                hotline=call.hotline or hotline.number,
                rounds=(),
                overflow="",
            )
            return _dial(
                call,
                (party,),
                routing.OUTBOUND_TIMEOUT_S,
                context,
                caller_id=call.shown or hotline.number,
            )
        case Refuse(ending=ending, stop=stop):
            return replace(_give_up(call, ending), stop=stop)


def followed(call: Call, destination: Destination) -> Call:
    """The switch goes there by itself, without us: nothing comes after."""
    call = replace(call, rounds=(), until=None, overflow="")
    match destination:
        case Ring(receive_dest=number) | Enqueue(queue=number) if number:
            return replace(call, receive_dest=number)
        case _:
            return call


def _ring(call: Call, ring: Ring, context: RoutingContext, at: datetime) -> Step:
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
    rung = _dial(call, first.parties, min(first.timeout_s, ring.timeout_s), context)
    return replace(rung, actions=(*rung.actions, Rotate(ring.rotate))) if ring.rotate else rung


def _enqueue(call: Call, number: str, context: RoutingContext, at: datetime) -> Step:
    queue = context.directory.queues[number]
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


def _offer(call: Call, signal: AgentOffered, context: RoutingContext) -> Step:
    queue = context.directory.queues.get(call.queue)
    if queue is None:
        return _overflow(call, causes.ABSENT, context, signal.at)
    call = replace(call, stage=Stage.RINGING, offered=signal.extension)
    parties = tuple(map(Party, context.directory.endpoints(signal.extension)))
    return _dial(
        call, parties, _left(call, queue.ring_timeout_s, signal.at), context, music=queue.music
    )


def _left(call: Call, timeout_s: int, at: datetime) -> int:
    """Nobody rings for longer than the whole may take."""
    left = int((call.until - at).total_seconds()) if call.until else timeout_s
    return max(1, min(timeout_s, left))


def _dial(
    call: Call,
    parties: tuple[Party, ...],
    timeout_s: int,
    context: RoutingContext,
    *,
    caller_id: str = "",
    music: str = "",
) -> Step:
    """The party whose way we decide is shown by its own number; outbound, by the hotline."""
    leg = call.leg(call.channel)
    number = caller_id or (leg.number if leg else call.caller_number)
    rung = [known.extension for party in parties if (known := Endpoint.parse(party.endpoint))]
    record = context.directory.records(*rung, _own_extension(call))
    out_by = next((party.endpoint for party in parties if party.number), "")
    call = replace(call, attempt=call.attempt + 1, record=call.record or record, out_by=out_by)
    return Step(
        call, (Dial(call.channel, parties, timeout_s, number, record=record, music=music),)
    )


def _own_extension(call: Call) -> str:
    """The extension whose way we decide; "" for a party outside."""
    leg = call.leg(call.channel)
    return leg.number if leg and leg.is_extension else ""


def _give_up(call: Call, ending: causes.Ending) -> Step:
    ending = causes.most_telling([*call.failures, ending])
    call = replace(
        call,
        stage=Stage.RINGING,
        ending=ending,
        hangup_by=call.hangup_by or "system",
        rounds=(),
        queue="",
    )
    return Step(call, (HangUp(call.channel, ending.q850),))


# --- in between


def _dialed(call: Call, signal: LegDialed) -> Step:
    """A party is being called. An extension's second phone shares the first one's leg id: it is
    one extension.
    """
    if known := call.leg(signal.channel):
        return _known_dialed(call, known, signal)
    device = Endpoint.parse(signal.endpoint)
    leg = Leg(
        channel=signal.channel,
        number=device.extension if device else call.dialled,
        role="callee",
        is_extension=device is not None,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        attempt=call.attempt,
        trunk="" if device else signal.endpoint,
    )
    if leg.is_extension and not (call.is_click_to_call and call.answered_at is None):
        leg = _with_id(call, leg)
    call = replace(
        call,
        legs=(*call.legs, leg),
        extension=call.extension or (leg.number if leg.leg_uuid else ""),
    )
    return _ringing(call, leg, signal.at)


def _known_dialed(call: Call, leg: Leg, signal: LegDialed) -> Step:
    """Click-to-call: the extension's phone has been asked to ring, under the SIP Call-ID now
    known.
    """
    call = _with_leg(call, leg.channel, sip_call_id=leg.sip_call_id or signal.sip_call_id)
    return _ringing(call, leg, signal.at) if call.is_click_to_call and leg.is_live else Step(call)


def _with_id(call: Call, leg: Leg) -> Leg:
    """The leg under the id that events give it: the conversation's own for the first extension,
    else a derived one.
    """
    for sibling in call.told_legs:
        if (sibling.number, sibling.role, sibling.attempt) == (leg.number, "callee", leg.attempt):
            return replace(leg, leg_uuid=sibling.leg_uuid, told=sibling.told)
    return replace(
        leg,
        leg_uuid=ids.derived(call.call_uuid, leg.channel) if call.told_legs else call.call_uuid,
    )


def _ringing(call: Call, leg: Leg, at: datetime) -> Step:
    if leg.leg_uuid is None:
        return Step(call)
    call, told = tell(call, leg, "ringing", at)
    return Step(call, events=told)


def _agent_answered(call: Call, leg: Leg, signal: LegAnswered) -> Step:
    """Click-to-call: the extension picked up; the switch is calling the other side already."""
    if not leg.is_live:
        return Step(call)
    losers = tuple(
        HangUp(other.channel, causes.ANSWERED_ELSEWHERE)
        for other in call.live_legs
        if other.channel != leg.channel
    )
    leg = replace(leg, answered_at=signal.at, sip_call_id=leg.sip_call_id or signal.sip_call_id)
    call = replace(
        call,
        stage=Stage.RINGING,
        channel=leg.channel,
        legs=(leg, *(other for other in call.legs if other.channel != leg.channel)),
        until=call.until and call.until + (signal.at - call.started_at),
    )
    call, told = tell(call, leg, "ringing", signal.at)
    return Step(call, losers, told)


def _answered(call: Call, signal: LegAnswered) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or leg.role == "caller" or leg.connected_at or not leg.is_live:
        return Step(call)
    call = _with_leg(
        call,
        signal.channel,
        answered_at=signal.at,
        connected_at=signal.at,
        sip_call_id=leg.sip_call_id or signal.sip_call_id,
    )
    call = replace(
        call,
        stage=Stage.TALKING,
        answered_at=call.answered_at or signal.at,
        queue="",
        rounds=(),
        offered="",
        dial_ended=None,
        # who gives up may meet an answer on its way
        ended_at=call.ended_at and max(call.ended_at, signal.at),
    )
    is_first = not any(
        other.connected_at for other in call.told_legs if other.channel != leg.channel
    )
    if call.direction == "inbound" and leg.leg_uuid and is_first:
        call = replace(call, extension=leg.number)
    mine = call.leg(call.channel)
    if mine and mine.is_live and not mine.connected_at:
        call = _with_leg(call, mine.channel, connected_at=signal.at)
    ours = leg if leg.leg_uuid else mine
    if ours is None or ours.leg_uuid is None or not ours.is_live:
        return Step(call)
    call, rang = tell(call, ours, "ringing", signal.at)  # told already, unless signals were lost
    call, told = tell(call, ours, "answered", signal.at)
    return Step(call, events=(*rang, *told))


def _hangup_asked(call: Call, signal: HangupAsked) -> Step:
    """Who hung up first, of the two who talk; or the caller who gave up."""
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live or call.hangup_by or not _is_over_without(call, leg):
        return Step(call)
    return Step(replace(call, hangup_by=leg.role, ended_at=_not_before(call, signal.at)))


def _is_over_without(call: Call, leg: Leg) -> bool:
    """Two talk; more only while one hands over, whose leaving ends nothing. Before that, it is the
    caller's to end.
    """
    if call.stage is not Stage.TALKING:
        is_only = call.stage is not Stage.CALLING or len(call.live_legs) == 1
        return leg.channel == call.channel and is_only
    talking = [
        each.channel
        for each in call.live_legs
        if each.connected_at or each.channel == call.channel
    ]
    return leg.channel in talking and len(talking) <= 2


def _not_before(call: Call, at: datetime) -> datetime:
    """Signals may overtake each other; no call ends before it was answered."""
    return max(at, call.answered_at or call.started_at)


def _hung_up(call: Call, signal: LegHungUp, context: RoutingContext) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return Step(call)
    if call.ended_at is None and _is_over_without(call, leg):
        call = replace(call, ended_at=_not_before(call, signal.at))
    ending = causes.failure(signal.cause, signal.sip_status, rang=leg.rang)
    call = _with_leg(
        call, leg.channel, ended_at=signal.at, ending=ending, sip_status=signal.sip_status
    )
    call = replace(call, settled=call.settled or signal.settled)
    # nobody's way is left to decide
    if leg.channel == call.channel and call.stage in (Stage.RINGING, Stage.WAITING):
        call = replace(
            call, rounds=(), until=None, queue="", overflow="", offered="", dial_ended=None
        )
    told: tuple[Event, ...] = ()
    if leg.connected_at and leg.leg_uuid and call.call_id_mode == "leg":
        call, told = tell(call, leg, "hangup", call.ended_at or signal.at)
    if call.live_legs:
        return with_events(_dial_ended(call, context), told)
    return with_events(_end(call, signal.at), told)


def _is_back(call: Call, signal: DialEnded | BlindTransferred) -> bool:
    """Whether a party of ours waits to be routed; told twice, it came once."""
    leg = call.leg(signal.channel)
    if (
        isinstance(signal, UnattendedTransfer)
        and call.returned_at
        and signal.at <= call.returned_at
    ):
        return False
    return leg is not None and leg.is_live and signal.at != call.returned_at


def _in_our_hands(call: Call, signal: DialEnded | BlindTransferred) -> Call:
    """From now on we decide this party's way. Whatever was thought to have ended a talk was a
    transfer.
    """
    if call.stage is Stage.TALKING:
        call = replace(call, hangup_by="", ended_at=None)
    return replace(call, stage=Stage.RINGING, channel=signal.channel, returned_at=signal.at)


def _dial_ended(call: Call, context: RoutingContext) -> Step:
    """Decided when the last of those rung has said why: Asterisk may tell of their ends a moment
    later.
    """
    is_open = any(leg.attempt == call.attempt and not leg.connected_at for leg in call.live_legs)
    if call.dial_ended is None or is_open:
        return Step(call)
    return _not_answered(call, call.dial_ended, context)


def _not_answered(call: Call, signal: DialEnded, context: RoutingContext) -> Step:
    """The parties just rung did not answer: the next round, the queue again, the overflow, or the
    end.
    """
    ending = _why(call, signal)
    call = replace(_failed(call, ending), offered="", dial_ended=None)
    is_over = call.until is not None and signal.at >= call.until
    if call.rounds and not is_over:
        first, *rest = call.rounds
        timeout_s = _left(call, first.timeout_s, signal.at)
        return _dial(replace(call, rounds=tuple(rest)), first.parties, timeout_s, context)
    if call.queue and not is_over and (queue := context.directory.queues.get(call.queue)):
        return Step(replace(call, stage=Stage.WAITING), (Wait(call.channel, queue.music),))
    return _overflow(call, ending, context, signal.at)


def _why(call: Call, signal: DialEnded) -> causes.Ending:
    """Why nobody answered: what the parties' phones or carriers said; our own limit on ringing is
    a ring-out.
    """
    rung = [leg for leg in call.legs if leg.attempt == call.attempt and not leg.connected_at]
    endings = [leg.ending for leg in rung if leg.ending]
    is_ring_out = signal.dialstatus == "NOANSWER" and not any(leg.sip_status for leg in rung)
    if is_ring_out or not rung or len(endings) < len(rung):
        return _DIALSTATUS.get(signal.dialstatus, causes.ABSENT)
    return causes.most_telling(endings)


_DIALSTATUS = {"NOANSWER": causes.RANG_OUT, "BUSY": causes.BUSY, "CONGESTION": causes.FAILED}


def _failed(call: Call, ending: causes.Ending) -> Call:
    """Each way to fail once: a caller may wait long in a queue whose agents are away."""
    return call if ending in call.failures else replace(call, failures=(*call.failures, ending))


def _overflow(call: Call, ending: causes.Ending, context: RoutingContext, at: datetime) -> Step:
    """Go where the ring group or queue sends those whom nobody answered; or give up."""
    destination = (
        routing.inside(call.overflow, context, _own_extension(call)) if call.overflow else None
    )
    if destination is None or call.overflows >= routing.MAX_OVERFLOWS:
        return _give_up(call, ending)
    extension = call.extension or (
        call.overflow if call.overflow in context.directory.extensions else ""
    )
    call = replace(
        _failed(call, ending),
        overflow="",
        overflows=call.overflows + 1,
        rounds=(),
        queue="",
        extension=extension,
    )
    return go(call, destination, context, at)


def _blind_transfer(call: Call, signal: BlindTransferred, context: RoutingContext) -> Step:
    """The other party sent this one on. The call keeps its identity; its hang-up is not the
    end.
    """
    by = [
        leg
        for leg in call.legs
        if leg.is_extension and leg.connected_at and leg.channel != signal.channel
    ]
    by.sort(key=lambda leg: leg.connected_at or call.started_at)
    call = replace(
        _in_our_hands(call, signal), shown="", queue="", dial_ended=None, failures=(), overflows=0
    )
    destination = routing.from_phone(
        signal.dialled, context, _own_extension(call), by=by[-1].number if by else call.extension
    )
    if isinstance(signal, UnattendedTransfer):
        return Step(replace(followed(call, destination), attempt=call.attempt + 1, settled=True))
    return go(call, destination, context, signal.at)


# --- the end


def _end(call: Call, at: datetime) -> Step:
    """No channel is left. The record is written now; its event waits for the recording."""
    ending, at = _ending(call), call.ended_at or _not_before(call, at)
    by = call.hangup_by or ("caller" if ending == causes.CANCELLED else "system")
    call = replace(call, stage=Stage.ENDED, ended_at=at, ending=ending, hangup_by=by, offered="")
    told: tuple[Event, ...] = ()
    if not any("hangup" in leg.told for leg in call.legs):
        told = (events.of_call(call, call.told_leg, "hangup", at),)
    if call.direction == "inbound" and not call.answered_at:
        told = (*told, events.of_call(call, call.told_leg, "missed", at))
    if call.record and call.answered_at:
        return Step(
            call, (FinishRecording(call.call_uuid),), told, cdr.of(call, ending, "pending")
        )
    return Step(call, (), (*told, _cdr_event(call, "")), cdr.of(call, ending, "none"), done=True)


def _ending(call: Call) -> causes.Ending:
    """As we decided; else what the caller did; else why nobody was reached."""
    mine = call.leg(call.channel)
    own = [mine.ending] if mine and mine.ending else []
    if call.answered_at:
        return causes.ANSWERED
    if call.is_click_to_call and not call.legs[0].answered_at:
        agents = [leg.ending for leg in call.legs if leg.role == "caller" and leg.ending]
        return replace(causes.most_telling(agents), status="INVALID")
    if call.hangup_by == "caller" or (
        call.ending is None and own and own[0].cause == "NORMAL_CLEARING"
    ):
        return causes.CANCELLED
    rung = [leg.ending for leg in call.legs if leg.role == "callee" and leg.ending]
    return call.ending or causes.most_telling([*call.failures, *rung] or own)


def _forgotten(call: Call, signal: TimerFired) -> Step:
    """Click-to-call: the switch has not told what became of the extension's phones, and will not
    be waited for.
    """
    hang_ups = tuple(HangUp(leg.channel, causes.RANG_OUT.q850) for leg in call.live_legs)
    for leg in call.live_legs:
        call = _with_leg(call, leg.channel, ended_at=signal.at, ending=causes.RANG_OUT)
    over = _end(call, signal.at)
    return replace(over, actions=(*hang_ups, *over.actions))


def _dial_refused(call: Call, signal: Refused) -> Step:
    """Asterisk rings nobody for the party whose way we decide: its call ends."""
    leg = call.leg(signal.channel)
    if signal.channel != call.channel or call.ending or leg is None or not leg.is_live:
        return Step(call)
    return _give_up(replace(call, offered="", overflow="", until=None), causes.FAILED)


def _wait_refused(call: Call, signal: Refused, context: RoutingContext) -> Step:
    """The caller cannot wait in the queue: the overflow, or the end."""
    leg = call.leg(signal.channel)
    is_of_now = call.queued_at is None or signal.at > call.queued_at
    if signal.channel != call.channel or not is_of_now or leg is None or not leg.is_live:
        return Step(call)
    return _overflow(call, causes.FAILED, context, signal.at)


def _originate_refused(call: Call, signal: Refused) -> Step:
    """Click-to-call: this phone of the extension cannot be called; others may ring."""
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return Step(call)
    call = _with_leg(call, leg.channel, ended_at=signal.at, ending=causes.ABSENT)
    return Step(call) if call.live_legs else _end(call, signal.at)


def _recorded(call: Call, signal: RecordingFinished, context: RoutingContext) -> Step:
    status: cdr.RecordingStatus = "failed" if signal.failed else "ready" if signal.file else "none"
    url = context.recording_url + call.recording_token if status == "ready" else ""
    record = replace(
        cdr.of(call, call.ending or causes.ANSWERED, status), recording_file=signal.file or None
    )
    return Step(call, (), (_cdr_event(call, url),), record, done=True)


def _cdr_event(call: Call, recording_url: str) -> Event:
    return events.of_call(
        call, call.told_leg, "cdr", call.ended_at or call.started_at, recording_url=recording_url
    )


# --- small change


def _with_leg(call: Call, channel: str, **changes: object) -> Call:
    return replace(
        call,
        legs=tuple(
            replace(leg, **changes) if leg.channel == channel else leg for leg in call.legs
        ),
    )


def tell(
    call: Call, leg: Leg, name: events.EventName, at: datetime
) -> tuple[Call, tuple[Event, ...]]:
    """The event, and the call that remembers having told it, on every leg of that id. Told once,
    it is not told again.

    Where all legs go by one id, the call is answered once, whoever it is transferred to.
    """
    current = call.leg(leg.channel) or leg
    speaking = (
        call.legs if call.call_id_mode == "conversation" and name != "ringing" else (current,)
    )
    if any(name in each.told for each in speaking):
        return call, ()
    legs = tuple(
        replace(each, told=(*each.told, name))
        if each.leg_uuid and each.leg_uuid == current.leg_uuid
        else each
        for each in call.legs
    )
    return replace(call, legs=legs), (events.of_call(call, current, name, at),)


def with_events(step: Step, events: tuple[Event, ...]) -> Step:
    """These events first, then the step's own."""
    return replace(step, events=(*events, *step.events))
