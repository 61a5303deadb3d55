"""How calls begin: one arrives from a phone or a trunk, or the API asked for one."""

from msgspec.structs import replace

from tongdai.pbx import numbers, routing
from tongdai.pbx.actions import Dial, Originate
from tongdai.pbx.call import Call, Direction, Leg, Stage
from tongdai.pbx.causes import BARRED, BUSY, CONGESTED, OVERLOADED, UNALLOCATED
from tongdai.pbx.commands import ClickToCall
from tongdai.pbx.directory import Domain
from tongdai.pbx.routing import CallOut, Destination, Refuse, RoutingContext
from tongdai.pbx.signals import Arrived, Unattended
from tongdai.pbx.step import Step, followed, go, tell, with_events


def arrive(signal: Arrived, recording_token: str, context: RoutingContext) -> Step:
    """A call from a phone or a trunk begins; the context is its domain's."""
    domain = context.directory.domain
    if isinstance(signal, Unattended):
        # how busy everybody is now says nothing about then
        context = RoutingContext(context.directory, now=context.now)
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
    if isinstance(signal, Unattended):
        return _unattended(call, destination, signal)
    is_emergency = isinstance(destination, CallOut) and numbers.is_emergency(signal.dialled)
    if context.calls >= domain.max_calls and not is_emergency:
        destination = Refuse(OVERLOADED)
    if call.direction == "outbound":
        call, ringing = tell(call, call.legs[0], "ringing", signal.at)
        return with_events(go(call, destination, context, signal.at), ringing)
    return go(call, destination, context, signal.at)


def _unattended(call: Call, destination: Destination, signal: Unattended) -> Step:
    """The switch has decided already: there is nothing to do but to tell of it. It may have
    recorded the talk.
    """
    call = replace(followed(call, destination), record=True, settled=True)
    if call.direction != "outbound":
        return Step(call)
    call, ringing = tell(call, call.legs[0], "ringing", signal.at)
    return Step(call, events=ringing)


def _inbound(signal: Arrived, caller: Leg, context: RoutingContext) -> tuple[Call, Destination]:
    directory = context.directory
    hotline = directory.hotline(signal.dialled)
    number = hotline.number if hotline else signal.dialled
    call = _begin(signal, caller, "inbound", directory.domain, dialled=number, hotline=number)
    # whose call it is, though nothing of his may ring
    if hotline and hotline.destination in directory.extensions:
        call = replace(call, extension=hotline.destination)
    trunk = next(
        (each for each in directory.trunks.values() if str(each.trunk_uuid) == signal.endpoint),
        None,
    )
    if trunk and routing.is_full(trunk, context):
        return call, Refuse(CONGESTED)
    return call, routing.from_hotline(hotline, context)


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
    return refused.stop is not None or refused == Refuse(BARRED)


def _allowed(
    signal: Arrived, extension: str, destination: Destination, context: RoutingContext
) -> Destination:
    """The destination, for an extension that may begin one more call."""
    known = context.directory.extensions.get(extension)
    if known is None or not known.enabled:
        return Refuse(BARRED)
    is_emergency = isinstance(destination, CallOut) and numbers.is_emergency(signal.dialled)
    is_busy = context.talks.get(extension, 0) >= known.max_calls
    return Refuse(BUSY) if is_busy and not is_emergency else destination


def _begin(
    signal: Arrived,
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
        country_code=domain.country_code,
        call_id_mode=domain.call_id_mode,
        direction=direction,
        stage=Stage.RINGING,
        started_at=signal.at,
        channel=signal.channel,
        caller_number=caller.number,
        dialled=dialled,
        hotline=hotline,
        legs=(caller,),
    )


def _caller_number(signal: Arrived, domain: Domain) -> str:
    if signal.via == "phone":
        return signal.endpoint.partition("@")[0]
    return numbers.national(signal.caller_number, domain.country_code) or numbers.ANONYMOUS


def click_to_call(
    signal: Arrived,
    command: ClickToCall,
    recording_token: str,
    context: RoutingContext,
    phones: int = 1,
) -> tuple[Call, Originate] | Refuse:
    """A call that the API asked for: `signal` is its first channel, which we name and the switch
    has yet to call.

    Refused when there is no way to the number, or it is the extension's own. The extension, which
    exists, has all its `phones` ring first, for as long as it rings on any call, all of them under
    one leg id; then `phone` is dialled. No number goes outside but a hotline of the domain's: any
    other `dest_cid_number` gives way to the one called by.
    """
    domain = context.directory.domain
    wanted = context.directory.hotline(command.dest_cid_number)
    own = wanted.number if wanted and wanted.enabled else ""
    if command.phone == command.ext:
        return Refuse(UNALLOCATED)
    destination = routing.inside(command.phone, context, command.ext) or routing.outside(
        command.phone, context, extension=command.ext, hotline=command.hotline or own
    )
    if isinstance(destination, Refuse):
        return destination
    agents = [
        Leg(
            channel=f"{signal.channel}-{phone}" if phone else signal.channel,
            number=command.ext,
            role="caller",
            is_extension=True,
            started_at=signal.at,
            leg_uuid=signal.call_uuid,
        )
        for phone in range(phones)
    ]
    is_out = isinstance(destination, CallOut)
    hotline = destination.hotline.number if isinstance(destination, CallOut) else ""
    call = replace(
        _begin(
            signal,
            agents[0],
            "outbound" if is_out else "local",
            domain,
            dialled=command.phone,
            hotline=hotline,
        ),
        stage=Stage.CALLING,
        legs=tuple(agents),
        extension=command.ext,
        shown=own or hotline,
        customer_id=command.customer_id,
        is_click_to_call=True,
        recording_token=recording_token,
    )
    then = go(call, destination, context, signal.at)
    dial = next((action for action in then.actions if isinstance(action, Dial)), None)
    if dial is None:
        return Refuse(then.call.ending or UNALLOCATED)
    originate = Originate(
        channels=tuple(agent.channel for agent in agents),
        endpoint=f"{command.ext}@{domain.name}",
        timeout_s=context.directory.extensions[command.ext].ring_timeout_s,
        caller_id=command.src_cid_number or command.ext,
        caller_name=command.src_cid_name,
        auto_answer=command.auto_answer,
        call_uuid=call.call_uuid,
        then=replace(dial, caller_name=command.dest_cid_name),
    )
    return replace(then.call, stage=Stage.CALLING), originate
