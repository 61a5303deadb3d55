"""Live state as clients read it, times by RFC 3339."""

from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.dialects.view import Utc
from tongdai.pbx import live
from tongdai.pbx.call import Direction
from tongdai.pbx.cdr import Cdr, Status
from tongdai.pbx.endpoint import Endpoint

CallState = Literal[
    "calling", "ringing", "waiting", "choosing", "parked", "talking", "leaving", "ended"
]
_DIRECTIONS: dict[int, Direction] = {1: "local", 2: "inbound", 3: "outbound"}


class LiveLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A party that is in the call, or is being called."""

    call_id: Annotated[
        UUID | None,
        Meta(description="Its id in events; null for a party that events do not show."),
    ]
    sip_call_id: str
    number: Annotated[str, Meta(description="Extension or telephone number.", examples=["101"])]
    is_extension: bool
    role: Literal["caller", "callee"]
    state: Literal["ringing", "connected"]
    trunk: Annotated[str, Meta(description='The trunk that it is behind; "" for none.')]
    time_started: Utc
    time_answered: Utc | None
    holds: Annotated[
        bool, Meta(description="Its phone has put the other party on hold.", examples=[False])
    ]
    is_muted: Annotated[bool, Meta(description="By a command: the other party does not hear it.")]


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it is now. `from_number` and `to_number` are as in its record. The fields from
    `time_ended` on are null or "" while it is live.
    """

    id: Annotated[UUID, Meta(description="conversation_id in events, and the id of its record.")]
    domain: str
    state: Annotated[
        CallState,
        Meta(
            description="calling: a click-to-call rings its extension; waiting: in a queue; "
            "choosing: it hears a menu; parked: it waits to be taken back; "
            "leaving: it is being released."
        ),
    ]
    since: Annotated[Utc, Meta(description="When it began to ring, wait or talk.")]
    direction: Direction
    from_number: Annotated[str, Meta(examples=["0899888999"])]
    to_number: Annotated[str, Meta(examples=["19001919"])]
    extension: Annotated[str, Meta(description="Which receives or makes the call.")]
    hotline: str
    receive_dest: Annotated[str, Meta(description="The ring group or queue.")]
    queue: Annotated[
        str, Meta(description="The queue that the caller waits in, or that offers the call now.")
    ]
    trunk: str
    customer_id: str
    is_click_to_call: bool
    time_started: Utc
    time_answered: Utc | None
    held_until: Annotated[
        Utc | None,
        Meta(description="It is on hold by a command, until then at most; null: it is not."),
    ]
    park_slot: Annotated[str, Meta(description='Its slot; "": it is not parked.')]
    is_recording_paused: Annotated[bool, Meta(description="By a command, until `resume`.")]
    legs: Annotated[
        tuple[LiveLeg, ...], Meta(description="Those in it now; none of an ended call.")
    ]
    time_ended: Utc | None = None
    status: Status | Literal[""] = ""
    cause: str = ""
    hangup_by: str = ""


def call(view: live.LiveCall) -> LiveCall:
    """The live call."""
    return LiveCall(
        id=view.call_uuid,
        domain=view.domain,
        state=view.stage.value,
        since=view.since,
        direction=view.direction,
        from_number=view.from_number,
        to_number=view.to_number,
        extension=view.extension,
        hotline=view.hotline,
        receive_dest=view.receive_dest,
        queue=view.queue,
        trunk=view.trunk,
        customer_id=view.customer_id,
        is_click_to_call=view.is_click_to_call,
        time_started=view.started_at,
        time_answered=view.answered_at,
        held_until=view.held_until,
        park_slot=view.park_slot,
        is_recording_paused=view.is_recording_paused,
        legs=tuple(map(_leg, view.legs)),
    )


def ended(record: Cdr, domain: str) -> LiveCall:
    """The call that has this record."""
    return LiveCall(
        id=record.cdr_uuid,
        domain=domain,
        state="ended",
        since=record.time_ended,
        direction=_DIRECTIONS[record.direction],
        from_number=record.from_number,
        to_number=record.to_number,
        extension=record.extension,
        hotline=record.hotline,
        receive_dest=record.receive_dest,
        queue="",
        trunk=record.trunk,
        customer_id=record.customer_id,
        is_click_to_call=record.application == "click2call",
        time_started=record.time_started,
        time_answered=record.time_answered,
        held_until=None,
        park_slot="",
        is_recording_paused=False,
        legs=(),
        time_ended=record.time_ended,
        status=record.status,
        cause=record.cause,
        hangup_by=record.hangup_by,
    )


