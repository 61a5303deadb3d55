"""The marks beside each field of a call say which ones outlive a crash of the engine."""

from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec.structs import replace

from testbed.samples import call as sample
from tongdai import ids
from tongdai.pbx import call as calls
from tongdai.pbx.call import (
    COMMITTED,
    RECOVERED,
    Call,
    Committed,
    Course,
    Hunt,
    Leg,
    Recovered,
    Ringing,
    Talking,
    Waiting,
    is_worth_a_commit,
)
from tongdai.pbx.causes import BUSY
from tongdai.pbx.directory import Domain

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CALL = sample(Domain(ids.new(), "a.vn"), NOW)


def structs(hint: Any) -> set[type[msgspec.Struct]]:
    """The structs of pbx.call that a type is made of, itself included."""
    if get_origin(hint) is not None or isinstance(hint, UnionType):
        return {each for part in get_args(hint) for each in structs(part)}
    if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        return set()
    if hint.__module__ != calls.__name__:
        return set()
    parts = get_type_hints(hint).values()
    return {hint} | {each for part in parts for each in structs(part)}


def undecided(kind: type[msgspec.Struct]) -> list[str]:
    """Fields that nobody has decided about."""
    marks = calls.marks_of(kind)
    return [f"{kind.__name__}.{name}" for name, mark in marks.items() if not mark]


def test_every_field_says_what_outlives_a_crash() -> None:
    found = structs(Call)
    assert found >= {Call, Leg, Hunt, *get_args(Course)}
    assert [name for kind in found for name in undecided(kind)] == []


def test_a_field_without_a_decision_is_found() -> None:
    class Held(msgspec.Struct, frozen=True):
        since: Committed[datetime]
        by: str
        is_noticed: Recovered[bool] = False

    assert undecided(Held) == ["Held.by"]
    assert calls.marks_of(Held) == {"since": COMMITTED, "by": "", "is_noticed": RECOVERED}
    # until it is decided, no change of it is lost
    before = Held(NOW, "101")
    assert calls._differs(before, replace(before, by="102"))
    assert not calls._differs(before, replace(before, is_noticed=True))


RINGS = Ringing(then=Hunt(overflow="700"))
WAITS = Waiting(queue="700", since=NOW, until=NOW)
LATER = NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CALL, replace(CALL, course=RINGS)),
        (replace(CALL, course=RINGS), replace(CALL, course=Ringing(egress_trunk="a"))),
        (replace(CALL, course=RINGS), replace(CALL, course=Ringing(then=WAITS))),
        (replace(CALL, course=WAITS), replace(CALL, course=replace(WAITS, since=LATER))),
        (CALL, replace(CALL, attempt=1)),
        (CALL, replace(CALL, failures=(BUSY,))),
        (CALL, replace(CALL, legs=(CALL.legs[0], replace(CALL.legs[1], sip_status=480)))),
        (CALL, replace(CALL, legs=CALL.legs[:1])),
    ],
)
def test_what_nothing_else_knows_is_committed(before: Call, after: Call) -> None:
    assert is_worth_a_commit(before, after)
    assert is_worth_a_commit(after, before)


@pytest.mark.parametrize(
    "after",
    [
        CALL,
        replace(CALL, course=Talking()),
        replace(CALL, hangup_by="caller", ended_at=LATER),
        replace(CALL, legs=(CALL.legs[0], replace(CALL.legs[1], ended_at=LATER, release=BUSY))),
        replace(CALL, legs=(CALL.legs[0], replace(CALL.legs[1], answered_at=LATER))),
        replace(CALL, legs=(CALL.legs[0], replace(CALL.legs[1], rang=True))),
    ],
)
def test_what_recovery_finds_again_is_not_committed_for_its_own_sake(after: Call) -> None:
    assert not is_worth_a_commit(CALL, after)


def test_a_call_of_any_course_is_stored_and_read_again() -> None:
    for course in (RINGS, WAITS, Talking(), calls.Calling(then=RINGS), calls.Leaving()):
        call = replace(CALL, course=course)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(call), type=Call) == call
