"""Which caller is offered to which agent."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tongdai.pbx import queueing
from tongdai.pbx.directory import Queue
from tongdai.pbx.queueing import Agent, Caller

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
QUEUE = Queue("700", agents=("101", "102", "103"), no_answer_delay_s=5, wrap_up_s=10)
CALLER = Caller("a", NOON)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def offered(
    agents: dict[str, Agent], *waiting: Caller, queue: Queue = QUEUE
) -> list[tuple[str, str]]:
    return [
        (caller.call, agent)
        for caller, agent in queueing.offers(queue, waiting or (CALLER,), agents, NOON)
    ]


def test_the_longest_idle_first() -> None:
    agents = {
        "101": Agent(talked_until=ago(30)),
        "102": Agent(talked_until=ago(60)),
        "103": Agent(talked_until=ago(45)),
    }
    assert offered(agents) == [("a", "102")]


def test_who_never_talked_before_all_others_and_in_the_order_of_the_queue() -> None:
    agents = {"103": Agent(), "102": Agent(), "101": Agent(talked_until=ago(9_000))}
    callers = (Caller("a", ago(3)), Caller("b", ago(2)), Caller("c", ago(1)))
    assert offered(agents, *callers) == [("a", "102"), ("b", "103"), ("c", "101")]


def test_who_let_it_ring_is_asked_after_those_who_did_not() -> None:
    agents = {"101": Agent(ignored_at=ago(6)), "102": Agent(talked_until=ago(11))}
    assert offered(agents) == [("a", "102")]


def test_first_come_first_served() -> None:
    early, late = Caller("b", ago(9)), Caller("a", ago(1))
    assert offered({"101": Agent()}, late, early) == [("b", "101")]
    assert offered({"101": Agent(), "102": Agent()}, late, early) == [("b", "101"), ("a", "102")]


def test_who_talks_rests_or_wraps_up_is_not_offered() -> None:
    assert offered({"101": Agent(talks=1)}) == []
    assert offered({"101": Agent(ignored_at=ago(4.9))}) == []
    assert offered({"101": Agent(talked_until=ago(9.9))}) == []
    assert offered({"101": Agent(ignored_at=ago(5))}) == [("a", "101")]
    assert offered({"101": Agent(talked_until=ago(10))}) == [("a", "101")]
    assert offered({"101": Agent(ignored_at=ago(6), talked_until=ago(9))}) == []


def test_who_must_not_be_rung_is_not_offered() -> None:
    assert offered({}) == []
    assert offered({"102": Agent()}) == [("a", "102")]
    assert offered({"104": Agent()}) == []


def test_an_agent_whose_phone_is_away_is_not_asked_again_and_again() -> None:
    restless = Queue("700", agents=("101",), no_answer_delay_s=0)
    assert offered({"101": Agent(ignored_at=ago(0.5))}, queue=restless) == []
    assert queueing.next_look(restless, {"101": Agent(ignored_at=NOON)}, NOON) == NOON + timedelta(
        seconds=1
    )


def test_when_to_look_again() -> None:
    agents = {
        "101": Agent(ignored_at=ago(2)),
        "102": Agent(talked_until=ago(1)),
        "103": Agent(talks=1),
    }
    assert queueing.next_look(QUEUE, agents, NOON) == NOON + timedelta(seconds=3)
    assert (
        queueing.next_look(
            QUEUE, {"101": Agent(talks=1, talked_until=ago(1)), "102": Agent()}, NOON
        )
        is None
    )
    assert queueing.next_look(QUEUE, {}, NOON) is None


moments = st.none() | st.integers(0, 30).map(ago)
floors = st.dictionaries(
    st.sampled_from(["101", "102", "103", "104"]),
    st.builds(Agent, talks=st.integers(0, 2), talked_until=moments, ignored_at=moments),
)
lines = st.lists(
    st.builds(Caller, st.sampled_from("abcde"), st.integers(0, 30).map(ago)),
    unique_by=lambda it: it.call,
)


@given(floors, lines)
def test_each_caller_and_each_agent_once_and_nobody_waits_while_one_is_free(
    agents: dict[str, Agent], waiting: list[Caller]
) -> None:
    found = queueing.offers(QUEUE, waiting, agents, NOON)
    assert (
        len({caller.call for caller, _ in found})
        == len({agent for _, agent in found})
        == len(found)
    )
    served = {caller.call for caller, _ in found}
    left = [caller for caller in waiting if caller.call not in served]
    assert all(caller.since <= other.since for caller, _ in found for other in left)
    if left:
        taken = {agent: Agent(talks=1) for _, agent in found}
        assert queueing.offers(QUEUE, left, agents | taken, NOON) == []


@given(floors)
def test_at_the_next_look_somebody_is_free(agents: dict[str, Agent]) -> None:
    if look := queueing.next_look(QUEUE, agents, NOON):
        assert look > NOON
        assert queueing.offers(QUEUE, [CALLER], agents, look)
