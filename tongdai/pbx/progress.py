"""The progress of the controlled leg: to a destination, from one hunt step to the next, into a
queue and out of it, to the overflow, and to its release when there is no answer.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec.structs import replace

from tongdai.pbx import (
    causes,
    fallback,
    forwarding,
    forwarding_reasons,
    menus,
    parking,
    routing,
    visits,
)
from tongdai.pbx.actions import Ask, Configure, Confirm, Dial, HangUp, Party, Rotate, Wait
from tongdai.pbx.call import Call, Choosing, Hunt, Leaving, Leg, Ringing, Talking, Waiting
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.hunting import HuntStep
from tongdai.pbx.routing import (
    CallOut,
    Change,
    Destination,
    Enqueue,
    Enter,
    ParkAt,
    Refuse,
    Ring,
    RoutingContext,
)
from tongdai.pbx.signals import (
    AgentOffered,
    BlindTransferred,
    Chosen,
    Configured,
    DialEnded,
    LegHungUp,
    Refused,
)
from tongdai.pbx.step import Step, ignored, with_leg


def go(call: Call, destination: Destination, context: RoutingContext, at: datetime) -> Step:
    """The controlled leg goes to the destination."""
    call = visits.left(_routed(call, destination), at)
    match destination:
        case Ring(steps=(), overflow=number, release=release, extension=extension):
            if not extension:
                call = _visiting(call, destination.receive_dest, context, at)
            return overflow(call, number, release, context, at, forwarder=extension)
        case Ring():
            return _ring(call, destination, context, at)
        case Enqueue(queue=number):
            return _enqueue(call, number, context, at)
        case Enter(menu=number):
            return _enter(call, number, context, at)
        case Change(setting=setting):
            return Step(call, (Configure(call.channel, own_extension(call), setting),))
        case ParkAt():
            slot = parking.free_slot(context.parked)
            if call.transfer is None or not slot:
                release = causes.CONGESTED if call.transfer else causes.ABSENT
                return give_up(call, release, context, at)
            return parking.park(call, slot, call.transfer.by, context, at)
        case CallOut(party=party, hotline=hotline, number=number, further=further):
            presented = call.presented_number or hotline.number
            first, *rest = (_by_trunk(each, presented, context) for each in (party, *further))
            call = replace(call, hotline=call.hotline or hotline.number)
            course = Ringing(then=Hunt(steps=tuple(rest)), outside=number, presented=presented)
            return _call_out(call, course, first, context)
        case Refuse(release=release, reason=reason):
            return replace(give_up(call, release, context, at), bar_reason=reason)


def followed(call: Call, destination: Destination, context: RoutingContext, at: datetime) -> Call:
    """The switch takes the controlled leg to the destination by itself; nothing follows."""
    call = replace(visits.left(_routed(call, destination), at), course=Ringing())
    match destination:
        case Ring(receive_dest=number) | Enqueue(queue=number) if number:
            return visits.begun(call, number, context.directory, at)
        case CallOut(number=number, hotline=hotline, trunk_name=name):
            course = Ringing(outside=number, presented=hotline.number, trunk_name=name)
            return replace(call, course=course)
        case _:
            return call


def _routed(call: Call, destination: Destination) -> Call:
    by = destination.by
    return replace(call, routed_by=(*call.routed_by, *by)) if by else call


def _visiting(call: Call, number: str, context: RoutingContext, at: datetime) -> Call:
    """The call at that ring group or queue; "": at none."""
    if number:
        return visits.begun(call, number, context.directory, at)
    return replace(call, receive_dest="")


def _by_trunk(party: Party, presented: str, context: RoutingContext) -> HuntStep:
    caller_id = routing.presented(presented, party, context.directory)
    return HuntStep((party,), routing.OUTBOUND_TIMEOUT_S, caller_id)


def _call_out(call: Call, course: Ringing, step: HuntStep, context: RoutingContext) -> Step:
    """The call goes out by a trunk; the steps of the course follow if it fails."""
    trunk = step.parties[0].endpoint
    name = context.directory.trunks[UUID(trunk)].name
    return _dial(
        replace(call, trunk=name if call.direction == "outbound" else call.trunk),
        replace(course, egress_trunk=trunk, trunk_name=name, dial_ended=None),
        step.parties,
        step.timeout_s,
        context,
        caller_id=step.caller_id,
    )


def _ring(call: Call, ring: Ring, context: RoutingContext, at: datetime) -> Step:
    first, *rest = ring.steps
    hunt = Hunt(
        steps=tuple(rest),
        until=at + timedelta(seconds=ring.timeout_s),
        overflow=ring.overflow,
    )
    call = _visiting(call, ring.receive_dest, context, at) if ring.receive_dest else call
    timeout_s = min(first.timeout_s, ring.timeout_s)
    ringing = Ringing(then=hunt, forwarder=ring.extension)
    rung = _dial(call, ringing, first.parties, timeout_s, context)
    return replace(rung, actions=(*rung.actions, Rotate(ring.rotate))) if ring.rotate else rung


def _enqueue(call: Call, number: str, context: RoutingContext, at: datetime) -> Step:
    queue = context.directory.queues[number]
    waiting = Waiting(
        queue=number,
        since=at,
        until=at + timedelta(seconds=queue.timeout_s),
        overflow=queue.overflow,
    )
    call = replace(visits.begun(call, number, context.directory, at), course=waiting)
    if (leg := call.controlled) and not leg.answered_at:
        call = with_leg(call, leg.channel, answered_at=at)
    return Step(call, (Wait(call.channel, context.directory.music(queue)),))


def _enter(
    call: Call,
    number: str,
    context: RoutingContext,
    at: datetime,
    *,
    tries: int = 0,
    is_wrong: bool = False,
) -> Step:
    """The controlled leg hears the menu. `is_wrong`: it has just pressed a key that leads
    nowhere.
    """
    directory, own = context.directory, own_extension(call)
    menu = directory.menus[number]
    call = replace(call, course=Choosing(menu=number, since=at, tries=tries))
    if (leg := call.controlled) and not leg.answered_at:
        call = with_leg(call, leg.channel, answered_at=at)
    rest = fallback.past_menu(number, context, own, is_inbound=call.direction == "inbound")
    shown = call.controlled.number if call.controlled else call.caller_number
    ask = Ask(
        channel=call.channel,
        files=menus.files(menu, directory, is_wrong=is_wrong),
        timeout_s=menu.timeout_s if menus.is_asking(menu) else 0,
        more=menus.begins_number(menu, directory),
        most=menus.longest(directory),
        rest=Dial(call.channel, rest.parties, rest.timeout_s, shown, record=rest.record),
    )
    # a talk that begins without an engine is recorded by the switch
    return Step(replace(call, record=call.record or rest.record), (ask,))


def chosen(call: Call, choosing: Choosing, signal: Chosen, context: RoutingContext) -> Step:
    """The caller pressed keys, or none in time."""
    call = replace(call, returned_at=signal.at)
    menu = context.directory.menus.get(choosing.menu)
    if menu is None:
        return give_up(call, causes.ABSENT, context, signal.at)
    number = menus.target(menu, signal.keys, context.directory)
    is_again = not number and menus.is_asking(menu) and choosing.tries < menu.retries
    if is_again:
        tries, is_wrong = choosing.tries + 1, signal.keys != ""
        return _enter(call, menu.number, context, signal.at, tries=tries, is_wrong=is_wrong)
    what = signal.keys or ("none" if menus.is_asking(menu) else "played")
    reasons = (*call.routed_by, menus.reason(menu.number, what))
    if menus.hops(reasons) > menus.MOST_HOPS:
        number, reasons = "", (*call.routed_by, menus.TOO_MANY)
        return give_up(replace(call, routed_by=reasons), causes.ABSENT, context, signal.at)
    call = replace(call, routed_by=reasons)
    number = number or menu.overflow
    destination = routing.inside(number, context, own_extension(call)) if number else None
    if destination is None:
        return give_up(call, causes.NO_ANSWER, context, signal.at)
    if number in context.directory.extensions:
        call = replace(call, extension=call.extension or number)
    return go(call, destination, context, signal.at)


def parked_too_long(call: Call, signal: Chosen, context: RoutingContext) -> Step:
    """Nobody has taken the party back: it goes to the extension that has parked it."""
    return give_up(replace(call, returned_at=signal.at), causes.NO_ANSWER, context, signal.at)


def configured(call: Call, signal: Configured, context: RoutingContext) -> Step:
    """The setting that the caller dialled is stored: a tone says so; or it is refused."""
    if not signal.is_done:
        return give_up(call, causes.REJECTED, context, signal.at)
    call = with_leg(call, call.channel, answered_at=signal.at)
    call = replace(
        call,
        course=Leaving(release=causes.ANSWERED),
        answered_at=signal.at,
        returned_at=signal.at,
    )
    return Step(call, (Confirm(call.channel),))


def ask_refused(call: Call, choosing: Choosing, signal: Refused, context: RoutingContext) -> Step:
    """The caller cannot hear the menu: it is left as by a caller who presses nothing. A refusal
    from an earlier menu changes nothing.
    """
    if signal.at <= choosing.since or not _is_controlled(call, signal):
        return ignored(call)
    menu = context.directory.menus.get(choosing.menu)
    return overflow(call, menu.overflow if menu else "", causes.FAILED, context, signal.at)


def offer(call: Call, waiting: Waiting, signal: AgentOffered, context: RoutingContext) -> Step:
    """The agent's phones ring, with the queue's music for the caller."""
    queue = context.directory.queues.get(waiting.queue)
    if queue is None:
        return overflow(call, waiting.overflow, causes.ABSENT, context, signal.at)
    return _dial(
        call,
        Ringing(then=waiting, agent=signal.extension),
        tuple(map(Party, context.directory.endpoints(signal.extension))),
        _left(waiting.until, queue.ring_timeout_s, signal.at),
        context,
        music=context.directory.music(queue),
    )


def _left(until: datetime | None, timeout_s: int, at: datetime) -> int:
    """Seconds that one step may ring: never longer than the rest of the hunt, or of the wait."""
    left = int((until - at).total_seconds()) if until else timeout_s
    return max(1, min(timeout_s, left))


def _dial(
    call: Call,
    course: Ringing,
    parties: tuple[Party, ...],
    timeout_s: int,
    context: RoutingContext,
    *,
    caller_id: str = "",
    music: str = "",
) -> Step:
    """The parties ring. They see the number of the controlled leg; outbound, the hotline's."""
    leg = call.controlled
    number = caller_id or (leg.number if leg else call.caller_number)
    rung = [known.extension for party in parties if (known := Endpoint.parse(party.endpoint))]
    record = context.directory.records(*rung, own_extension(call))
    course = replace(course, extensions=tuple(dict.fromkeys(rung)))
    call = replace(call, course=course, attempt=call.attempt + 1, record=call.record or record)
    dial = Dial(
        call.channel,
        parties,
        timeout_s,
        number,
        record=record,
        music=music,
        stereo=record and context.directory.domain.recording_stereo,
    )
    return Step(call, (dial,))


