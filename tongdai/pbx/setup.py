"""Call setup: a call arrives from a phone or a trunk, or the API asked for one."""

from collections.abc import Sequence

from msgspec.structs import replace

from tongdai import errors, messages
from tongdai.pbx import caller_identity, inbound, numbers, outcomes, release, routing
from tongdai.pbx.actions import Contact, Dial, HangUp, Originate
from tongdai.pbx.call import Call, Calling, Direction, Leaving, Leg, Ringing
from tongdai.pbx.causes import (
    BARRED,
    BUSY,
    CONGESTED,
    FOREIGN,
    NO_COMMON_MEDIA,
    OVERLOADED,
    UNALLOCATED,
    ReleaseCause,
)
from tongdai.pbx.commands import Answer, ClickToCall, Outcome, Requester
from tongdai.pbx.directory import Domain
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.progress import followed, go
from tongdai.pbx.routing import CallOut, Destination, Refuse, RoutingContext
from tongdai.pbx.signals import (
    Arrived,
    ArrivedInFallback,
    ArrivedInForeignCall,
    ArrivedRefused,
    CommandAsked,
)
from tongdai.pbx.step import Declined, Step, publish, with_events, with_leg


def arrive(signal: Arrived, recording_token: str, context: RoutingContext) -> Step:
    """A call from a phone or a trunk begins; the context is that of its domain."""
    domain = context.directory.domain
    signal = replace(signal, dialled=numbers.clean(signal.dialled) or signal.dialled)
    if isinstance(signal, ArrivedInFallback):
        # the call was long ago: the present load does not matter
        context = RoutingContext(context.directory, signal.at)
    caller = Leg(
        channel=signal.channel,
        number=_caller_number(signal, domain),
        role="caller",
        is_extension=signal.via == "phone",
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        trunk=signal.endpoint if signal.via == "trunk" else "",
    )
    if signal.via == "trunk":
        call, destination = _inbound(signal, caller, context)
    else:
        call, destination = _from_phone(signal, caller, context)
    call = replace(call, recording_token=recording_token)
    if isinstance(signal, ArrivedInFallback):
        return _in_fallback(call, destination, signal, context)
    if isinstance(signal, ArrivedInForeignCall):
        over = _ended_at_once(call, signal, FOREIGN)
        return replace(over, actions=(HangUp(call.channel, FOREIGN.q850),))
    if isinstance(signal, ArrivedRefused):
        return _ended_at_once(call, signal, NO_COMMON_MEDIA)
    if context.calls >= domain.max_calls and not _is_emergency(destination, signal, domain):
        destination = Refuse(OVERLOADED)
    if call.direction == "outbound":
        call, ringing = publish(call, call.caller, "ringing", signal.at)
        return with_events(go(call, destination, context, signal.at), ringing)
    return go(call, destination, context, signal.at)


def _in_fallback(
    call: Call, destination: Destination, signal: ArrivedInFallback, context: RoutingContext
) -> Step:
    """The switch has routed the call already: only its events are left to make. It may have
    recorded the talk.
    """
    call = followed(call, destination, context, signal.at)
    call = replace(call, record=True, reconstructed=True)
    if call.direction != "outbound":
        return Step(call)
    call, ringing = publish(call, call.caller, "ringing", signal.at)
    return Step(call, events=ringing)


def _ended_at_once(call: Call, signal: Arrived, cause: ReleaseCause) -> Step:
    """A call that is not to be routed: its record says what was tried."""
    call = with_leg(call, call.channel, ended_at=signal.at, release=cause)
    call = replace(call, course=Leaving(release=cause), hangup_by="system")
    return release.end(call, signal.at)


