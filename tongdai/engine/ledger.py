"""Commits what steps have made true: calls, events, records, many calls' steps in one transaction.

A transaction costs five times what a step in it does, so steps gather, in two lanes. A step that
the switch waits for is committed at once, and after it those of its kind that came meanwhile;
steps that only tell of something gather for a moment. Each lane has one transaction at a time. Of
a call one step waits at a time, so no lane overtakes the other in it. While the database is away
nothing is lost and nothing is acted on: steps wait.
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
from tongdai.pbx.step import Step
from tongdai.store import calls, cdrs, db, outbox

log = structlog.get_logger()

BATCH = 200  # steps a transaction
GATHER_S = 0.005  # how long a busy machine lets steps gather that are waited for
LEISURE_S = 0.025  # how long others gather
RETRY_S = 0.5
Waiting: TypeAlias = tuple[Step, asyncio.Future[None]]
FINISHED = ("ready", "failed")  # recordings; the record of such a call was written before


class Lane:
    """Steps that wait, and who waits for them."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.wanted = asyncio.Event()

    def put(self, step: Step) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((step, done))
        self.wanted.set()
        return done

    def take(self) -> list[Waiting]:
        """The oldest, as many as fit into a transaction; they wait no more."""
        taken = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
        if not self.waiting:
            self.wanted.clear()
        return taken


class Ledger:
    """`committed` is called after each transaction that held events, with the domains that they
    are of.
    """

    def __init__(
        self, database: db.Database, node: str, committed: Callable[[Collection[UUID]], None]
    ) -> None:
        self._database, self._node, self._committed = database, node, committed
        self._urgent, self._others = Lane(), Lane()

    async def commit(self, step: Step, *, is_urgent: bool = True) -> None:
        """Returns when the step stands in the database. Raises what PostgreSQL refuses in it."""
        await (self._urgent if is_urgent else self._others).put(step)

    async def run(self) -> None:
        """Until cancelled; then what has been handed in is still committed, if the database is
        there.
        """
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._run_urgent(), name="ledger-urgent")
                lanes.create_task(self._run_others(), name="ledger-others")
        finally:
            if left := [step for lane in (self._urgent, self._others) for step, _ in lane.waiting]:
                with contextlib.suppress(errors.Unavailable):
                    await self._write(left)

    async def _run_urgent(self) -> None:
        while True:
            await self._urgent.wanted.wait()
            await self._commit(self._urgent.take())
            if self._urgent.waiting:
                await asyncio.sleep(GATHER_S)

    async def _run_others(self) -> None:
        while True:
            await self._others.wanted.wait()
            await asyncio.sleep(LEISURE_S)
            await self._commit(self._others.take())

    async def _commit(self, batch: list[Waiting]) -> None:
        try:
            await self._write_patiently([step for step, _ in batch])
        except Exception as reason:
            if len(batch) > 1:  # one bad step must not spoil the others
                for each in batch:
                    await self._commit_alone(each)
                return
            log.exception("ledger.refused")
            _resolve(batch, reason)
        else:
            _resolve(batch, None)

    async def _commit_alone(self, one: Waiting) -> None:
        try:
            await self._write_patiently([one[0]])
        except Exception as reason:
            log.exception("ledger.refused", call_id=str(one[0].call.call_uuid))
            _resolve([one], reason)
        else:
            _resolve([one], None)

    async def _write_patiently(self, steps: list[Step]) -> None:
        while True:
            try:
                await self._write(steps)
            except errors.Unavailable as reason:
                log.warning("ledger.waiting", why=str(reason), steps=len(steps))
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _write(self, steps: list[Step]) -> None:
        """A call's several steps in one batch: its last state counts, all its events are told, in
        order.

        A state that nobody is told of does not wait for the disk: it must outlive us, who have it
        in memory as long as we live. Whatever is told later is on disk only after it.
        """
        last = {step.call.call_uuid: step for step in steps}
        events = [event for step in steps for event in step.events]
        live, over = [step.call for step in last.values() if not step.done], _over(last)
        is_one_statement = not (events or over or any(step.cdr for step in steps))
        async with (
            self._database.connection() if is_one_statement else self._database.transaction() as tx
        ):
            await calls.save_many(tx, self._node, live, on_disk=not is_one_statement)
            await _record(tx, {step.cdr.cdr_uuid: step.cdr for step in steps if step.cdr})
            await outbox.publish_many(tx, events)
            await calls.delete_many(tx, over)
        if events:
            self._committed({event.domain_uuid for event in events})


async def _record(tx: db.Tx, records: dict[UUID, Cdr]) -> None:
    """New records are written; those known before, mostly since their recording is finished now,
    say how it stands.
    """
    finished = [each for each in records.values() if each.recording_status in FINISHED]
    known = await cdrs.recorded_many(tx, finished)
    new = [each for each in records.values() if each.cdr_uuid not in known]
    inserted = await cdrs.insert_many(tx, new)
    await cdrs.recorded_many(tx, [each for each in new if each.cdr_uuid not in inserted])


def _over(last: dict[UUID, Step]) -> list[tuple[UUID, UUID]]:
    """Calls of which all is said, and those that became part of another."""
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