def own_extension(call: Call) -> str:
    """The extension that is the controlled leg; "" for a party outside."""
    leg = call.controlled
    return leg.number if leg and leg.is_extension else ""


def give_up(
    call: Call, release: causes.ReleaseCause, context: RoutingContext, at: datetime
) -> Step:
    """There is nobody left to ring. A transfer that came to nothing comes back to the extension
    that made it, then to the ring group or queue by which the call had come; any other call is
    released.
    """
    if call.transfer is None:
        return _release(call, release)
    by, came_by = call.transfer.by, call.transfer.came_by
    call = replace(failed(call, release), transfer=None, presented_number="", receive_dest=came_by)
    back = routing.inside(by, context, own_extension(call))
    if isinstance(back, Ring) and back.steps:
        return go(call, replace(back, overflow=came_by), context, at)
    return overflow(call, came_by, release, context, at)


def _release(call: Call, release: causes.ReleaseCause) -> Step:
    """Releases the controlled leg, by the most significant of all failures."""
    release = causes.most_significant([*call.failures, release])
    call = replace(
        call, course=Leaving(release=release), hangup_by=call.hangup_by or by(call, release)
    )
    return Step(call, (HangUp(call.channel, release.q850, causes.response(release)),))


def by(call: Call, release: causes.ReleaseCause) -> Literal["callee", "system"]:
    """The side that ended a call without an answer: the parties just called, if they refused."""
    refused = any(leg.release and leg.release.status == "BUSY" for leg in call.dialled_legs)
    is_refused = refused and release.status == "BUSY" and not call.answered_at
    return "callee" if is_refused else "system"


