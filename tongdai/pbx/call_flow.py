"""The call flow: the effect of each signal on a call in each course, one case per transition.

Rule 1: everything that affects a call's course stands here and in setup, progress, release,
routing, hunting, queueing, transfer and replacement. Rule 2: late and repeated signals are normal;
one without a meaning in the present course changes nothing, and is counted. Rule 3: the switch
rings, bridges and tears down two parties by itself, and returns to us only without an answer. So a
call ends when its last channel is gone, not when we decide so.
"""

from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import (
    causes,
    control,
    forwarding,
    hangups,
    numbers,
    outcomes,
    parking,
    pickup,
    progress,
    refusal,
    release,
    replacement,
    routing,
)
from tongdai.pbx.actions import Ask, Dial, HangUp, Originate, Wait
from tongdai.pbx.call import (
    LATE_S,
    Call,
    Calling,
    Choosing,
    Ended,
    Hunt,
    Leaving,
    Leg,
    Parked,
    Ringing,
    Talking,
    Transfer,
    Waiting,
    due,
)
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import (
    AgentOffered,
    AgentsLeft,
    BlindTransferred,
    Chosen,
    Configured,
    ControlAsked,
    DialEnded,
    EndAsked,
    Executed,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegForwarded,
    LegHeld,
    LegHungUp,
    LegReplaced,
    LegRinging,
    PickupAsked,
    RecordingFinished,
    Refused,
    RetrievalAsked,
    Severed,
    Signal,
    TalkFound,
    TimerFired,
    TransferredInFallback,
    Unanswered,
)
from tongdai.pbx.step import Step, ignored, publish, with_events, with_leg


def step(call: Call, signal: Signal, context: RoutingContext) -> Step:
    """Applies the signal to the call; also the outcome of the command that asked for it, and the
    hangup event of each extension that does not ring any more.
    """
    made = _step(call, signal, context)
    after, stopped = hangups.stopped(made.call)
    made = replace(with_events(made, stopped), call=after) if stopped else made
    made = control.settled(call, made, signal.at)
    if made.call.requester is None or not (answer := outcomes.due(made.call, signal)):
        return made
    answered = replace(made.call, requester=None)
    return replace(made, call=answered, answers=(*made.answers, answer), unexpected=False)


def _step(call: Call, signal: Signal, context: RoutingContext) -> Step:
    context = replace(context, own=call.extensions)
    match call.course, signal:
        case Ended() as ended, RecordingFinished():
            return release.recorded(call, ended, signal, context)
        case _, EndAsked():
            return release.asked(call, signal)
        case _, ControlAsked():
            return control.asked(call, signal, context)
        case Ended(), _:
            return ignored(call)
        case _, LegReplaced():
            return _replaced(call, signal, context)
        case _, Severed():
            return replacement.sever(call, signal)
        case _, LegDialed():
            return _dialed(call, signal)
        case _, LegRinging():
            return _leg_rings(call, signal)
        case _, LegForwarded():
            return forwarding.requested(call, signal)
        case _, LegAnswered():
            return _answered(call, signal, context)
        case _, PickupAsked():
            return pickup.asked(call, signal)
        case _, RetrievalAsked():
            return parking.retrieve(call, signal, context)
        case Ringing(), Configured() if progress.is_back(call, signal):
            return progress.configured(call, signal, context)
        case _, HangupAsked():
            return _hangup_asked(call, signal)
        case _, Executed():
            return control.executed(call, signal)
        case _, TalkFound():
            return control.found(call, signal, context)
        case _, LegHeld():
            return control.phone_holds(call, signal)
        case _, LegHungUp():
            return _hung_up(call, signal, context)
        case ((Ringing() | Talking() | Leaving()), DialEnded()) if progress.is_back(call, signal):
            return progress.dial_ended(call, signal, context)
        case ((Ringing() | Talking() | Leaving()), BlindTransferred()) if _is_transferee(
            call, signal
        ):
            return _blind_transfer(call, signal, context)
        case Choosing() as choosing, Chosen() if progress.is_back(call, signal):
            return progress.chosen(call, choosing, signal, context)
        case Parked(), Chosen() if progress.is_back(call, signal):
            return progress.parked_too_long(call, signal, context)
        case Waiting() as waiting, AgentOffered():
            return progress.offer(call, waiting, signal, context)
        case Waiting(overflow=number), AgentsLeft() if number:
            return progress.overflow(call, number, causes.ABSENT, context, signal.at)
        case Calling(), Unanswered():
            return Step(call)  # the phone may ring; the API user gets the outcome
        case Calling(), Refused(action=Originate()):
            return release.originate_refused(call, signal)
        case Ringing(), Refused(action=Dial()):
            return progress.dial_refused(call, signal, context)
        case Waiting() as waiting, Refused(action=Wait()):
            return progress.wait_refused(call, waiting, signal, context)
        case Choosing() as choosing, Refused(action=Ask()):
            return progress.ask_refused(call, choosing, signal, context)
        case _, TimerFired() if (moment := due(call)) and signal.at >= moment:
            return _timer_fired(call, signal, context)
        case _:
            return ignored(call)