def _inbound(signal: Arrived, caller: Leg, context: RoutingContext) -> tuple[Call, Destination]:
    directory = context.directory
    hotline = directory.hotline(signal.dialled)
    number = hotline.number if hotline else signal.dialled
    call = _begin(signal, caller, "inbound", directory.domain, dialled=number, hotline=number)
    # the call belongs to this extension, even if none of its phones rings
    known = inbound.known(caller.number, context.caller, hotline, directory)
    if isinstance(signal, ArrivedInFallback):  # the switch alone does not look at callers
        known = None
    first = inbound.target(hotline, directory, context.now, known).number if hotline else ""
    if first in directory.extensions:
        call = replace(call, extension=first)
    trunk = next(
        (each for each in directory.trunks.values() if str(each.trunk_uuid) == signal.endpoint),
        None,
    )
    if trunk:
        call = replace(call, trunk=trunk.name)
    if trunk and routing.is_full(trunk, context):
        return call, Refuse(CONGESTED)
    return call, routing.from_hotline(hotline, context, known=known)


def _from_phone(signal: Arrived, caller: Leg, context: RoutingContext) -> tuple[Call, Destination]:
    destination = routing.from_phone(signal.dialled, context, caller.number)
    domain = context.directory.domain
    if isinstance(destination, CallOut) or (
        isinstance(destination, Refuse) and _is_of_calls_out(destination)
    ):
        caller = replace(caller, leg_uuid=signal.call_uuid)
        hotline = destination.hotline.number if isinstance(destination, CallOut) else ""
        call = _begin(signal, caller, "outbound", domain, dialled=signal.dialled, hotline=hotline)
    else:
        call = _begin(signal, caller, "local", domain, dialled=signal.dialled)
    return replace(call, extension=caller.number), _allowed(
        signal, caller.number, destination, context
    )


def _is_of_calls_out(refused: Refuse) -> bool:
    return refused.reason is not None or refused == Refuse(BARRED)


def _allowed(
    signal: Arrived, extension: str, destination: Destination, context: RoutingContext
) -> Destination:
    """The destination, for an extension that may begin one more call."""
    known = context.directory.extensions.get(extension)
    if known is None or not known.enabled:
        return Refuse(BARRED)
    is_busy = context.talks.get(extension, 0) >= known.max_calls
    is_emergency = _is_emergency(destination, signal, context.directory.domain)
    return Refuse(BUSY) if is_busy and not is_emergency else destination


def _is_emergency(destination: Destination, signal: Arrived, domain: Domain) -> bool:
    """Whether the call goes to an emergency number, to which no limit applies."""
    return isinstance(destination, CallOut) and numbers.is_emergency(
        signal.dialled, domain.country
    )


def _begin(
    signal: Arrived | CommandAsked,
    caller: Leg,
    direction: Direction,
    domain: Domain,
    *,
    dialled: str,
    hotline: str = "",
) -> Call:
    return Call(
        call_uuid=signal.call_uuid,
        domain_uuid=domain.domain_uuid,
        domain=domain.name,
        country_code=domain.country,
        call_id_mode=domain.call_id_mode,
        time_zone=domain.time_zone,
        ringing_hangups=domain.ringing_hangups,
        direction=direction,
        course=Ringing(),
        started_at=signal.at,
        channel=signal.channel,
        caller_number=caller.number,
        dialled=dialled,
        hotline=hotline,
        legs=(caller,),
    )


def _caller_number(signal: Arrived, domain: Domain) -> str:
    if signal.via == "phone":
        device = Endpoint.parse(signal.endpoint)
        return device.extension if device else signal.endpoint
    return caller_identity.caller_number(signal, domain.country)


