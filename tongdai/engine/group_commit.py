"""Group commit: the results of steps (calls, events, records, outcomes), many steps in one
transaction.

A transaction costs five times as much as a step in it, so steps gather, in two lanes. A step for
which the switch or an API user waits is committed at once, followed by those of its kind that came
meanwhile; other steps gather for a moment. Each lane has one transaction at a time. Only one step
of a call waits at a time, so lanes cannot reorder a call's steps. While the database is down steps
wait: nothing is lost, and no action follows.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection
from typing import TypeAlias
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.commands import Answer
from tongdai.pbx.step import Declined, Step
from tongdai.store import calls, cdrs, commands, db, outbox, recordings, timelines

log = structlog.get_logger()

BATCH = 200  # steps in a transaction
URGENT_S = 0.005  # how long urgent steps gather on a busy machine
GATHER_S = 0.025  # how long other steps gather
RETRY_S = 0.5
Made: TypeAlias = Step | Declined
Waiting: TypeAlias = tuple[Made, asyncio.Future[None]]


class Lane:
    """Steps that wait for their commit, with their futures."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.wanted = asyncio.Event()

    def put(self, step: Made) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((step, done))
        self.wanted.set()
        return done

    def take(self) -> list[Waiting]:
        """Removes and returns the oldest steps, as many as fit into a transaction."""
        taken = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
        if not self.waiting:
            self.wanted.clear()
        return taken


class GroupCommit:
    """Calls `committed` after each transaction with events, with the events' domains."""

    def __init__(
        self,
        database: db.Database,
        node: str,
        committed: Callable[[Collection[UUID]], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._database, self._node, self._committed = database, node, committed
        self._retry_s = retry_s
        self._urgent, self._others = Lane(), Lane()

    async def commit(self, step: Made, *, is_urgent: bool = True) -> None:
        """Returns when the step is committed. Raises PostgreSQL's refusal of it."""
        await self.put(step, is_urgent=is_urgent)

    def put(self, step: Made, *, is_urgent: bool = True) -> asyncio.Future[None]:
        """Queues the step. The future is done when the step is committed."""
        return (self._urgent if is_urgent else self._others).put(step)

    async def run(self) -> None:
        """Runs until cancelled; then commits the queued steps, if the database is up."""
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._run_urgent(), name="commit-urgent")
                lanes.create_task(self._run_others(), name="commit-others")
        finally:
            if left := [step for lane in (self._urgent, self._others) for step, _ in lane.waiting]:
                with contextlib.suppress(errors.Unavailable):
                    await self._write(left)

    async def _run_urgent(self) -> None:
        while True:
            await self._urgent.wanted.wait()
            await self._commit(self._urgent.take())
            if self._urgent.waiting:
                await asyncio.sleep(URGENT_S)

    async def _run_others(self) -> None:
        while True:
            await self._others.wanted.wait()
            await asyncio.sleep(GATHER_S)
            await self._commit(self._others.take())

    async def _commit(self, batch: list[Waiting]) -> None:
        try:
            await self._write_patiently([step for step, _ in batch])
        except Exception as reason:
            if len(batch) > 1:  # one bad step must not fail the others
                for each in batch:
                    await self._commit_alone(each)
                return
            log.exception("commit.refused")
            _resolve(batch, reason)
        else:
            _resolve(batch, None)

    async def _commit_alone(self, one: Waiting) -> None:
        try:
            await self._write_patiently([one[0]])
        except Exception as reason:
            log.exception("commit.refused", step=type(one[0]).__name__, call_id=_call_id(one[0]))
            _resolve([one], reason)
        else:
            _resolve([one], None)

    async def _write_patiently(self, steps: list[Made]) -> None:
        while True:
            try:
                await self._write(steps)
            except errors.Unavailable as reason:
                log.warning("commit.waiting", why=str(reason), steps=len(steps))
                await asyncio.sleep(self._retry_s)
            else:
                return

    async def _write(self, made: list[Made]) -> None:
        """Writes the steps. Of several steps of a call the last state counts, and all events are
        published, in order.

        Steps that only change a call's state do not wait for the disk: they must outlive this
        process, which has them in memory while it lives. A later published event is on disk only
        after them.
        """
        steps = [each for each in made if isinstance(each, Step)]
        answers = [answer for each in made for answer in _answers(each)]
        last = {step.call.call_uuid: step for step in steps}
        events = [event for step in steps for event in step.events]
        live, over = [step.call for step in last.values() if not step.done], _over(last)
        is_one_statement = not (events or over or answers or any(step.cdr for step in steps))
        async with (
            self._database.connection() if is_one_statement else self._database.transaction() as tx
        ):
            await calls.save_many(tx, self._node, live, on_disk=not is_one_statement)
            await _record(tx, {step.cdr.cdr_uuid: step.cdr for step in steps if step.cdr})
            await outbox.publish_many(tx, events)
            await timelines.save_many(tx, [step.call for step in last.values() if step.done])
            await calls.delete_many(tx, over)
            for answer in answers:
                if answer.command_uuid:
                    await commands.finish(
                        tx, answer.domain_uuid, answer.command_uuid, answer.outcome
                    )
        if events:
            self._committed({event.domain_uuid for event in events})


def _answers(made: Made) -> list[Answer]:
    """Outcomes for the database; those of this process's own requests are not stored."""
    answers = made.answers if isinstance(made, Step) else (made.answer,)
    return [answer for answer in answers if answer.command_uuid]


def _call_id(made: Made) -> str:
    return str(made.call.call_uuid if isinstance(made, Step) else made.answer.call_uuid)


async def _record(tx: db.Tx, records: dict[UUID, Cdr]) -> None:
    """Inserts new records; of existing ones it updates the recording."""
    recorded = [each.recording for each in records.values() if each.recording]
    known = await recordings.finish_many(
        tx, [each for each in recorded if each.status != "pending"]
    )
    await cdrs.insert_many(tx, [each for each in records.values() if each.cdr_uuid not in known])


def _over(last: dict[UUID, Step]) -> list[tuple[UUID, UUID]]:
    """Keys of calls that have ended or were merged into another."""
    return [
        (step.call.domain_uuid, call_uuid)
        for step in last.values()
        for call_uuid in (*((step.call.call_uuid,) if step.done else ()), *step.call.merged)
    ]


def _resolve(batch: list[Waiting], reason: Exception | None) -> None:
    for _, done in batch:
        if done.done():
            continue
        if reason is None:
            done.set_result(None)
        else:
            done.set_exception(reason)