# --- what Asterisk refuses


def dial_refused(call: Call, signal: Refused, context: RoutingContext) -> Step:
    """Asterisk rings no phone for the controlled leg: it is released."""
    if not _is_controlled(call, signal):
        return ignored(call)
    return give_up(call, causes.FAILED, context, signal.at)


def wait_refused(call: Call, waiting: Waiting, signal: Refused, context: RoutingContext) -> Step:
    """The caller cannot wait in the queue: the overflow, or the release. A refusal from an earlier
    wait in a queue changes nothing.
    """
    if signal.at <= waiting.since or not _is_controlled(call, signal):
        return ignored(call)
    return overflow(call, waiting.overflow, causes.FAILED, context, signal.at)


def _is_controlled(call: Call, signal: Refused) -> bool:
    leg = call.controlled
    return signal.channel == call.channel and leg is not None and leg.is_live


# --- back from the dialplan


def is_back(call: Call, signal: DialEnded | BlindTransferred | Chosen | Configured) -> bool:
    """Whether one of our channels waits to be routed. Each moment counts once, even if it is
    signalled again.
    """
    leg = call.leg(signal.channel)
    return leg is not None and leg.is_live and signal.at != call.returned_at


def controlled(call: Call, signal: DialEnded | BlindTransferred) -> Call:
    """The channel of the signal becomes the controlled leg. The end of a talk that seemed to come
    was a transfer; a release that we decided only explains the last attempt.
    """
    if isinstance(call.course, Talking) or call.hangup_by == "system" or call.release:
        call = replace(call, hangup_by="", ended_at=None)
    if call.release:
        call = failed(call, call.release)
    return replace(call, channel=signal.channel, returned_at=signal.at)


