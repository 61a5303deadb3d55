"""Live state as clients read it, times by RFC 3339."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.dialects.view import Utc
from tongdai.pbx import live
from tongdai.pbx.call import Direction
from tongdai.pbx.cdr import Cdr, Status

State = Literal["calling", "ringing", "waiting", "talking", "leaving", "ended"]
_DIRECTIONS: dict[int, Direction] = {1: "local", 2: "inbound", 3: "outbound"}


class Leg(msgspec.Struct, frozen=True, kw_only=True):
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


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it is now. `from_number` and `to_number` are as in its record. The fields from
    `time_ended` on are null or "" while it is live.
    """

    id: Annotated[UUID, Meta(description="conversation_id in events, and the id of its record.")]
    domain: str
    state: Annotated[
        State,
        Meta(
            description="calling: a click-to-call rings its extension; waiting: in a queue; "
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
    legs: Annotated[tuple[Leg, ...], Meta(description="Those in it now; none of an ended call.")]
    time_ended: Utc | None = None
    status: Status | Literal[""] = ""
    cause: str = ""
    hangup_by: str = ""


def call(view: live.LiveCall) -> Call:
    """The live call."""
    return Call(
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
        legs=tuple(map(_leg, view.legs)),
    )


def ended(record: Cdr, domain: str) -> Call:
    """The call that has this record."""
    return Call(
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
        legs=(),
        time_ended=record.time_ended,
        status=record.status,
        cause=record.cause,
        hangup_by=record.hangup_by,
    )


def _leg(view: live.LiveLeg) -> Leg:
    return Leg(
        call_id=view.leg_uuid,
        sip_call_id=view.sip_call_id,
        number=view.number,
        is_extension=view.is_extension,
        role="caller" if view.is_caller else "callee",
        state="ringing" if view.is_ringing else "connected",
        trunk=view.trunk,
        time_started=view.started_at,
        time_answered=view.answered_at,
    )
