"""Live state as users see it: views of calls, queues and agents, made of the calls that go on."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, assert_never
from uuid import UUID

import msgspec

from tongdai.pbx.call import (
    Call,
    Calling,
    Choosing,
    Direction,
    Ended,
    Leaving,
    Leg,
    Parked,
    Ringing,
    Stage,
    Talking,
    Waiting,
)
from tongdai.pbx.directory import Directory, Extension, Queue


class LiveLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A party that is in the call now, or is being called. `leg_uuid` is its call_id in events,
    None for a party that events do not show; `trunk` is the name of the trunk that it is behind.
    `holds`: its phone has put the other party on hold. `is_muted`: by command.
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
    holds: bool
    is_muted: bool


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that goes on. `from_number` and `to_number` are those that its record will have;
    `queue` is the one that the caller waits in, or that offers the call now; `since` is when its
    stage began, as far as the call shows it. `held_until`: by command its parties wait apart,
    until then at most. `park_slot` is its slot, "" for a call that is not parked.
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
    held_until: datetime | None
    park_slot: str
    is_recording_paused: bool
    legs: tuple[LiveLeg, ...]


def of(call: Call) -> LiveCall:
    """The view of a call that has not ended."""
    presented = call.presented_number or call.hotline if call.direction == "outbound" else ""
    talking = call.course if isinstance(call.course, Talking) else Talking()
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
        held_until=talking.held_until,
        park_slot=call.course.slot if isinstance(call.course, Parked) else "",
        is_recording_paused=talking.recording == "paused",
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
        case Waiting(since=since) | Ringing(then=Waiting(since=since)) | Choosing(since=since):
            return since
        case Parked(since=since):
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
        holds=leg.holds,
        is_muted=leg.is_muted,
    )


# --- queues, agents, phones, trunks


class Waiter(msgspec.Struct, frozen=True):
    """A caller who waits; `agent` is whom the queue offers the call to now, "" for nobody."""

    call_uuid: UUID
    number: str
    since: datetime
    agent: str


class LiveQueue(msgspec.Struct, frozen=True):
    """A queue, and who waits in it, the earliest first."""

    number: str
    name: str
    agents: tuple[str, ...]
    waiting: tuple[Waiter, ...]


AgentState = Literal["free", "ringing", "busy", "wrap_up", "away", "disabled"]


class LiveAgent(msgspec.Struct, frozen=True):
    """An agent of queues. `away`: no phone of it can be reached. `until` is the end of a
    wrap-up.
    """

    extension: str
    name: str
    state: AgentState
    calls: int
    queues: tuple[str, ...]
    until: datetime | None = None


class LivePhone(msgspec.Struct, frozen=True):
    """A registered phone; `since` is None if it was there before the engine began to listen."""

    endpoint: str
    address: str
    is_reachable: bool
    since: datetime | None


class LiveTrunk(msgspec.Struct, frozen=True):
    """A trunk. `is_registered` is None for one that does not register, or is not known yet;
    `sip_status` is the carrier's last answer.
    """

    name: str
    is_enabled: bool
    calls: int
    max_calls: int
    is_registered: bool | None = None
    sip_status: int = 0
    since: datetime | None = None


def queues(directory: Directory, calls: Iterable[Call]) -> list[LiveQueue]:
    """The domain's queues."""
    waiting: dict[str, list[Waiter]] = {}
    for call in calls:
        if number := _queue(call):
            waiter = Waiter(call.call_uuid, call.caller_number, _since(call), call.agent)
            waiting.setdefault(number, []).append(waiter)
    return [
        LiveQueue(
            queue.number,
            queue.name,
            queue.agents,
            tuple(sorted(waiting.get(queue.number, ()), key=_place)),
        )
        for queue in directory.queues.values()
    ]


def _place(waiter: Waiter) -> tuple[datetime, str]:
    return waiter.since, str(waiter.call_uuid)


def agents(
    directory: Directory,
    calls: Iterable[Call],
    away: Collection[str],
    talked_until: Mapping[str, datetime],
    now: datetime,
) -> list[LiveAgent]:
    """The agents of the domain's queues. `talked_until` is the end of each one's last talk."""
    connected: set[str] = set()
    counts: Counter[str] = Counter()
    for call in calls:
        counts.update(call.extensions)
        connected |= {leg.number for leg in call.live_legs if leg.is_extension and _is_up(leg)}
    numbers = (number for queue in directory.queues.values() for number in queue.agents)
    found = []
    for number in dict.fromkeys(numbers):
        own = tuple(queue for queue in directory.queues.values() if number in queue.agents)
        known, talks = directory.extensions.get(number), counts[number]
        until = _wraps_up_until(own, talked_until.get(number), now)
        state = _agent_state(known, talks, until, number in connected, number in away)
        name, in_queues = known.name if known else "", tuple(queue.number for queue in own)
        ends = until if state == "wrap_up" else None
        found.append(LiveAgent(number, name, state, talks, in_queues, ends))
    return found


def _wraps_up_until(
    own: Iterable[Queue], talked_until: datetime | None, now: datetime
) -> datetime | None:
    """The end of the agent's wrap-up, of its queues' longest; None if it has none now."""
    longest_s = max((queue.wrap_up_s for queue in own), default=0)
    until = talked_until + timedelta(seconds=longest_s) if talked_until else None
    return until if until and until > now else None


def _agent_state(
    known: Extension | None,
    talks: int,
    wraps_up_until: datetime | None,
    is_connected: bool,  # noqa: FBT001
    is_away: bool,  # noqa: FBT001
) -> AgentState:
    if known is None or not known.enabled:
        return "disabled"
    if talks:
        return "busy" if is_connected else "ringing"
    if is_away:
        return "away"
    return "wrap_up" if wraps_up_until else "free"


def _is_up(leg: Leg) -> bool:
    return leg.role == "caller" or leg.connected_at is not None