def dial_ended(call: Call, signal: DialEnded, context: RoutingContext) -> Step:
    """Dial() returned to us without an answer."""
    ringing = call.course if isinstance(call.course, Ringing) else Ringing()
    call = replace(controlled(call, signal), course=replace(ringing, dial_ended=signal))
    return when_all_ended(call, context)


def when_all_ended(call: Call, context: RoutingContext) -> Step:
    """A dial without an answer is decided on when the last leg that it rang has ended: Asterisk
    may signal that a moment after Dial() is over.
    """
    if not isinstance(call.course, Ringing) or call.course.dial_ended is None:
        return Step(call)
    if any(leg.is_live and not leg.connected_at for leg in call.dialled_legs):
        return Step(call)
    return not_answered(call, call.course, call.course.dial_ended, context)


def not_answered(call: Call, ringing: Ringing, signal: DialEnded, context: RoutingContext) -> Step:
    """The parties just rung did not answer: the next hunt step, the queue again, the overflow, or
    the release.
    """
    release = why_not_answered(call, signal.dialstatus)
    if forwarded := _forwarded(call, ringing, context, signal.at):
        return forwarded
    if onward := _forwarded_by_setting(call, ringing, release, context, signal.at):
        return onward
    call, then, at = failed(call, release), ringing.then, signal.at
    if ringing.egress_trunk:
        return _by_next_trunk(call, ringing, release, context, at)
    is_over = then.until is not None and at >= then.until
    match then:
        case Hunt(steps=(first, *rest)) if not is_over:
            course = Ringing(then=replace(then, steps=tuple(rest)))
            timeout_s = _left(then.until, first.timeout_s, at)
            return _dial(call, course, first.parties, timeout_s, context)
        case Waiting(queue=number) if not is_over and number in context.directory.queues:
            music = context.directory.music(context.directory.queues[number])
            return Step(replace(call, course=then), (Wait(call.channel, music),))
        case _:
            return overflow(call, then.overflow, release, context, at)


def _forwarded(call: Call, ringing: Ringing, context: RoutingContext, at: datetime) -> Step | None:
    """The step to where the extension just called forwards; None if it does not."""
    if call.overflows >= routing.MAX_OVERFLOWS:
        return None
    destination = forwarding.destination(call, ringing, own_extension(call), context)
    if destination is None:
        return None
    call = replace(call, overflows=call.overflows + 1, presented_number="")
    return go(call, destination, context, at)


_SETTINGS: dict[causes.Status, forwarding_reasons.Setting] = {
    "BUSY": "forward_busy",
    "NO-ANSWERED": "forward_no_answer",
    "NOT-AVAILABLE": "forward_unreachable",
}


def _forwarded_by_setting(
    call: Call,
    ringing: Ringing,
    release: causes.ReleaseCause,
    context: RoutingContext,
    at: datetime,
) -> Step | None:
    """The step to where the extension just called forwards by its settings; None if it does
    not.
    """
    extension = context.directory.extensions.get(ringing.forwarder)
    setting = _SETTINGS.get(release.status)
    number = getattr(extension, setting) if extension and setting else ""
    if not extension or not setting or not number or call.overflows >= routing.MAX_OVERFLOWS:
        return None
    by = forwarding_reasons.reason(setting, extension.extension)
    call = replace(failed(call, release), routed_by=(*call.routed_by, by))
    return overflow(call, number, release, context, at, forwarder=extension.extension)


