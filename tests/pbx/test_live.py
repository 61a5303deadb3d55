"""Live views of queues and agents."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from testbed.samples import call
from tests.pbx import company
from tongdai.pbx import live
from tongdai.pbx.call import Call, Leg, Ringing, Waiting
from tongdai.pbx.directory import Directory

NOW = company.context().now
HOUSE: Directory = company.given(
    company.context(), "queue 700 agents=101,102 wrap_up_s=30"
).directory


def waits(number: str, seconds: int, agent: str = "") -> Call:
    waiting = Waiting(queue="700", since=NOW + timedelta(seconds=seconds), until=NOW)
    course = Ringing(then=waiting, agent=agent) if agent else waiting
    return call(HOUSE.domain, course=course, caller_number=number, answered_at=None, legs=())


def test_who_waits_the_earliest_first_and_who_is_asked() -> None:
    (queue,) = live.queues(HOUSE, [waits("2", 5), waits("1", 1, "101"), call(HOUSE.domain)])

    assert [(each.number, each.agent) for each in queue.waiting] == [("1", "101"), ("2", "")]
    assert (queue.number, queue.agents) == ("700", ("101", "102"))


def state(calls: list[Call], *away: str, talked: int | None = None) -> tuple[str, int]:
    ended = {} if talked is None else {"101": NOW - timedelta(seconds=talked)}
    first, _ = live.agents(HOUSE, calls, away, ended, NOW)
    assert first.extension == "101"
    return first.state, first.calls


@pytest.mark.parametrize(("role", "is_up", "expected"), [
    ("caller", False, "busy"), ("callee", False, "ringing"), ("callee", True, "busy"),
])  # fmt: skip
def test_an_agent_in_a_call(role: str, is_up: bool, expected: str) -> None:
    leg = Leg(channel="1", number="101", role=role, is_extension=True, started_at=NOW)  # type: ignore[arg-type]
    leg = replace(leg, connected_at=NOW if is_up else None)
    assert state([call(HOUSE.domain, legs=(leg,))]) == (expected, 1)


def test_an_agent_without_a_call() -> None:
    assert state([]) == ("free", 0)
    assert state([], "101") == ("away", 0)
    assert state([], talked=10) == ("wrap_up", 0)
    assert state([], talked=31) == ("free", 0)
    assert state([waits("1", 0, "101")]) == ("ringing", 1)


def test_a_disabled_agent() -> None:
    own = replace(HOUSE.extensions["101"], enabled=False)
    house = replace(HOUSE, extensions=HOUSE.extensions | {"101": own})
    assert [each.state for each in live.agents(house, [], (), {}, NOW)] == ["disabled", "free"]
