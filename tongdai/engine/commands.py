"""What API users ask of the switch: taken from the database, carried out, answered there; or, from
an API in this process, answered at once.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog

from tongdai import errors, ids
from tongdai.engine.engine import Engine, new_token
from tongdai.pbx import beginning, brakes, causes
from tongdai.pbx.actions import Originate
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.directory import Directory
from tongdai.pbx.routing import Refuse, RoutingContext
from tongdai.pbx.signals import Arrived, OriginateRefused
from tongdai.pbx.step import Step
from tongdai.store import commands, db
from tongdai.store.pulse import Pulse

log = structlog.get_logger()

Result = TypeVar("Result")

POLL_S = 1.0  # for a notification that was lost
STOP_S = 5.0
SLOTS = 50  # commands under way at once
# within which the same request means the same call: proxies repeat GETs, people click twice
REPEAT_S = 3.0
LATE_S = 5.0  # a call that could not be recorded for so long is not placed
_LIMITS = {
    brakes.Stop.RATE: "calls a minute",
    brakes.Stop.MINUTES: "minutes a day",
    brakes.Stop.TRUNK: "calls by the trunk",
}


class Desk:
    """`wake` is called when a command was asked (LISTEN commands); `moved` with each call after
    each step. While the database's pulse does not beat, no is said at once.
    """

    def __init__(self, database: db.Database, engine: Engine, pulse: Pulse) -> None:
        self._database, self._engine, self._pulse = database, engine, pulse
        self._asked = asyncio.Event()
        # calls whose extension has yet to answer
        self._awaiting: dict[UUID, asyncio.Future[Outcome]] = {}
        self._recent: dict[tuple[UUID, ClickToCall], asyncio.Task[Outcome]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._slots = asyncio.Semaphore(SLOTS)
        self._is_running = False

    @property
    def is_open(self) -> bool:
        """Whether commands are carried out now."""
        return self._is_running and self._engine.switch.is_up

    def wake(self) -> None:
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled; commands under way then have a moment to end."""
        self._is_running = True
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
            self._is_running = False
            for answer in self._awaiting.values():
                answer.cancel()
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
            self._spawn(self._carry_out(asked))

    async def _carry_out(self, asked: commands.Asked) -> None:
        outcome = await self.outcome(asked.domain_uuid, asked.command)
        try:
            async with self._database.connection() as tx:
                await commands.finish(tx, asked.domain_uuid, asked.command_uuid, outcome)
        except errors.Unavailable as reason:
            log.warning("command.unanswered", command=str(asked.command_uuid), why=str(reason))

    async def outcome(self, domain_uuid: UUID, command: ClickToCall) -> Outcome:
        """What came of a command, carried out now; with `wait_answer`, when the extension has
        answered or has not.

        The same command again within REPEAT_S is the same call, as long as that lives.
        """
        key = domain_uuid, command
        task = self._recent.get(key)
        if task is None or not self._is_live(task):
            task = self._recent[key] = self._spawn(self._outcome(domain_uuid, command))
            asyncio.get_running_loop().call_later(REPEAT_S, self._forget, key, task)
        return await asyncio.shield(task)

    def _spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work, name="command")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _is_live(self, task: asyncio.Task[Outcome]) -> bool:
        """Whether its call is being placed, or goes on."""
        if not task.done():
            return True
        call_uuid = None if task.cancelled() else task.result().call_id
        return call_uuid is not None and self._engine.knows(call_uuid)

    def _forget(self, key: tuple[UUID, ClickToCall], task: asyncio.Task[Outcome]) -> None:
        if self._recent.get(key) is task:
            del self._recent[key]

    async def _outcome(self, domain_uuid: UUID, command: ClickToCall) -> Outcome:
        try:
            async with self._slots:
                call_uuid, answer = await self._place(domain_uuid, command)
            return (
                await answer
                if command.wait_answer or answer.done()
                else Outcome(call_id=call_uuid)
            )
        except errors.TongdaiError as refused:
            return Outcome(error=refused.code, why=refused.why, field=refused.field)
        except Exception:
            log.exception("command.failed", domain_uuid=str(domain_uuid))
            return Outcome(error=errors.TongdaiError.code)

    async def _place(
        self, domain_uuid: UUID, command: ClickToCall
    ) -> tuple[UUID, asyncio.Future[Outcome]]:
        """The call, whose extension's phones have been asked to ring; and what comes of that, for
        who waits for it or where the switch did not say.
        """
        # and no further: the call of whoever is told no is never placed
        async with self._pulse.beating():
            call, originate, phones = await self._begun(domain_uuid, command)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if command.wait_answer:
            self._awaiting[call.call_uuid] = answer
        try:
            is_ringing = await self._engine.switch.originate(originate, phones)
        # the phone may ring: the call is there until the switch can be asked
        except errors.SwitchDown as reason:
            if not command.wait_answer:
                answer.set_result(
                    Outcome(call_id=call.call_uuid, error=reason.code, why=reason.why)
                )
            return call.call_uuid, answer
        if not is_ringing:
            self._awaiting.pop(call.call_uuid, None)
            raise errors.CallRefused("The switch could not reach the extension's phone.")
        return call.call_uuid, answer

    async def _begun(
        self, domain_uuid: UUID, command: ClickToCall
    ) -> tuple[Call, Originate, Sequence[str]]:
        """The call stands in the database; what is to be asked of the switch, and of which
        phones.
        """
        directory = await self._engine.directories.get(domain_uuid)
        self._check(directory, command, await self._engine.scene(directory))
        phones = await self._engine.switch.phones(f"{command.ext}@{directory.domain.name}")
        if not phones:
            raise errors.UserNotRegistered
        call, originate = self._begin(
            directory, command, len(phones), await self._engine.scene(directory)
        )
        self._engine.open(call)
        self._engine.floor.update(call, call.started_at)
        self._engine.outgoing.update(None, call, call.started_at)
        await self._record(call)
        return call, originate, phones

    async def _record(self, call: Call) -> None:
        """The call stands in the database. Raises errors.SwitchDown when that takes too long; then
        it is over, as soon as it stands there.
        """
        recording = self._spawn(self._engine.ledger.commit(Step(call)))
        try:
            async with asyncio.timeout(LATE_S):
                await asyncio.shield(recording)
        except BaseException as reason:
            recording.add_done_callback(lambda _: self._abandon(call))
            if isinstance(reason, TimeoutError):
                raise errors.SwitchDown("The call could not be recorded in time.") from None
            raise

    def _abandon(self, call: Call) -> None:
        for leg in call.legs:
            self._engine.signal(call.call_uuid, OriginateRefused(leg.channel, datetime.now(UTC)))

    def _check(self, directory: Directory, command: ClickToCall, scene: RoutingContext) -> None:
        extension = directory.extensions.get(command.ext)
        if extension is None or not extension.enabled:
            raise errors.InvalidExtension(field="ext")
        if command.hotline and directory.hotline(command.hotline) is None:
            raise errors.Invalid("not a hotline of this domain", field="hotline")
        if scene.talks.get(command.ext, 0) >= extension.max_calls:
            raise errors.UserBusy
        if scene.calls >= directory.domain.max_calls:
            raise errors.TooManyCalls

    def _begin(
        self, directory: Directory, command: ClickToCall, phones: int, scene: RoutingContext
    ) -> tuple[Call, Originate]:
        # others may have called while we asked for the phones
        self._check(directory, command, scene)
        call_uuid, now = ids.new(), datetime.now(UTC)
        endpoint = f"{command.ext}@{directory.domain.name}"
        first = Arrived(
            call_uuid,
            f"{call_uuid.hex}-ext",
            now,
            "phone",
            endpoint,
            command.phone,
            command.ext,
            "",
        )
        begun = beginning.click_to_call(first, command, new_token(), scene, phones)
        if isinstance(begun, Refuse):
            if begun.stop:
                self._engine.note_stop(
                    directory.domain.domain_uuid, command.ext, command.phone, begun.stop
                )
            raise _refused(begun)
        return begun

    def moved(self, call: Call) -> None:
        """A click-to-call whose extension was to be waited for has its outcome."""
        if call.stage is Stage.CALLING or not (answer := self._awaiting.pop(call.call_uuid, None)):
            return
        is_answered = call.stage is not Stage.ENDED or call.legs[0].answered_at is not None
        if not answer.done():
            answer.set_result(
                Outcome(call_id=call.call_uuid) if is_answered else _not_answered(call)
            )


def _not_answered(call: Call) -> Outcome:
    ending = call.ending or causes.RANG_OUT
    code = {
        "USER_BUSY": errors.UserBusy.code,
        "CALL_REJECTED": errors.UserRejected.code,
        "SUBSCRIBER_ABSENT": errors.UserNotRegistered.code,
    }.get(ending.cause, errors.UserNotAnswering.code)
    return Outcome(call_id=call.call_uuid, error=code, why=ending.cause)


def _refused(refused: Refuse) -> errors.TongdaiError:
    ending = refused.ending
    match refused.stop:
        case brakes.Stop.CLOSED:
            return errors.DestinationClosed(field="phone")
        case brakes.Stop.FROZEN:
            return errors.CallsFrozen()
        case brakes.Stop.RATE | brakes.Stop.MINUTES | brakes.Stop.TRUNK:
            return errors.CallLimit(_LIMITS[refused.stop])
    if ending == causes.BARRED:
        return errors.NoHotline()
    if ending == causes.UNALLOCATED:
        return errors.InvalidPhone(field="phone")
    return errors.CallRefused(ending.cause)
