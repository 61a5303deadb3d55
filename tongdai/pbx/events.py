"""What subscribers are told: the catalogue of events and the JSON of each (the reference, "Event
Hook Data").
"""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.pbx.call import Call, Leg, seconds

EventName = Literal["ringing", "answered", "hangup", "cdr", "missed"]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NAMES: tuple[EventName, ...] = ("ringing", "answered", "hangup", "cdr", "missed")
"""Of calls."""
DISABLED: Literal["endpoint.disabled"] = "endpoint.disabled"
ALL: tuple[str, ...] = (*NAMES, DISABLED)
"""All that can be subscribed to."""


class Body(msgspec.Struct, frozen=True):
    """The JSON that is delivered. `duration` and `billsec` are whole seconds, 0 before the end of
    the call.
    """

    call_id: UUID
    sip_call_id: str
    domain: str
    direction: str  # inbound, outbound, local
    from_number: str
    to_number: str
    hotline: str
    state: EventName
    duration: int
    billsec: int
    recording_url: str
    conversation_id: UUID
    customer_id: str = ""


class EndpointDisabled(msgspec.Struct, frozen=True):
    """The JSON of the notice that a subscription was disabled, which is no call's."""

    state: Literal["endpoint.disabled"]
    domain: str
    event_domain_uuid: UUID  # the subscription
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: datetime  # UTC


class Event(msgspec.Struct, frozen=True):
    """One thing to tell, once: `event_uuid` can be computed again, so telling it twice is
    harmless.
    """

    event_uuid: UUID
    domain_uuid: UUID
    call_uuid: UUID  # the conversation: the order key
    body: Body
    since: datetime = LONG_AGO  # it has not been published before: the beginning of its call


class Notice(msgspec.Struct, frozen=True):
    """As an event, of a subscription."""

    event_uuid: UUID
    domain_uuid: UUID
    call_uuid: UUID  # the subscription: the order key
    body: EndpointDisabled
    since: datetime  # it cannot have been published before


def tell(
    call: Call, leg: Leg | None, name: EventName, at: datetime, *, recording_url: str = ""
) -> Event:
    """What subscribers hear of a leg, or of a call that no extension ever rang for (leg None).

    The reference: from_number is the extension on outbound calls, to_number on inbound ones.
    """
    ended = name in ("hangup", "cdr", "missed")
    body = Body(
        call_id=call.told_id(leg),
        sip_call_id=leg.sip_call_id if leg else call.legs[0].sip_call_id,
        domain=call.domain,
        direction=call.direction,
        from_number=_from(call, leg),
        to_number=_to(call, leg),
        hotline=call.hotline,
        state=name,
        duration=call.duration(at) if ended else 0,
        billsec=_billsec(call, leg, at) if ended else 0,
        recording_url=recording_url,
        conversation_id=call.call_uuid,
        customer_id=call.customer_id,
    )
    return Event(
        event_uuid=ids.derived(call.call_uuid, f"{name}:{leg.leg_uuid if leg else ''}"),
        domain_uuid=call.domain_uuid,
        call_uuid=call.call_uuid,
        body=body,
        since=call.started_at,
    )


def disabled(domain_uuid: UUID, body: EndpointDisabled) -> Notice:
    """What subscribers hear of a subscription that was disabled."""
    event_uuid = ids.derived(body.event_domain_uuid, f"disabled:{body.disabled_at.isoformat()}")
    return Notice(event_uuid, domain_uuid, body.event_domain_uuid, body, body.disabled_at)


def _from(call: Call, leg: Leg | None) -> str:
    if call.direction == "outbound":
        return leg.number if leg else call.extension
    return call.caller_number


def _to(call: Call, leg: Leg | None) -> str:
    if call.direction == "outbound" or (leg and leg.role == "caller"):
        return call.dialled
    if leg is None:
        return call.extension if call.direction == "inbound" and call.extension else call.dialled
    return leg.number


def _billsec(call: Call, leg: Leg | None, at: datetime) -> int:
    """A leg's own talk where the call had several; the whole of it otherwise."""
    if leg and leg.connected_at and call.answered_at and leg.connected_at > call.answered_at:
        return seconds(leg.connected_at, at)
    return call.billsec(at)
