"""The catalogue of events, and the facts in each of them.

A dialect (`tongdai.dialects`) renders the facts for clients.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.pbx.call import Call, Direction, Leg, seconds

EventName = Literal["ringing", "answered", "hangup", "cdr", "missed"]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NAMES: tuple[EventName, ...] = ("ringing", "answered", "hangup", "cdr", "missed")
"""Of calls."""
AT_THE_END: frozenset[EventName] = frozenset(("hangup", "cdr", "missed"))
"""Events of an ended call, or of the end of a leg's talk: they have durations."""
DISABLED: Literal["endpoint.disabled"] = "endpoint.disabled"
ALL: tuple[str, ...] = (*NAMES, DISABLED)
"""All events that a client can subscribe to."""
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "ringing": "An extension's phone rings.",
        "answered": "The call is answered: the parties talk.",
        "hangup": "The call has ended.",
        "cdr": "The call's record is written, and its recording can be played.",
        "missed": "An inbound call ended without an answer.",
        DISABLED: "A subscription was disabled: its URL failed for too long, or answered 410.",
    }
)
"""What has happened, by the event's name."""


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, tag_field="about", tag="call"):
    """The state of a call, and of one leg of it, when the event happened.

    `call_id` is the leg's id by the domain's call_id_mode. `duration` and `billsec` are whole
    seconds, 0 before the end. Moments are UTC. `recording_url` is stored as published: a repeated
    delivery must have the same bytes, even if the API's URL has changed since.
    """

    domain: str
    call_id: UUID
    sip_call_id: str
    conversation_id: UUID
    direction: Direction
    from_number: str
    to_number: str
    hotline: str
    extension: str = ""
    receive_dest: str = ""  # the ring group or queue
    customer_id: str = ""
    time_started: datetime
    time_answered: datetime | None = None
    time_ended: datetime | None = None  # of the leg; other legs may go on
    duration: int = 0
    billsec: int = 0
    recording_url: str = ""


class SubscriptionFacts(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="about", tag="subscription"
):
    """A disabled subscription, the reason, and the moment (UTC)."""

    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: datetime


Facts: TypeAlias = CallFacts | SubscriptionFacts


class Event(msgspec.Struct, frozen=True):
    """An event to publish once. `event_uuid` is derived, so a repeated publication is harmless."""

    event_uuid: UUID
    domain_uuid: UUID
    order_key: UUID  # the conversation or the subscription: events of one key stay in order
    name: str
    facts: Facts
    since: datetime = LONG_AGO  # it was not published before this moment


def of_call(
    call: Call, leg: Leg | None, name: EventName, at: datetime, *, recording_url: str = ""
) -> Event:
    """An event of a leg, or of a call that rang no extension (leg None).

    As in the reference, from_number is the extension on outbound calls, to_number on inbound ones.
    """
    has_ended = name in AT_THE_END
    facts = CallFacts(
        domain=call.domain,
        call_id=call.published_id(leg),
        sip_call_id=(leg or call.caller).sip_call_id,
        conversation_id=call.call_uuid,
        direction=call.direction,
        from_number=_from(call, leg),
        to_number=_to(call, leg),
        hotline=call.hotline,
        extension=call.extension,
        receive_dest=call.receive_dest,
        customer_id=call.customer_id,
        time_started=call.started_at,
        time_answered=call.answered_at,
        time_ended=at if has_ended else None,
        duration=call.duration(at) if has_ended else 0,
        billsec=_billsec(call, leg, at) if has_ended else 0,
        recording_url=recording_url,
    )
    return Event(
        event_uuid=ids.derived(call.call_uuid, f"{name}:{leg.leg_uuid if leg else ''}"),
        domain_uuid=call.domain_uuid,
        order_key=call.call_uuid,
        name=name,
        facts=facts,
        since=call.started_at,
    )


def disabled(domain_uuid: UUID, facts: SubscriptionFacts) -> Event:
    """The event of a disabled subscription."""
    event_uuid = ids.derived(facts.subscription_uuid, f"disabled:{facts.disabled_at.isoformat()}")
    return Event(
        event_uuid, domain_uuid, facts.subscription_uuid, DISABLED, facts, facts.disabled_at
    )


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
    """The leg's own talk time if the call had several talks; else that of the whole call."""
    if leg and leg.connected_at and call.answered_at and leg.connected_at > call.answered_at:
        return seconds(leg.connected_at, at)
    return call.billsec(at)
