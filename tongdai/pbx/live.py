"""Live calls as users see them: one view of a call, made of the call alone."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec

from tongdai.pbx.call import (
    Call,
    Calling,
    Direction,
    Ended,
    Leaving,
    Leg,
    Ringing,
    Stage,
    Talking,
    Waiting,
)


class LiveLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A party that is in the call now, or is being called. `leg_uuid` is its call_id in events,
    None for a party that events do not show; `trunk` is the name of the trunk that it is behind.
    """

    leg_uuid: UUID | None
    sip_call_id: str
    number: str
    is_extension: bool
    is_caller: bool
    is_ringing: bool
    trunk: str
    started_at: datetime
    answered_at: datetime | None


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that goes on. `from_number` and `to_number` are those that its record will have;
    `queue` is the one that the caller waits in, or that offers the call now; `since` is when its
    stage began, as far as the call shows it.
    """

    call_uuid: UUID
    domain_uuid: UUID
    domain: str
    stage: Stage
    since: datetime
    direction: Direction
    from_number: str
    to_number: str
    extension: str
    hotline: str
    receive_dest: str
    queue: str
    trunk: str
    customer_id: str
    is_click_to_call: bool
    started_at: datetime
    answered_at: datetime | None
    legs: tuple[LiveLeg, ...]


def of(call: Call) -> LiveCall:
    """The view of a call that has not ended."""
    presented = call.presented_number or call.hotline if call.direction == "outbound" else ""
    return LiveCall(
        call_uuid=call.call_uuid,
        domain_uuid=call.domain_uuid,
        domain=call.domain,
        stage=call.stage,
        since=_since(call),
        direction=call.direction,
        from_number=presented or call.caller_number,
        to_number=call.dialled,
        extension=call.extension,
        hotline=call.hotline,
        receive_dest=call.receive_dest,
        queue=_queue(call),
        trunk=call.trunk,
        customer_id=call.customer_id,
        is_click_to_call=call.is_click_to_call,
        started_at=call.started_at,
        answered_at=call.answered_at,
        legs=tuple(_leg(call, leg) for leg in call.live_legs),
    )


def is_named(call: Call, name: str) -> bool:
    """Whether the text is an id of the call: its own, one of a leg, of a call that became part of
    it, or the SIP Call-ID of a leg.
    """
    ids = {call.call_uuid, *call.merged, *call.former_ids}
    ids |= {leg.leg_uuid for leg in call.legs if leg.leg_uuid}
    is_id = name.lower() in {str(each) for each in ids}
    return is_id or (name != "" and any(leg.sip_call_id == name for leg in call.legs))


def _since(call: Call) -> datetime:
    match call.course:
        case Waiting(since=since) | Ringing(then=Waiting(since=since)):
            return since
        case Calling():
            return call.started_at
        case Ringing():
            return min((leg.started_at for leg in call.dialled_legs), default=call.started_at)
        case Talking() | Leaving() | Ended():
            return call.answered_at or call.started_at
        case _:
            assert_never(call.course)


def _queue(call: Call) -> str:
    match call.course:
        case Waiting(queue=queue) | Ringing(then=Waiting(queue=queue)):
            return queue
        case _:
            return ""


def _leg(call: Call, leg: Leg) -> LiveLeg:
    is_called = leg.role == "callee" or isinstance(call.course, Calling)
    answered_at = leg.connected_at or leg.answered_at
    return LiveLeg(
        leg_uuid=leg.leg_uuid,
        sip_call_id=leg.sip_call_id,
        number=leg.number,
        is_extension=leg.is_extension,
        is_caller=leg.role == "caller",
        is_ringing=is_called and answered_at is None,
        trunk=leg.trunk_name or ("" if leg.is_extension or not leg.trunk else call.trunk),
        started_at=leg.started_at,
        answered_at=answered_at,
    )
