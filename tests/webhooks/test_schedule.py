"""The schedule of what is to be looked at."""

import asyncio
from uuid import UUID

from tongdai.webhooks.schedule import Domain, Schedule

A, B = Domain(UUID(int=1)), Domain(UUID(int=2))


def test_a_subject_is_taken_once_at_its_earliest_time() -> None:
    schedule = Schedule()
    schedule.add(A, 20)
    schedule.add(B, 15)
    schedule.add(A, 10)
    schedule.add(A, 30)

    assert [schedule.take(now) for now in (9, 12, 40)] == [[], [A], [B]]


def test_a_subject_that_was_taken_can_be_added_again() -> None:
    schedule = Schedule()
    schedule.add(A, 10)
    schedule.take(10)

    schedule.add(A, 30)

    assert [schedule.take(now) for now in (29, 30)] == [[], [A]]


async def test_whoever_waits_is_woken_by_time_and_by_an_earlier_subject() -> None:
    clock = asyncio.get_running_loop().time
    schedule = Schedule()
    schedule.add("everything", clock() + 1000)
    waiting = asyncio.create_task(schedule.ripe())
    await asyncio.sleep(0)
    assert not waiting.done()

    schedule.add(A)
    await asyncio.wait_for(waiting, 5)
    assert schedule.take(clock()) == [A]

    schedule.add(B, clock() + 0.01)
    await asyncio.wait_for(schedule.ripe(), 5)
    assert schedule.take(clock()) == [B]
