"""Call pick-up: an extension takes a call that rings at another one, by a feature code."""

from collections.abc import Iterable

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes, feature_codes, recording
from tongdai.pbx.actions import HangUp, PickUp
from tongdai.pbx.call import Call, Leg, Ringing
from tongdai.pbx.directory import Directory
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.routing import RoutingContext, may_call
from tongdai.pbx.signals import Arrived, PickupAsked
from tongdai.pbx.step import Step, ignored, with_events


def found(
    signal: Arrived, calls: Iterable[Call], context: RoutingContext
) -> tuple[Call, PickupAsked] | None:
    """The call that the phone has dialled to pick up, and the signal for it; None if it has
    dialled something else, may have no more calls, or nothing rings there. Of several it is the
    one that rings for longest.
    """
    device = Endpoint.parse(signal.endpoint) if signal.via == "phone" else None
    codes = context.directory.domain.feature_codes
    dialled = feature_codes.dialled(signal.dialled, codes) if device else None
    if device is None or dialled is None or dialled.feature != "pickup":
        return None
    own = device.extension
    if not may_call(own, context):
        return None
    others = {dialled.argument} if dialled.argument else colleagues(own, context.directory)
    ringing = [(call, leg) for call in calls for leg in _ringing(call, others - {own})]
    if not ringing:
        return None
    call, leg = min(ringing, key=lambda each: each[1].started_at)
    asked = PickupAsked(
        channel=signal.channel,
        at=signal.at,
        target=leg.channel,
        extension=own,
        other=signal.call_uuid,
        sip_call_id=signal.sip_call_id,
    )
    return call, asked


def colleagues(extension: str, directory: Directory) -> set[str]:
    """Whoever is in a ring group or queue with the extension."""
    groups = (
        *(group.members for group in directory.ring_groups.values()),
        *(queue.agents for queue in directory.queues.values()),
    )
    return {each for members in groups if extension in members for each in members}


def _ringing(call: Call, extensions: set[str]) -> list[Leg]:
    """The legs of these extensions that are being called, and nobody picks up yet."""
    if not isinstance(call.course, Ringing) or any(leg.picks_up for leg in call.live_legs):
        return []
    called = (leg for leg in call.dialled_legs if leg.is_live and not leg.connected_at)
    return [leg for leg in called if leg.is_extension and leg.number in extensions]


def asked(call: Call, signal: PickupAsked) -> Step:
    """The phone is a party of the call, and takes it; refused if it does not ring any more."""
    if signal.other in call.merged:
        return ignored(call)
    call = replace(call, merged=(*call.merged, signal.other))
    target = call.leg(signal.target)
    if target is None or target not in _ringing(call, {target.number}):
        release = causes.ABSENT
        return Step(call, (HangUp(signal.channel, release.q850, causes.response(release)),))
    leg = Leg(
        channel=signal.channel,
        number=signal.extension,
        role="callee",
        is_extension=True,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        leg_uuid=ids.derived(call.call_uuid, signal.channel),
        attempt=call.attempt,
        picks_up=True,
    )
    call = replace(call, legs=(*call.legs, leg))
    return Step(call, (PickUp(signal.channel, signal.target, call.call_uuid),))


def connected(made: Step, leg: Leg, context: RoutingContext) -> Step:
    """The leg that picks up talks now: recorded by its own setting, where that differs."""
    other = made.call.controlled
    extensions = {each.number for each in (leg, other) if each and each.is_extension}
    if context.directory.records(*extensions) == made.call.record:
        return made
    call, actions = recording.of_talk(made.call, leg, context)
    return with_events(Step(call, actions), made.events)