def _leg(view: live.LiveLeg) -> LiveLeg:
    return LiveLeg(
        call_id=view.leg_uuid,
        sip_call_id=view.sip_call_id,
        number=view.number,
        is_extension=view.is_extension,
        role="caller" if view.is_caller else "callee",
        state="ringing" if view.is_ringing else "connected",
        trunk=view.trunk,
        time_started=view.started_at,
        time_answered=view.answered_at,
        holds=view.holds,
        is_muted=view.is_muted,
    )


# --- queues, agents, phones, trunks


class QueueWaiter(msgspec.Struct, frozen=True):
    """A caller who waits."""

    call: Annotated[UUID, Meta(description="The id of its call.")]
    number: str
    since: Utc
    agent: Annotated[str, Meta(description='Whom the call is offered to now, "" for nobody.')]


class LiveQueue(msgspec.Struct, frozen=True):
    """A queue, and who waits in it, the earliest first."""

    number: str
    name: str
    agents: tuple[str, ...]
    waiting: tuple[QueueWaiter, ...]


class LiveAgent(msgspec.Struct, frozen=True):
    """An agent of queues."""

    extension: str
    name: str
    state: Annotated[
        live.AgentState,
        Meta(description="away: none of its phones can be reached; wrap_up: pauses after a talk."),
    ]
    calls: int
    queues: tuple[str, ...]
    until: Annotated[Utc | None, Meta(description="The end of its wrap-up.")]


class LivePhone(msgspec.Struct, frozen=True):
    """A registered phone."""

    device: str
    address: Annotated[str, Meta(examples=["203.0.113.9:5060"])]
    is_reachable: bool
    since: Annotated[
        Utc | None, Meta(description="null if it was registered before the engine started.")
    ]


class LiveRegistration(msgspec.Struct, frozen=True):
    """The registered phones of an extension; there is none for one without."""

    extension: str
    phones: tuple[LivePhone, ...]


class LiveTrunk(msgspec.Struct, frozen=True):
    """A trunk, and its calls of all domains."""

    name: str
    enabled: bool
    calls: int
    max_calls: int
    is_registered: Annotated[
        bool | None, Meta(description="null for one that does not register, or is not known yet.")
    ]
    sip_status: Annotated[int, Meta(description="The carrier's last answer; 0: none.")]
    since: Annotated[Utc | None, Meta(description="Of the registration's state.")]


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """All that goes on in a domain now. `seq` is the position of a stream that goes on from it."""

    seq: int
    calls: list[LiveCall]
    queues: list[LiveQueue]
    agents: list[LiveAgent]
    registrations: list[LiveRegistration]
    trunks: list[LiveTrunk]


class LiveStateOfDomain(LiveState, frozen=True, kw_only=True):
    """All that goes on in one of several domains."""

    domain: str


class LiveStates(msgspec.Struct, frozen=True):
    """All that goes on, by domain. Domains whose switch cannot be reached are left out."""

    domains: list[LiveStateOfDomain]


KINDS = ("calls", "queues", "agents", "registrations", "trunks")
"""Kinds of things in live state, by their names in LiveState."""


def queue(view: live.LiveQueue) -> LiveQueue:
    """The queue."""
    waiting = (
        QueueWaiter(each.call_uuid, each.number, each.since, each.agent) for each in view.waiting
    )
    return LiveQueue(view.number, view.name, view.agents, tuple(waiting))


def agent(view: live.LiveAgent) -> LiveAgent:
    """The agent."""
    return LiveAgent(view.extension, view.name, view.state, view.calls, view.queues, view.until)


def registration(extension: str, phones: Iterable[live.LivePhone]) -> LiveRegistration:
    """The phones of the extension."""
    return LiveRegistration(extension, tuple(map(_phone, phones)))


def _phone(view: live.LivePhone) -> LivePhone:
    device = Endpoint.parse(view.endpoint)
    name = device.device if device else view.endpoint
    return LivePhone(name, view.address, view.is_reachable, view.since)


def trunk(view: live.LiveTrunk) -> LiveTrunk:
    """The trunk."""
    return LiveTrunk(
        view.name,
        view.is_enabled,
        view.calls,
        view.max_calls,
        view.is_registered,
        view.sip_status,
        view.since,
    )
