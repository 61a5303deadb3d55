"""What API users ask of the switch: taken from the database, carried out, answered there."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog

from tongdai import errors, ids
from tongdai.engine.engine import Engine, new_token
from tongdai.pbx import beginning, causes
from tongdai.pbx.actions import Originate
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.directory import Directory
from tongdai.pbx.routing import Refuse
from tongdai.pbx.signals import Arrived
from tongdai.pbx.step import Step
from tongdai.store import commands, db

log = structlog.get_logger()

POLL_S = 1.0  # for a notification that was lost
STOP_S = 5.0
SLOTS = 50  # commands under way at once


class Desk:
    """`wake` is called when a command was asked (LISTEN commands); `moved` with each call after each step."""

    def __init__(self, database: db.Database, engine: Engine) -> None:
        self._database, self._engine = database, engine
        self._asked = asyncio.Event()
        self._awaiting: dict[UUID, commands.Asked] = {}  # calls whose extension has yet to answer, by call
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(SLOTS)

    def wake(self) -> None:
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled; commands under way then have a moment to end."""
        try:
            while True:
                self._asked.clear()
                await self._take()
                try:
                    async with asyncio.timeout(POLL_S):
                        await self._asked.wait()
                except TimeoutError:
                    pass
        finally:
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=STOP_S)
                for task in late:
                    task.cancel()

    async def _take(self) -> None:
        if not self._engine.switch.is_up:  # the API gives up waiting and says so
            return
        try:
            async with self._database.connection() as tx:
                taken = await commands.take(tx)
        except errors.Unavailable as reason:
            log.warning("commands.waiting", why=str(reason))
            return
        for asked in taken:
            task = asyncio.create_task(self._carry_out(asked), name="command")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, asked: commands.Asked) -> None:
        async with self._slots:
            try:
                outcome = await self._click_to_call(asked, asked.command)
            except errors.TongdaiError as refused:
                outcome = Outcome(error=refused.code, why=refused.why, field=refused.field)
            except Exception:
                log.exception("command.failed", command=str(asked.command_uuid))
                outcome = Outcome(error=errors.TongdaiError.code)
            if outcome:
                await self._finish(asked, outcome)

    async def _click_to_call(self, asked: commands.Asked, command: ClickToCall) -> Outcome | None:
        """None when the outcome is still to come: the extension's answer was to be waited for."""
        directory = await self._engine.directories.get(asked.domain_uuid)
        self._check(directory, command)
        phones = await self._engine.switch.phones(f"{command.ext}@{directory.domain.name}")
        if not phones:
            raise errors.UserNotRegistered
        call, originate = self._begin(directory, command, len(phones))
        self._engine.open(call)
        self._engine.floor.update(call, call.started_at)
        await self._engine.ledger.commit(Step(call))
        if command.wait_answer:
            self._awaiting[call.call_uuid] = asked
        if not await self._engine.switch.originate(originate, phones):
            self._awaiting.pop(call.call_uuid, None)
            raise errors.CallRefused("The switch could not reach the extension's phone.")
        return None if command.wait_answer else Outcome(call_id=call.call_uuid)

    def _check(self, directory: Directory, command: ClickToCall) -> None:
        extension = directory.extensions.get(command.ext)
        scene = self._engine.floor.scene(directory)
        if extension is None or not extension.enabled:
            raise errors.InvalidExtension(field="ext")
        if command.hotline and directory.hotline(command.hotline) is None:
            raise errors.Invalid("not a hotline of this domain", field="hotline")
        if scene.talks.get(command.ext, 0) >= extension.max_calls:
            raise errors.UserBusy
        if scene.calls >= directory.domain.max_calls:
            raise errors.TooManyCalls

    def _begin(self, directory: Directory, command: ClickToCall, phones: int) -> tuple[Call, Originate]:
        call_uuid, now = ids.new(), datetime.now(UTC)
        endpoint = f"{command.ext}@{directory.domain.name}"
        first = Arrived(call_uuid, f"{call_uuid.hex}-ext", now, "phone", endpoint, command.phone, command.ext, "")
        begun = beginning.click_to_call(first, command, new_token(), self._engine.floor.scene(directory), phones)
        if isinstance(begun, Refuse):
            raise _refused(begun.ending)
        return begun

    def moved(self, call: Call) -> None:
        """A click-to-call whose extension was to be waited for has its outcome."""
        if call.stage is Stage.CALLING or not (asked := self._awaiting.pop(call.call_uuid, None)):
            return
        is_answered = call.stage is not Stage.ENDED or call.legs[0].answered_at is not None
        outcome = Outcome(call_id=call.call_uuid) if is_answered else _not_answered(call)
        task = asyncio.create_task(self._finish(asked, outcome), name="outcome")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, asked: commands.Asked, outcome: Outcome) -> None:
        try:
            async with self._database.connection() as tx:
                await commands.finish(tx, asked.domain_uuid, asked.command_uuid, outcome)
        except errors.Unavailable as reason:
            log.warning("command.unanswered", command=str(asked.command_uuid), why=str(reason))


def _not_answered(call: Call) -> Outcome:
    ending = call.ending or causes.RANG_OUT
    code = {
        "USER_BUSY": errors.UserBusy.code,
        "CALL_REJECTED": errors.UserRejected.code,
        "SUBSCRIBER_ABSENT": errors.UserNotRegistered.code,
    }.get(ending.cause, errors.UserNotAnswering.code)
    return Outcome(call_id=call.call_uuid, error=code, why=ending.cause)


def _refused(ending: causes.Ending) -> errors.TongdaiError:
    if ending == causes.BARRED:
        return errors.NoHotline()
    if ending == causes.UNALLOCATED:
        return errors.InvalidPhone(field="phone")
    return errors.CallRefused(ending.cause)