def _by_next_trunk(
    call: Call,
    ringing: Ringing,
    release: causes.ReleaseCause,
    context: RoutingContext,
    at: datetime,
) -> Step:
    """A trunk carried the call in vain: the next one, if this one failed before ringing and the
    limits allow; else there is nobody left to ring.
    """
    has_rung = any(leg.rang for leg in call.dialled_legs)
    further = ringing.then.steps if isinstance(ringing.then, Hunt) else ()
    call = replace(call, failures=())  # the record has the last trunk, and its release
    if not further or has_rung or release.status != "CONGESTION":
        return give_up(call, release, context, at)
    free, reason = routing.next_trunk(further, context, call.extension)
    if not free:
        return replace(give_up(call, release, context, at), bar_reason=reason)
    course = replace(ringing, then=Hunt(steps=tuple(free[1:])))
    return _call_out(call, course, free[0], context)


def why_not_answered(call: Call, dialstatus: str) -> causes.ReleaseCause:
    """The release cause of the dial just made: from the responses of phones or carriers; our own
    limit on ringing means no answer.
    """
    rung = [leg for leg in call.dialled_legs if not leg.connected_at]
    releases = [leg.release for leg in rung if leg.release]
    is_timeout = dialstatus == "NOANSWER" and not any(leg.sip_status for leg in rung)
    if is_timeout or not rung or len(releases) < len(rung):
        if call.egress_trunk and dialstatus in ("CHANUNAVAIL", "CONGESTION"):
            return causes.UNREACHABLE
        return _DIALSTATUS.get(dialstatus, causes.ABSENT)
    return causes.most_significant(releases)


_DIALSTATUS = {
    "NOANSWER": causes.NO_ANSWER,
    "BUSY": causes.BUSY,
    "CONGESTION": causes.FAILED,
    "CHANUNAVAIL": causes.ABSENT,
}
IN_VAIN = frozenset(_DIALSTATUS)
"""The values of DIALSTATUS that mean no answer while the caller had not left."""


def explained_by_log(call: Call, signal: LegHungUp) -> Call:
    """The call with the releases of the legs that it rang as the CEL log explains them, once the
    controlled leg is gone. The log has their Q.850 causes, but neither their SIP responses nor
    whether they rang.
    """
    rung = {leg.channel for leg in call.dialled_legs if not leg.connected_at}
    legs = tuple(
        _explained(leg, signal) if leg.channel in rung and not leg.sip_status else leg
        for leg in call.legs
    )
    return replace(call, legs=legs)


def why_by_log(call: Call, signal: LegHungUp) -> causes.ReleaseCause:
    """The same as why_not_answered, of a call explained by the log."""
    rung = [leg for leg in call.dialled_legs if not leg.connected_at]
    if not rung:
        return causes.failure(signal.cause, 0, rang=False)
    # the log of a busy switch may have the caller's end, with the same cause, before the leg's own
    unknown = causes.failure(signal.cause, 0, rang=False)
    return causes.most_significant([leg.release or unknown for leg in rung])


def _explained(leg: Leg, signal: LegHungUp) -> Leg:
    if leg.release == causes.ABSENT and signal.dialstatus == "NOANSWER":
        return replace(leg, release=causes.NO_ANSWER)  # no cause of its own: the limit of Dial()
    is_480 = leg.release == causes.NO_ANSWER and not leg.rang
    if is_480 and signal.cause == causes.ABSENT.q850:
        # 480 and no ringing: the dialplan has sent the caller the same
        return replace(leg, release=causes.ABSENT, sip_status=480)
    return leg


def failed(call: Call, release: causes.ReleaseCause) -> Call:
    """The call stores each kind of failure once: a caller may wait long in a queue whose agents
    are away.
    """
    if release in call.failures:
        return call
    return replace(call, failures=(*call.failures, release))


def overflow(
    call: Call,
    number: str,
    release: causes.ReleaseCause,
    context: RoutingContext,
    at: datetime,
    *,
    forwarder: str = "",
) -> Step:
    """The call goes on to the overflow number of a ring group or queue, or to where an extension
    forwards: that may be outside, by its rules and limits. Without a number, or after too many,
    it is released.
    """
    destination = routing.inside(number, context, own_extension(call)) if number else None
    if destination is None and number and forwarder:
        destination = routing.outside(number, context, extension=forwarder)
        call = replace(call, presented_number="")
    if destination is None or call.overflows >= routing.MAX_OVERFLOWS:
        return give_up(call, release, context, at)
    is_extension = number in context.directory.extensions
    call = replace(
        call if forwarder else failed(call, release),  # one that forwards was not tried
        overflows=call.overflows + 1,
        extension=call.extension or (number if is_extension else ""),
    )
    return go(call, destination, context, at)