def _timer_fired(call: Call, signal: TimerFired, context: RoutingContext) -> Step:
    match call.course:
        case Ringing(dial_ended=DialEnded() as ended) as ringing:
            return progress.not_answered(call, ringing, ended, context)
        case Waiting(overflow=number):
            return progress.overflow(call, number, causes.NO_ANSWER, context, signal.at)
        case Calling() | Ringing() if call.unheard_legs:
            return refusal.dismiss(call, call.unheard_legs)
        case Calling():
            return release.forgotten(call, signal)
        case Talking():
            return control.over_due(call, signal.at, context)
        case Ringing() | Choosing() | Parked() | Leaving() | Ended():
            return ignored(call)
        case _:
            assert_never(call.course)


# --- legs come


def _dialed(call: Call, signal: LegDialed) -> Step:
    """A party is being called. The second phone of an extension shares the leg id of the first: it
    is one extension.
    """
    if known := call.leg(signal.channel):
        return _known_dialed(call, known, signal)
    device = Endpoint.parse(signal.endpoint)
    if device and device.domain != call.domain:
        return ignored(call)
    course = call.course.then if isinstance(call.course, Calling) else call.course
    ringing = course if isinstance(course, Ringing) else Ringing()
    leg = Leg(
        channel=signal.channel,
        number=device.extension if device else ringing.outside or call.dialled,
        role="callee",
        is_extension=device is not None,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        attempt=call.attempt,
        trunk="" if device else signal.endpoint,
        transferred_by=call.transfer.by if call.transfer else "",
        presented=ringing.presented,
        trunk_name=ringing.trunk_name,
    )
    is_shown = leg.is_extension or leg.transferred_by != ""
    if is_shown and not (call.is_click_to_call and call.answered_at is None):
        leg = _with_id(call, leg)
    call = replace(
        call,
        legs=(*call.legs, leg),
        extension=call.extension or (leg.number if leg.leg_uuid and leg.is_extension else ""),
    )
    return _publish_ringing(call, leg, signal)


def _known_dialed(call: Call, leg: Leg, signal: LegDialed) -> Step:
    """Click-to-call: the extension's phone has been asked to ring; its SIP Call-ID is known
    now.
    """
    call = with_leg(call, leg.channel, sip_call_id=leg.sip_call_id or signal.sip_call_id)
    if call.is_click_to_call and leg.is_live:
        return _publish_ringing(call, leg, signal)
    return Step(call)


def _with_id(call: Call, leg: Leg) -> Leg:
    """The leg with its id for events: the conversation's own for the first extension, else a
    derived one. Phones of one extension share it while they ring.
    """
    for sibling in call.published_legs:
        is_together = (sibling.role, sibling.attempt) == ("callee", leg.attempt)
        if is_together and sibling.number == leg.number and "hangup" not in sibling.published:
            return replace(leg, leg_uuid=sibling.leg_uuid, published=sibling.published)
    derived = ids.derived(call.call_uuid, leg.channel)
    return replace(leg, leg_uuid=derived if call.published_legs else call.call_uuid)


def _publish_ringing(call: Call, leg: Leg, signal: LegDialed) -> Step:
    if leg.leg_uuid is None:
        return Step(call)
    call, published = publish(call, leg, "ringing", signal.at)
    return Step(call, events=published)


def _leg_rings(call: Call, signal: LegRinging) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return ignored(call)
    return Step(call if leg.rang else with_leg(call, leg.channel, rang=True))


# --- legs answer


def _answered(call: Call, signal: LegAnswered, context: RoutingContext) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return ignored(call)
    if leg.role == "caller":
        if isinstance(call.course, Calling):
            return _extension_answered(call, call.course, leg, signal)
        return Step(call)  # the CEL log shows that the caller's channel was answered too
    if leg.connected_at:
        return ignored(call)
    if _has_abandoned(call, signal):
        return Step(with_leg(call, leg.channel, answered_at=signal.at))
    made = _connected(call, leg, signal)
    return pickup.connected(made, leg, context) if leg.picks_up else made


