"""What subscribers are told: the catalogue of events and the JSON of each (the reference, "Event Hook Data")."""

from typing import Literal
from uuid import UUID

import msgspec

EventName = Literal["ringing", "answered", "hangup", "cdr", "missed"]
NAMES: tuple[EventName, ...] = ("ringing", "answered", "hangup", "cdr", "missed")


class Body(msgspec.Struct, frozen=True):
    """The JSON that is delivered. `duration` and `billsec` are whole seconds, 0 before the end of the call."""

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


class Event(msgspec.Struct, frozen=True):
    """One thing to tell, once: `event_uuid` can be computed again, so telling it twice is harmless."""

    event_uuid: UUID
    domain_uuid: UUID
    call_uuid: UUID  # the conversation: the order key
    body: Body
