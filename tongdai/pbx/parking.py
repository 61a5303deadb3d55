"""Parking: a party waits with music at a slot of its domain, until some extension takes it back.

An extension parks a party by a transfer to the code for that. What is not taken back in time comes
back to that extension, as a transfer that nobody answered.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes, feature_codes, steering
from tongdai.pbx.actions import Dial, Fetch, HangUp, Park, Party
from tongdai.pbx.call import Call, Leg, Parked
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.routing import RoutingContext, may_call
from tongdai.pbx.signals import Arrived, RetrievalAsked
from tongdai.pbx.step import Step, ignored

SLOTS = 99
"""That a domain has, by number from 1."""
_REASON = "parked"


def free_slot(taken: Collection[str]) -> str:
    """The first slot that is not taken; "" if all are."""
    slots = map(str, range(1, SLOTS + 1))
    return next((slot for slot in slots if slot not in taken), "")


def park(call: Call, slot: str, by: str, context: RoutingContext, at: datetime) -> Step:
    """The controlled leg waits at the slot. `by`, who has parked it, rings if no engine takes it
    back in time.
    """
    directory = context.directory
    reason = f"{_REASON}:{slot}"
    record = directory.records(by)
    call = replace(
        call,
        course=Parked(slot=slot, since=at),
        routed_by=(*call.routed_by, reason),
        record=call.record or record,  # a talk that begins without an engine, too
    )
    known = directory.extensions.get(by)
    shown = call.controlled.number if call.controlled else call.caller_number
    wait = Park(
        channel=call.channel,
        music=directory.music_named(),
        timeout_s=directory.domain.park_timeout_s,
        rest=Dial(
            call.channel,
            tuple(map(Party, directory.endpoints(by))),
            known.ring_timeout_s if known else 30,
            shown,
            record=record,
        ),
    )
    told = steering.told(call, None, "parked", at)
    return replace(told, actions=(wait,))


def found(
    signal: Arrived, calls: Iterable[Call], context: RoutingContext
) -> tuple[Call, RetrievalAsked] | None:
    """The parked call that the phone has dialled to take back, and the signal for it; without a
    slot the one that waits for longest. None if it has dialled something else, may have no more
    calls, or nothing is parked there.
    """
    device = Endpoint.parse(signal.endpoint) if signal.via == "phone" else None
    codes = context.directory.domain.feature_codes
    dialled = feature_codes.dialled(signal.dialled, codes) if device else None
    if device is None or dialled is None or dialled.feature != "retrieve":
        return None
    if not may_call(device.extension, context):
        return None
    slot = dialled.argument.lstrip("0")
    parked = [
        (call.course.since, str(call.call_uuid), call)
        for call in calls
        if isinstance(call.course, Parked) and slot in ("", call.course.slot)
    ]
    if not parked:
        return None
    *_, call = min(parked)
    asked = RetrievalAsked(
        channel=signal.channel,
        at=signal.at,
        extension=device.extension,
        other=signal.call_uuid,
        sip_call_id=signal.sip_call_id,
    )
    return call, asked


def retrieve(call: Call, signal: RetrievalAsked, context: RoutingContext) -> Step:
    """The phone is a party of the call, and talks with the one that is parked; refused if that one
    is parked no more, or another phone fetches it.
    """
    if signal.other in call.merged:
        return ignored(call)
    call = replace(call, merged=(*call.merged, signal.other))
    parked = call.controlled
    is_fetched = any(leg.picks_up for leg in call.live_legs)
    if not isinstance(call.course, Parked) or parked is None or is_fetched:
        release = causes.ABSENT
        return Step(call, (HangUp(signal.channel, release.q850, causes.response(release)),))
    extensions = {signal.extension, *([parked.number] if parked.is_extension else [])}
    leg = Leg(
        channel=signal.channel,
        number=signal.extension,
        role="callee",
        is_extension=True,
        started_at=signal.at,
        sip_call_id=signal.sip_call_id,
        leg_uuid=ids.derived(call.call_uuid, signal.channel),
        attempt=call.attempt + 1,
        picks_up=True,
    )
    call = replace(call, legs=(*call.legs, leg), attempt=leg.attempt)
    record = context.directory.records(*extensions)
    fetch = Fetch(
        signal.channel,
        call.channel,
        call.call_uuid,
        record=record,
        stereo=record and context.directory.domain.recording_stereo,
    )
    return Step(replace(call, record=call.record or record), (fetch,))
