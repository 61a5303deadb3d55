"""Busy and idle extensions and waiting callers as calls come and go; and the callers offered to
agents.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tongdai import ids
from tongdai.engine.live_calls import LiveCalls
from tongdai.pbx.call import Call, Course, Ended, Leg, Ringing, Waiting
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.directory import Directory, Domain, Extension, Queue

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
RINGS = Ringing()
DOMAIN = Domain(ids.new(), "a.vn")
EXTENSIONS = {number: Extension(number) for number in ("101", "102", "103")}


def a_leg(number: str, **changes: Any) -> Leg:
    fields: dict[str, Any] = {
        "role": "callee",
        "is_extension": len(number) == 3,
        "started_at": NOW,
    }
    return Leg(channel=f"channel of {number}", number=number, **(fields | changes))


def a_call(*legs: Leg, course: Course = RINGS, domain: Domain = DOMAIN, **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "call_uuid": ids.new(),
        "domain_uuid": domain.domain_uuid,
        "domain": domain.name,
        "country_code": "84",
        "call_id_mode": "leg",
        "direction": "inbound",
        "course": course,
        "started_at": NOW,
        "channel": "the caller's",
        "caller_number": "0909000111",
        "dialled": "19001919",
        "legs": (a_leg("0909000111", role="caller"), *legs),
    }
    return Call(**(fields | changes))


def waiting(queue: str, since_s: int) -> Call:
    return a_call(course=in_queue(queue, NOW + timedelta(seconds=since_s)))


def in_queue(queue: str, since: datetime) -> Waiting:
    return Waiting(queue=queue, since=since, until=since + timedelta(minutes=5))


def offered_to(agent: str) -> Call:
    return a_call(course=Ringing(then=in_queue("700", NOW), agent=agent))


def live(*calls: Call) -> LiveCalls:
    found = LiveCalls("http://pbx/recordings/")
    for call in calls:
        found.update(call, NOW)
    return found


def with_queues(*queues: Queue, **disabled: bool) -> Directory:
    extensions = {
        number: replace(each, enabled=not disabled.get(f"_{number}"))
        for number, each in EXTENSIONS.items()
    }
    return Directory(DOMAIN, extensions, queues={queue.number: queue for queue in queues})


def offers(calls: LiveCalls, directory: Directory, at_s: float = 0) -> list[tuple[UUID, str]]:
    found, _ = calls.offers(directory, NOW + timedelta(seconds=at_s))
    return [(call.call_uuid, agent) for call, agent in found]


# --- talks


def test_an_extension_is_busy_with_each_live_call() -> None:
    ringing, talking = a_call(a_leg("101"), a_leg("102")), a_call(a_leg("101"))
    calls = live(ringing, talking)
    context = calls.context(with_queues(), NOW)
    assert {number: context.talks.get(number, 0) for number in EXTENSIONS} == {
        "101": 2,
        "102": 1,
        "103": 0,
    }
    assert (context.calls, len(calls)) == (2, 2)
    assert context.recording_url == "http://pbx/recordings/"


def test_who_hung_up_is_not_busy_any_more() -> None:
    call = a_call(a_leg("101"), a_leg("102"))
    calls = live(call)
    first, second, third = call.legs
    calls.update(replace(call, legs=(first, replace(second, ended_at=NOW), third)), NOW)
    assert calls.context(with_queues(), NOW).talks.get("101", 0) == 0
    assert calls.context(with_queues(), NOW).talks.get("102", 0) == 1


def test_a_call_that_ended_is_forgotten() -> None:
    call = a_call(a_leg("101"))
    calls = live(call)
    calls.update(replace(call, course=Ended(release=ANSWERED)), NOW)
    calls.update(replace(call, course=Ended(release=ANSWERED)), NOW)
    assert calls.context(with_queues(), NOW).talks.get("101", 0) == 0
    assert len(calls) == 0


def test_a_call_that_became_part_of_another_is_not_counted_twice() -> None:
    call, consultation = a_call(a_leg("101")), a_call(a_leg("101"), a_leg("102"))
    calls = live(call, consultation)
    calls.forget(consultation)
    calls.forget(consultation)
    assert calls.context(with_queues(), NOW).talks.get("101", 0) == 1
    assert [each.call_uuid for each in calls.of(DOMAIN.domain_uuid)] == [call.call_uuid]


def test_domains_do_not_see_each_other() -> None:
    other = Domain(ids.new(), "b.vn")
    calls = live(a_call(a_leg("101")), replace(waiting("700", 0), domain_uuid=other.domain_uuid))
    assert calls.context(Directory(other), NOW).talks.get("101", 0) == 0
    assert calls.context(Directory(other), NOW).calls == 1
    assert (calls.waits(DOMAIN.domain_uuid), calls.waits(other.domain_uuid)) == (False, True)


# --- queues


def test_callers_are_offered_in_the_order_they_came_each_to_another_agent() -> None:
    late, early = waiting("700", -5), waiting("700", -60)
    calls = live(late, early)
    directory = with_queues(Queue("700", agents=("101", "102", "103")))
    assert offers(calls, directory) == [(early.call_uuid, "101"), (late.call_uuid, "102")]


def test_an_agent_of_two_queues_is_offered_once() -> None:
    one, other = waiting("700", -5), waiting("800", -60)
    directory = with_queues(Queue("700", agents=("101",)), Queue("800", agents=("101", "102")))
    assert offers(live(one, other), directory) == [
        (one.call_uuid, "101"),
        (other.call_uuid, "102"),
    ]


def test_who_talks_or_is_disabled_is_not_offered() -> None:
    caller = waiting("700", 0)
    calls = live(caller, a_call(a_leg("101")))
    directory = with_queues(Queue("700", agents=("101", "102", "103")), _102=True)
    assert offers(calls, directory) == [(caller.call_uuid, "103")]


def test_who_is_being_offered_a_call_is_busy() -> None:
    directory = with_queues(Queue("700", agents=("101",)))
    calls = live(offered_to("101"), waiting("700", 0))
    assert offers(calls, directory) == []


def test_who_let_it_ring_rests_and_is_looked_at_again() -> None:
    offered = offered_to("101")
    calls = live(offered)
    caller = replace(offered, course=in_queue("700", NOW))
    calls.update(caller, NOW)
    directory = with_queues(Queue("700", agents=("101",), no_answer_delay_s=5))
    assert calls.offers(directory, NOW) == ([], NOW + timedelta(seconds=5))
    assert offers(calls, directory, at_s=5) == [(caller.call_uuid, "101")]


def test_who_talked_wraps_up_first() -> None:
    talked = a_call(a_leg("101", connected_at=NOW, ended_at=NOW), course=Ended(release=ANSWERED))
    caller = waiting("700", 0)
    calls = live(talked, caller)
    directory = with_queues(Queue("700", agents=("101",), wrap_up_s=30))
    assert calls.offers(directory, NOW) == ([], NOW + timedelta(seconds=30))
    assert offers(calls, directory, at_s=30) == [(caller.call_uuid, "101")]


def test_a_clock_that_is_set_back_prolongs_no_pause() -> None:
    offered = offered_to("101")
    talked = a_call(a_leg("102", connected_at=NOW, ended_at=NOW), course=Ended(release=ANSWERED))
    calls = live(offered, talked)
    caller = replace(offered, course=in_queue("700", NOW))
    calls.update(caller, NOW)
    directory = with_queues(Queue("700", agents=("101", "102"), no_answer_delay_s=5, wrap_up_s=30))
    back = NOW - timedelta(hours=1)
    assert calls.offers(directory, back) == ([], back + timedelta(seconds=5))
    assert offers(calls, directory, at_s=-3595) == [(caller.call_uuid, "101")]
    assert calls.offers(with_queues(Queue("700", agents=("102",), wrap_up_s=30)), back) == (
        [],
        back + timedelta(seconds=30),
    )


def test_the_agent_idle_for_longest_is_first_also_after_a_restart() -> None:
    caller = waiting("700", 0)
    calls = live(caller)
    ended = {"101": NOW - timedelta(minutes=1), "102": NOW - timedelta(minutes=9)}
    calls.remember({(DOMAIN.domain_uuid, number): at for number, at in ended.items()})
    directory = with_queues(Queue("700", agents=("101", "102")))
    assert offers(calls, directory) == [(caller.call_uuid, "102")]


def test_nobody_waits_nobody_is_offered() -> None:
    directory = with_queues(Queue("700", agents=("101",)))
    assert live(a_call(a_leg("102"))).offers(directory, NOW) == ([], None)
