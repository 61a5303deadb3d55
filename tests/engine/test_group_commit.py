"""The effects of a step are in the database as a whole, once, in order; a waiting caller is
notified.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from testbed import samples
from testbed.until import until
from tests.engine.companies import Company
from tests.engine.test_live_calls import a_call, a_leg
from tongdai import errors, ids
from tongdai.engine.group_commit import GroupCommit
from tongdai.pbx import events
from tongdai.pbx.call import Call, Ended, Stage, Talking
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.step import Step
from tongdai.store import calls, db

NODE = "the group commit's switch"


class Committed(list[set[UUID]]):
    """The calls whose events each transaction held."""

    def __call__(self, domains: Any) -> None:
        self.append(set(domains))


@pytest.fixture
def committed() -> Committed:
    return Committed()


@pytest.fixture
async def group_commit(database: db.Database, committed: Committed) -> AsyncIterator[GroupCommit]:
    group_commit = GroupCommit(database, NODE, committed, retry_s=0.01)
    task = asyncio.create_task(group_commit.run())
    yield group_commit
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def a_step(company: Company, *told: events.EventName, **changes: Any) -> Step:
    """Of a call of the company's, which tells events of those names."""
    call = a_call(a_leg("101", leg_uuid=ids.new()), domain=company.domain)
    return Step(
        call,
        events=tuple(events.of_call(call, call.legs[1], name, call.started_at) for name in told),
        **changes,
    )


def a_record(step: Step, **changes: Any) -> Cdr:
    return samples.record(step.call.domain_uuid, cdr_uuid=step.call.call_uuid, **changes)


async def live(company: Company) -> list[Call]:
    async with company.database.connection() as tx:
        return [call for call in await calls.list(tx, NODE) if call.domain_uuid == company.uuid]


async def states(company: Company) -> list[str]:
    return [body["state"] for body in await company.events()]


async def test_a_step_stands_with_its_events(
    group_commit: GroupCommit, company: Company, committed: Committed
) -> None:
    step = a_step(company, "ringing", "answered")
    await group_commit.commit(step)
    assert await live(company) == [step.call]
    assert await states(company) == ["ringing", "answered"]
    assert committed == [{company.uuid}]


async def test_a_step_without_events_tells_nobody(
    group_commit: GroupCommit, company: Company, committed: Committed
) -> None:
    step = a_step(company)
    await group_commit.commit(step)
    await group_commit.commit(replace(step, call=replace(step.call, course=Talking())))
    assert [call.stage for call in await live(company)] == [Stage.TALKING]
    assert committed == []


async def test_a_call_that_is_over_leaves_its_record_alone(
    group_commit: GroupCommit, company: Company
) -> None:
    step = a_step(company, "ringing")
    await group_commit.commit(step)
    await group_commit.commit(Step(step.call, cdr=a_record(step), done=True))
    assert await live(company) == []
    assert (await company.cdr())["cdr_uuid"] == step.call.call_uuid


async def test_a_record_is_written_once_and_then_told_of_its_recording(
    group_commit: GroupCommit, company: Company
) -> None:
    step = a_step(company)
    record = a_record(step)
    recording = samples.recording_of(record, status="pending", file_key=None)
    pending = replace(record, recording=recording)
    await group_commit.commit(replace(step, cdr=pending))
    assert len(await live(company)) == 1, "its recording is not finished"
    ready = replace(
        pending, recording=replace(recording, status="ready", file_key="a/file.wav"), duration=99
    )
    await group_commit.commit(Step(step.call, cdr=ready, done=True))
    assert await company.recording() == ready.recording
    assert (await company.cdr())["duration"] == pending.duration
    assert await live(company) == []


async def test_what_became_part_of_another_is_not_live_any_more(
    group_commit: GroupCommit, company: Company
) -> None:
    step, consultation = a_step(company), a_step(company)
    await group_commit.commit(consultation)
    joined = replace(step.call, merged=(consultation.call.call_uuid,))
    await group_commit.commit(Step(joined))
    assert await live(company) == [joined]


async def test_steps_that_gather_are_few_transactions_in_order(
    group_commit: GroupCommit, company: Company, committed: Committed
) -> None:
    steps = [a_step(company, "ringing", "answered", "hangup") for _ in range(300)]
    await asyncio.gather(*(group_commit.commit(step) for step in steps))
    assert len(committed) <= 3
    assert {call.call_uuid for call in await live(company)} == {
        step.call.call_uuid for step in steps
    }
    told = await company.events()
    assert len(told) == 900
    for step in steps:
        own = [
            body["state"] for body in told if body["conversation_id"] == str(step.call.call_uuid)
        ]
        assert own == ["ringing", "answered", "hangup"]


async def test_steps_that_nobody_waits_for_gather(
    group_commit: GroupCommit, company: Company, committed: Committed
) -> None:
    steps = [a_step(company, "ringing") for _ in range(20)]
    await asyncio.gather(*(group_commit.commit(step, is_urgent=False) for step in steps))
    assert committed == [{company.uuid}]
    assert await states(company) == ["ringing"] * 20


