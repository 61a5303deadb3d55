"""Replaced dialogs: a party takes the place of another one (INVITE with Replaces, RFC 3891), as
phones do for call pick-up. Asterisk connects it before we are asked.
"""

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes, recording, release
from tongdai.pbx.actions import Action, Adopt, HangUp
from tongdai.pbx.call import Call, Leaving, Leg, Talking
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.events import Event
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import ArrivedInForeignCall, LegReplaced, Severed
from tongdai.pbx.step import Step, ignored, publish, with_leg


def replaced(call: Call, signal: LegReplaced, context: RoutingContext) -> Step:
    """The party is a leg of the call from now on, with the role of the one before it; or the call
    ends, if the party may not be in it.
    """
    before = call.leg(signal.replaced)
    if before is None or call.leg(signal.channel) or call.release == causes.SEVERED:
        return ignored(call)
    call = _left(call, before, signal.at)
    if not _may_replace(call, before, signal.endpoint, context):
        severed = sever(call, Severed(signal.channel, signal.at))
        hang_up = HangUp(signal.channel, causes.SEVERED.q850)
        return replace(severed, actions=(hang_up, *severed.actions))
    leg = _leg(call, before, signal)
    if leg.leg_uuid == before.leg_uuid:
        call = with_leg(call, before.channel, leg_uuid=None)
    call = replace(
        call,
        legs=(*call.legs, leg),
        channel=leg.channel if call.channel == before.channel else call.channel,
        hangup_by="",
        ended_at=None,
    )
    call, begun = _connected(call, leg, signal)
    recorded: tuple[Action, ...] = ()
    if isinstance(call.course, Talking):
        call, recorded = recording.of_talk(call, leg, context)
    adopt = Adopt(leg.channel, signal.name, call.call_uuid)
    return Step(call, (adopt, *recorded), begun)


def _may_replace(call: Call, before: Leg, endpoint: str, context: RoutingContext) -> bool:
    """Whether a device or trunk may take the place of the leg: a device of the domain, for any
    leg; a trunk whose parties may transfer, for a leg of its own.
    """
    directory = context.directory
    if device := Endpoint.parse(endpoint):
        known = directory.extensions.get(device.extension)
        return device.domain == call.domain and known is not None and known.enabled
    trunk = next(
        (each for each in directory.trunks.values() if str(each.trunk_uuid) == endpoint), None
    )
    return trunk is not None and trunk.transfers and before.trunk == endpoint


def foreign(call: Call, signal: LegReplaced, call_uuid: UUID) -> ArrivedInForeignCall | None:
    """The arrival, in its own domain, of a device that took a place in this call; None if it is
    of this domain, or no device. `call_uuid`: a new id.
    """
    device = Endpoint.parse(signal.endpoint)
    if device is None or device.domain == call.domain:
        return None
    return ArrivedInForeignCall(
        call_uuid=call_uuid,
        channel=signal.channel,
        at=signal.at,
        via="phone",
        endpoint=signal.endpoint,
        dialled=signal.dialled,
        caller_number=device.extension,
        sip_call_id=signal.sip_call_id,
    )


def _left(call: Call, before: Leg, at: datetime) -> Call:
    """The replaced leg has ended; its hang-up may be known already."""
    if not before.is_live:
        return call
    why = causes.ANSWERED if before.connected_at else causes.ANSWERED_BY_ANOTHER
    return with_leg(call, before.channel, ended_at=at, release=why)


def _leg(call: Call, before: Leg, signal: LegReplaced) -> Leg:
    """The new leg. It has an id of its own in events; of a caller that has no talk yet, it is the
    one before it that goes on.
    """
    device = Endpoint.parse(signal.endpoint)
    goes_on = before.role == "caller" and not isinstance(call.course, Talking)
    own = ids.derived(call.call_uuid, signal.channel) if before.leg_uuid else None
    return Leg(
        channel=signal.channel,
        number=device.extension if device else before.number,
        role=before.role,
        is_extension=device is not None,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        leg_uuid=before.leg_uuid if goes_on else own,
        published=before.published if goes_on else (),
        attempt=before.attempt,
        trunk="" if device else signal.endpoint,
        answered_at=signal.at,
    )


def _connected(call: Call, leg: Leg, signal: LegReplaced) -> tuple[Call, tuple[Event, ...]]:
    """The leg talks, if its call does. Events show it if they showed the one before it."""
    if not isinstance(call.course, Talking):
        return call, ()
    call = with_leg(call, leg.channel, connected_at=signal.at)
    if leg.leg_uuid is None:
        return call, ()
    call, ringing = publish(call, leg, "ringing", signal.at)
    call, answered = publish(call, leg, "answered", signal.at)
    return call, (*ringing, *answered)


def sever(call: Call, signal: Severed) -> Step:
    """The call is released: a party was joined to it that may not be in it."""
    if call.release == causes.SEVERED:
        return ignored(call)
    hang_ups = tuple(HangUp(leg.channel, causes.SEVERED.q850) for leg in call.live_legs)
    call = replace(call, course=Leaving(release=causes.SEVERED), hangup_by="system", ended_at=None)
    if not call.live_legs:
        return release.end(call, signal.at)
    return Step(call, hang_ups)