def _has_abandoned(call: Call, signal: LegAnswered) -> bool:
    """Whether the controlled leg had left before this answer (RFC 3261 §9.2: its INVITE got 487):
    the switch connects nobody.
    """
    controlled = call.controlled
    has_left = controlled is not None and call.hangup_by == controlled.role
    is_ringing = isinstance(call.course, Ringing | Leaving)
    return is_ringing and has_left and call.ended_at is not None and signal.at >= call.ended_at


def _extension_answered(call: Call, calling: Calling, leg: Leg, signal: LegAnswered) -> Step:
    """Click-to-call: the extension answered; the switch is calling the other party already."""
    losers = tuple(
        HangUp(other.channel, causes.ANSWERED_ELSEWHERE)
        for other in call.live_legs
        if other.channel != leg.channel
    )
    leg = replace(leg, answered_at=signal.at, sip_call_id=leg.sip_call_id or signal.sip_call_id)
    ringing = calling.then
    if isinstance(hunt := ringing.then, Hunt) and hunt.until:
        until = hunt.until + (signal.at - call.started_at)
        ringing = replace(ringing, then=replace(hunt, until=until))
    call = replace(
        call,
        course=ringing,
        channel=leg.channel,
        legs=(leg, *(other for other in call.legs if other.channel != leg.channel)),
    )
    call, published = publish(call, leg, "ringing", signal.at)
    return Step(call, losers, published)


def _connected(call: Call, leg: Leg, signal: LegAnswered) -> Step:
    """The leg is connected with the controlled one."""
    call = with_leg(
        call,
        signal.channel,
        answered_at=signal.at,
        connected_at=signal.at,
        sip_call_id=leg.sip_call_id or signal.sip_call_id,
    )
    call = replace(
        call,
        course=Talking(),
        transfer=None,
        answered_at=call.answered_at or signal.at,
        # the answer may be signalled late
        ended_at=call.ended_at and max(call.ended_at, signal.at),
    )
    is_first = not any(
        other.connected_at for other in call.published_legs if other.channel != leg.channel
    )
    if call.direction == "inbound" and leg.leg_uuid and leg.is_extension and is_first:
        call = replace(call, extension=leg.number)
    mine = call.controlled
    if mine and mine.is_live and not mine.connected_at:
        call = with_leg(call, mine.channel, connected_at=signal.at)
    ours = leg if leg.leg_uuid else mine
    if ours is None or ours.leg_uuid is None or not ours.is_live:
        return Step(call)
    call, rang = publish(
        call, ours, "ringing", signal.at
    )  # done already, unless signals were lost
    call, answered = publish(call, ours, "answered", signal.at)
    return Step(call, events=(*rang, *answered))


def _replaced(call: Call, signal: LegReplaced, context: RoutingContext) -> Step:
    """A party that takes the place of one that rings has answered."""
    made = replacement.replaced(call, signal, context)
    leg = made.call.leg(signal.channel)
    if leg is None or leg.role == "caller" or not isinstance(made.call.course, Ringing):
        return made
    answered = _connected(made.call, leg, LegAnswered(leg.channel, signal.at, leg.sip_call_id))
    return with_events(replace(answered, actions=made.actions), made.events)


# --- legs leave


def _hangup_asked(call: Call, signal: HangupAsked) -> Step:
    """The party that hung up first, of the two that talk; or the caller, who abandons."""
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return ignored(call)
    if call.hangup_by or not _is_over_without(call, leg):
        return Step(call)
    ended_at = release.not_before_answer(call, signal.at)
    return Step(replace(call, hangup_by=leg.role, ended_at=ended_at))


def _is_over_without(call: Call, leg: Leg) -> bool:
    """Two parties talk; a third is there only during a transfer, and its leaving ends nothing.
    Before the talk, only the caller can end the call.
    """
    if not isinstance(call.course, Talking):
        is_only = not isinstance(call.course, Calling) or len(call.live_legs) == 1
        return leg.channel == call.channel and is_only
    talking = [
        each.channel
        for each in call.live_legs
        if each.connected_at or each.channel == call.channel
    ]
    return leg.channel in talking and len(talking) <= 2