async def test_who_is_waited_for_does_not_wait_behind_what_is_only_told(
    group_commit: GroupCommit, company: Company
) -> None:
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE events IN SHARE MODE")
        telling = asyncio.create_task(
            group_commit.commit(a_step(company, "ringing"), is_urgent=False)
        )
        await until(company.is_locked_out)
        await group_commit.commit(a_step(company))
        assert not telling.done()
    await telling
    assert len(await live(company)) == 2


async def test_of_several_steps_of_a_call_at_once_the_last_counts(
    group_commit: GroupCommit, company: Company
) -> None:
    first = a_step(company, "ringing")
    talking = replace(first.call, course=Talking())
    second = Step(
        talking, events=(events.of_call(talking, talking.legs[1], "answered", talking.started_at),)
    )
    third = Step(replace(talking, course=Ended(release=ANSWERED)), cdr=a_record(first), done=True)
    await asyncio.gather(*(group_commit.commit(step) for step in (a_step(company), first, second)))
    assert talking in await live(company)
    await asyncio.gather(*(group_commit.commit(step) for step in (a_step(company), second, third)))
    assert talking.call_uuid not in {call.call_uuid for call in await live(company)}
    assert await states(company) == ["ringing", "answered"], "an event is told once"


async def test_one_bad_step_is_refused_and_the_others_stand(
    group_commit: GroupCommit, company: Company, errors_said: set[str]
) -> None:
    errors_said.add("commit.refused")
    good = [a_step(company, "ringing") for _ in range(20)]
    bad = a_step(company, "ringing")
    bad = replace(bad, call=replace(bad.call, domain_uuid=ids.new()))  # of no domain
    outcomes = await asyncio.gather(
        *map(group_commit.commit, [*good[:10], bad, *good[10:]]), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome] == [type(outcomes[10])]
    assert isinstance(outcomes[10], errors.TongdaiError)
    assert {call.call_uuid for call in await live(company)} == {
        step.call.call_uuid for step in good
    }
    assert await states(company) == ["ringing"] * 20


async def test_a_bad_step_alone_is_refused(
    group_commit: GroupCommit, company: Company, errors_said: set[str]
) -> None:
    errors_said.add("commit.refused")
    bad = a_step(company)
    with pytest.raises(errors.TongdaiError):
        await group_commit.commit(replace(bad, call=replace(bad.call, domain_uuid=ids.new())))
    await group_commit.commit(a_step(company))
    assert len(await live(company)) == 1


async def test_while_the_database_is_away_steps_wait(
    group_commit: GroupCommit, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections break in the middle of the transaction, and once more."""
    steps = [a_step(company, "ringing") for _ in range(3)]
    for _ in range(2):
        async with company.database.transaction() as tx:
            await tx.execute("LOCK TABLE calls IN SHARE MODE")
            committing = [asyncio.create_task(group_commit.commit(step)) for step in steps]
            await until(company.is_locked_out)
            await tx.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock'"
            )
            await until(company.is_locked_out)
            assert not any(task.done() for task in committing)
        await asyncio.gather(*committing)
    assert len(await live(company)) == 3
    assert await states(company) == ["ringing"] * 3


async def test_what_was_handed_in_is_committed_at_the_end(
    database: db.Database, company: Company
) -> None:
    group_commit = GroupCommit(database, NODE, Committed())
    task = asyncio.create_task(group_commit.run())
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        committing = [
            asyncio.create_task(group_commit.commit(a_step(company, "ringing"))) for _ in range(1)
        ]
        await until(company.is_locked_out)
        committing += [
            asyncio.create_task(group_commit.commit(a_step(company, "answered"))) for _ in range(5)
        ]
        await until(lambda: len(group_commit._urgent.waiting) == 5)
        task.cancel()
        await until(company.is_locked_out)
    await asyncio.gather(task, return_exceptions=True)
    assert [state for state in await states(company) if state == "answered"] == ["answered"] * 5
    for waiting in committing:
        waiting.cancel()
    await asyncio.gather(*committing, return_exceptions=True)


async def test_at_the_end_an_absent_database_is_not_waited_for(company: Company) -> None:
    nowhere = db.Database("postgresql://nobody@127.0.0.1:1/nothing", size=0, patience_s=0.01)
    group_commit = GroupCommit(nowhere, NODE, Committed())
    committing = [asyncio.create_task(group_commit.commit(a_step(company)))]
    await until(lambda: len(group_commit._urgent.waiting) == 1)
    task = asyncio.create_task(group_commit.run())
    await until(lambda: not group_commit._urgent.waiting)
    committing.append(asyncio.create_task(group_commit.commit(a_step(company))))
    await until(lambda: len(group_commit._urgent.waiting) == 1)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(task, return_exceptions=True)
    for waiting in committing:
        waiting.cancel()
    await asyncio.gather(*committing, return_exceptions=True)
