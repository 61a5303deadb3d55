"""Visits: a call comes to a ring group or queue, waits there, and is answered or leaves. And the
parts that extensions have in a call. Records have both, for reports.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from tongdai.pbx.call import Call, Leg, Visit, VisitKind, seconds
from tongdai.pbx.causes import ReleaseCause, Status
from tongdai.pbx.directory import SERVICE_LEVEL_S, Directory

Outcome: TypeAlias = Literal["answered", "abandoned", "busy", "no_answer", "overflowed", "failed"]
OF_STATUS: Mapping[Status, Outcome] = MappingProxyType(
    {
        "ANSWERED": "answered",
        "CANCEL": "abandoned",
        "BUSY": "busy",
        "NO-ANSWERED": "no_answer",
        "NOT-AVAILABLE": "no_answer",
        "INVALID": "failed",
        "CONGESTION": "failed",
    }
)


class PastVisit(msgspec.Struct, frozen=True, kw_only=True):
    """A call's visit of a ring group or queue. `extension` answered it, "" for none; `overflowed`:
    it went on elsewhere. `wait_s`: until the answer, or until it left without one; in time if that
    was at most `service_level_s`. Whole seconds.
    """

    kind: VisitKind
    number: str
    time_started: datetime
    outcome: Outcome
    extension: str
    wait_s: int
    talk_s: int
    service_level_s: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The part that an extension had in a call: it made it, took it, or was called alone and did
    not. `wait_s`: until the answer; of one that was called, from the beginning of its ringing.
    """

    extension: str
    outcome: Outcome
    wait_s: int
    talk_s: int


def begun(call: Call, number: str, directory: Directory, at: datetime) -> Call:
    """The call with a visit of that ring group or queue."""
    queue = directory.queues.get(number)
    visit = Visit(
        kind="queue" if queue else "ring_group",
        number=number,
        since=at,
        service_level_s=queue.service_level_s if queue else SERVICE_LEVEL_S,
    )
    return replace(call, receive_dest=number, visits=(*call.visits, visit))


def left(call: Call, at: datetime) -> Call:
    """The call, whose visit ends as it goes elsewhere."""
    if not call.visits or call.visits[-1].until:
        return call
    *before, last = call.visits
    return replace(call, visits=(*before, replace(last, until=at)))


def past(call: Call, release: ReleaseCause, ended_at: datetime) -> tuple[PastVisit, ...]:
    """The visits of an ended call, in order."""
    if not call.visits:
        return ()
    ends = [*(visit.since for visit in call.visits[1:]), ended_at]
    return tuple(
        _past(call, visit, release, min(visit.until or end, end), ended_at)
        for visit, end in zip(call.visits, ends, strict=True)
    )


def _past(
    call: Call, visit: Visit, release: ReleaseCause, until: datetime, ended_at: datetime
) -> PastVisit:
    """`until`: it was not there any longer."""
    legs = (leg for leg in call.legs if leg.role == "callee")
    took = [leg for leg in legs if leg.connected_at and visit.since <= leg.connected_at <= until]
    first = min(took, key=_connected_at, default=None)
    is_last = until == ended_at and not visit.until
    missed: Outcome = _without_answer(call, release) if is_last else "overflowed"
    return PastVisit(
        kind=visit.kind,
        number=visit.number,
        time_started=visit.since,
        outcome="answered" if first else missed,
        extension=first.number if first and first.is_extension else "",
        wait_s=seconds(visit.since, _connected_at(first) if first else until),
        talk_s=_talked(first, ended_at) if first else 0,
        service_level_s=visit.service_level_s,
    )


def _without_answer(call: Call, release: ReleaseCause) -> Outcome:
    """The end of a call that nobody took last; one that was transferred was answered before."""
    if call.hangup_by == "caller":
        return "abandoned"
    return "no_answer" if release.status == "ANSWERED" else OF_STATUS[release.status]


def parts(call: Call, release: ReleaseCause, ended_at: datetime) -> tuple[Part, ...]:
    """Of each extension of an ended call, in the order in which they came to it. Members of a ring
    group that rang together without an answer have none.
    """
    by_number: dict[str, list[Leg]] = {}
    for leg in call.legs:
        if leg.is_extension and (leg.role == "caller" or leg.connected_at or _alone(call, leg)):
            by_number.setdefault(leg.number, []).append(leg)
    return tuple(
        _part(call, number, legs, release, ended_at) for number, legs in by_number.items()
    )


def _alone(call: Call, leg: Leg) -> bool:
    """Whether no other party was called with it."""
    return all(
        each.number == leg.number
        for each in call.legs
        if each.role == "callee" and each.attempt == leg.attempt
    )


def _part(
    call: Call, number: str, legs: list[Leg], release: ReleaseCause, ended_at: datetime
) -> Part:
    if legs[0].role == "caller":
        talk_s = call.billsec(ended_at)
        wait_s = call.duration(ended_at) - talk_s
        return Part(
            extension=number, outcome=OF_STATUS[release.status], wait_s=wait_s, talk_s=talk_s
        )
    took = [leg for leg in legs if leg.connected_at]
    if took:
        first = min(took, key=_connected_at)
        return Part(
            extension=number,
            outcome="answered",
            wait_s=seconds(first.started_at, _connected_at(first)),
            talk_s=sum(_talked(leg, ended_at) for leg in took),
        )
    last = legs[-1]
    return Part(
        extension=number,
        outcome=_missed(call, last),
        wait_s=seconds(last.started_at, last.ended_at or ended_at),
        talk_s=0,
    )


def _missed(call: Call, leg: Leg) -> Outcome:
    """The end of a ringing without an answer."""
    if leg.release and leg.release.status == "BUSY":
        return "busy"
    is_last = leg.attempt == call.attempt and not call.answered_at
    return "abandoned" if is_last and call.hangup_by == "caller" else "no_answer"


def _connected_at(leg: Leg) -> datetime:
    return leg.connected_at or leg.started_at


def _talked(leg: Leg, ended_at: datetime) -> int:
    return seconds(_connected_at(leg), leg.ended_at or ended_at)