def click_to_call(
    asked: CommandAsked, contacts: Sequence[str], recording_token: str, context: RoutingContext
) -> Step | Declined:
    """An API user asked for a call: the extension's registered phones (`contacts`, as Dial()
    takes them) ring together under one leg id, as long as the extension rings on any call; the
    one that answers dials `phone`.

    Declined when the extension cannot call now, or there is no route to the number. Only hotlines
    of the domain are presented outside: any other `dest_cid_number` is replaced by the hotline
    that the call goes out by.
    """
    command = asked.command
    if refused := _extension_refuses(command, contacts, context):
        return _declined(asked, refused)
    wanted = context.directory.hotline(command.dest_cid_number)
    own = wanted.number if wanted and wanted.enabled else ""
    destination: Destination = Refuse(UNALLOCATED)
    if command.phone != command.ext:
        destination = routing.inside(command.phone, context, command.ext) or routing.outside(
            command.phone, context, extension=command.ext, hotline=command.hotline or own
        )
    if isinstance(destination, Refuse):
        return _declined(asked, outcomes.refused(destination), destination)
    call = _asked_for(asked, destination, len(contacts), context)
    call = replace(
        call,
        presented_number=own or call.hotline,
        recording_token=recording_token,
        requester=_requester(asked),
    )
    then = go(call, destination, context, asked.at)
    dial = next((action for action in then.actions if isinstance(action, Dial)), None)
    if dial is None or not isinstance(then.call.course, Ringing):
        destination = Refuse(then.call.release or UNALLOCATED)
        return _declined(asked, outcomes.refused(destination), destination)
    originate = _originate(call, command, contacts, dial, context)
    return Step(replace(then.call, course=Calling(then=then.call.course)), (originate,))


def _extension_refuses(
    command: ClickToCall, contacts: Sequence[str], context: RoutingContext
) -> Outcome | None:
    directory = context.directory
    extension = directory.extensions.get(command.ext)
    if extension is None or not extension.enabled:
        return Outcome(error=errors.InvalidExtension.code, field="ext")
    if command.hotline and directory.hotline(command.hotline) is None:
        why = messages.key(messages.NOT_OUR_HOTLINE)
        return Outcome(error=errors.Invalid.code, why=why, field="hotline")
    if context.talks.get(command.ext, 0) >= extension.max_calls:
        return Outcome(error=errors.UserBusy.code)
    if context.calls >= directory.domain.max_calls:
        return Outcome(error=errors.TooManyCalls.code)
    return None if contacts else Outcome(error=errors.UserNotRegistered.code)


def _declined(asked: CommandAsked, outcome: Outcome, why: Refuse | None = None) -> Declined:
    answer = Answer(asked.domain_uuid, asked.call_uuid, asked.command_uuid, outcome)
    return Declined(answer, why.reason if why else None)


def _requester(asked: CommandAsked) -> Requester:
    return Requester(asked.command_uuid, asked.command.wait_answer)


def _asked_for(
    asked: CommandAsked, destination: Destination, phones: int, context: RoutingContext
) -> Call:
    """The call, with a leg for each phone of the extension."""
    command = asked.command
    legs = tuple(
        Leg(
            channel=f"{asked.channel}-{phone}" if phone else asked.channel,
            number=command.ext,
            role="caller",
            is_extension=True,
            started_at=asked.at,
            leg_uuid=asked.call_uuid,
        )
        for phone in range(phones)
    )
    is_out = isinstance(destination, CallOut)
    call = _begin(
        asked,
        legs[0],
        "outbound" if is_out else "local",
        context.directory.domain,
        dialled=command.phone,
        hotline=destination.hotline.number if isinstance(destination, CallOut) else "",
    )
    return replace(
        call,
        legs=legs,
        extension=command.ext,
        customer_id=command.customer_id,
        is_click_to_call=True,
    )


def _originate(
    call: Call, command: ClickToCall, contacts: Sequence[str], dial: Dial, context: RoutingContext
) -> Originate:
    shows_callee = context.directory.domain.click2call_shows_callee
    return Originate(
        contacts=tuple(
            Contact(leg.channel, address) for leg, address in zip(call.legs, contacts, strict=True)
        ),
        timeout_s=context.directory.extensions[command.ext].ring_timeout_s,
        caller_id=command.src_cid_number or (command.phone if shows_callee else command.ext),
        caller_name=command.src_cid_name,
        auto_answer=command.auto_answer,
        call_uuid=call.call_uuid,
        then=replace(dial, caller_name=command.dest_cid_name),
    )