def _hung_up(call: Call, signal: LegHungUp, context: RoutingContext) -> Step:
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return ignored(call)
    if call.ended_at is None and _is_over_without(call, leg):
        call = replace(call, ended_at=release.not_before_answer(call, signal.at))
    sip_status = signal.sip_status or _sip_status_by_log(call, leg, signal)
    is_trunk = leg.role == "callee" and leg.trunk != ""
    cause = causes.failure(signal.cause, sip_status, rang=leg.rang, is_trunk=is_trunk)
    cause = refusal.explained(call, leg, cause)
    call = with_leg(call, leg.channel, ended_at=signal.at, release=cause, sip_status=sip_status)
    call = replace(call, reconstructed=call.reconstructed or signal.reconstructed)
    if _is_unresponsive(call, leg, signal):
        call = replace(call, hangup_by="system")
    if leg.channel == call.channel and leg.role == "caller" and not leg.answered_at:
        call = _answered_too_late(call, signal)
    if leg.channel == call.channel and isinstance(
        call.course, Ringing | Waiting | Choosing | Parked
    ):
        call = _left(call, signal)
    call, published = hangups.stopped(call)
    if call.live_legs:
        if isinstance(call.course, Talking):
            return with_events(control.left(call), published)
        dismissed = refusal.follow(call, leg.channel)
        then = progress.when_all_ended(dismissed.call, context)
        return with_events(refusal.after(dismissed, then), published)
    return with_events(release.end(call, signal.at), published)


def _is_unresponsive(call: Call, leg: Leg, signal: LegHungUp) -> bool:
    """Whether the party has not hung up, but not responded to a request within the talk, such as
    a refresh of the session (RFC 4028): the switch ended the call then.
    """
    has_talked = leg.answered_at or leg.connected_at
    is_asked = call.hangup_by == leg.role
    return bool(has_talked) and is_asked and signal.sip_status == causes.REQUEST_TIMEOUT


def _answered_too_late(call: Call, signal: LegHungUp) -> Call:
    """The call as abandoned, if the caller's CANCEL crossed with the answer of a phone and won:
    its INVITE got 487 (RFC 3261 §9.2). Nobody has talked then.
    """
    answered_at = call.answered_at
    is_cancelled = signal.sip_status == causes.REQUEST_TERMINATED and answered_at is not None
    if not (is_cancelled and answered_at and isinstance(call.course, Talking)):
        return call
    if signal.at > answered_at + timedelta(seconds=LATE_S):
        return call
    legs = tuple(replace(leg, connected_at=None) for leg in call.legs)
    return replace(call, course=Leaving(), answered_at=None, hangup_by="caller", legs=legs)


def _sip_status_by_log(call: Call, leg: Leg, signal: LegHungUp) -> int:
    """480 if the CEL log has cause 19 of a leg that did not ring; else unknown, 0. We know that it
    did not ring if we heard the end of its Dial(): its ringing would have come earlier.
    """
    is_heard = isinstance(call.course, Ringing) and call.course.dial_ended is not None
    is_480 = signal.reconstructed and signal.cause == causes.NO_ANSWER.q850 and not leg.rang
    return 480 if is_heard and is_480 else 0


def _left(call: Call, signal: LegHungUp) -> Call:
    """The controlled leg is gone before an answer: there is nothing left to route.

    If we missed the end of a Dial() without an answer, only the dialstatus in the CEL log shows
    it.
    """
    if not isinstance(call.course, Ringing) or signal.dialstatus not in progress.IN_VAIN:
        return replace(call, course=Leaving())
    call = progress.explained_by_log(call, signal)
    cause = progress.why_by_log(call, signal)
    found = causes.most_significant([*call.failures, cause])
    by = "callee" if found.status == cause.status == "BUSY" else "system"
    return replace(call, course=Leaving(release=found), hangup_by=call.hangup_by or by)


# --- transfers


def _is_transferee(call: Call, signal: BlindTransferred) -> bool:
    """Whether the transferee waits to be routed. The CEL log contains old transfers too."""
    if isinstance(signal, TransferredInFallback) and call.returned_at:
        return signal.at > call.returned_at and progress.is_back(call, signal)
    return progress.is_back(call, signal)


def _blind_transfer(call: Call, signal: BlindTransferred, context: RoutingContext) -> Step:
    """The other party transferred this one. The call keeps its identity; the transferer's hang-up
    is not the end.
    """
    by = [
        leg
        for leg in call.legs
        if leg.is_extension and leg.connected_at and leg.channel != signal.channel
    ]
    by.sort(key=lambda leg: leg.connected_at or call.started_at)
    transferer = by[-1].number if by else call.extension
    call = replace(
        progress.controlled(call, signal),
        course=Ringing(),
        transfer=Transfer(transferer, call.receive_dest) if transferer else None,
        presented_number="",
        failures=(),
        overflows=0,
    )
    destination = routing.from_phone(
        numbers.clean(signal.dialled) or signal.dialled,
        context,
        progress.own_extension(call),
        by=transferer,
    )
    if isinstance(signal, TransferredInFallback):
        call = progress.followed(call, destination, context, signal.at)
        return Step(replace(call, attempt=call.attempt + 1, reconstructed=True))
    return progress.go(call, destination, context, signal.at)
