"""Commands of API users, from the database or from an API in this process. They become signals,
and are decided like all others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias, assert_never
from uuid import UUID

import msgspec
import structlog

from tongdai import errors, ids, tracing
from tongdai.engine.background import Background
from tongdai.engine.engine import Engine
from tongdai.engine.phones import Phones
from tongdai.engine.rehearsals import Rehearsals
from tongdai.engine.trunk_trials import TrunkTrials
from tongdai.pbx.commands import (
    ClickToCall,
    DropPhones,
    EndCall,
    FindRoute,
    ListPhones,
    OfTalk,
    Outcome,
    ProvisionExtension,
    Rehearse,
    TryTrunk,
)
from tongdai.pbx.signals import CommandAsked, ControlAsked, EndAsked
from tongdai.store import commands, db

log = structlog.get_logger()

POLL_S = 1.0  # in case a notification was lost
REPEAT_S = 3.0

Key: TypeAlias = tuple[UUID, ClickToCall]


class _Asked(msgspec.Struct, frozen=True):
    call_uuid: UUID
    outcome: asyncio.Future[Outcome]


class CommandRunner:
    """Turns commands into signals. The same command within `repeat_s` gives the same call, while
    that is live: proxies repeat requests, users click twice. `provision` returns when the switch
    holds that extension of that domain (provisioner.py).
    """

    def __init__(
        self,
        database: db.Database,
        engine: Engine,
        provision: Callable[[UUID, str], Awaitable[None]],
        repeat_s: float = REPEAT_S,
    ) -> None:
        self._database, self._engine, self._provision = database, engine, provision
        self._repeat_s = repeat_s
        self._asked = asyncio.Event()
        self._recent: dict[Key, _Asked] = {}
        self._background = Background()
        self._rehearsals = Rehearsals(engine)
        self._phones = Phones(engine)
        self._trunk_trials = TrunkTrials(engine)
        self._is_running = False

    @property
    def is_open(self) -> bool:
        """Whether commands are executed now."""
        return self._is_running and self._engine.switch.is_up

    async def serves(self, domain_uuid: UUID) -> bool:
        """Whether this engine executes the domain's commands now. Raises as `Directories.get`."""
        if not self.is_open:
            return False
        known = await self._engine.directories.get(domain_uuid)
        return known.domain.node == self._engine.node

    def wake(self) -> None:
        """The database has a new command (LISTEN commands)."""
        self._asked.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        self._is_running = True
        try:
            while True:
                self._asked.clear()
                await self.take()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._asked.wait()
        finally:
            self._is_running = False
            await self._background.close()

    async def take(self) -> None:
        """Waiting commands are signals now; while the switch or the database is down they stay,
        and the API times out.
        """
        if not self._engine.switch.is_up:
            return
        try:
            async with self._database.connection() as tx:
                taken = await commands.take(tx, self._engine.node)
        except errors.Unavailable as reason:
            log.warning("commands.waiting", why=str(reason))
            return
        for each in taken:
            self._carry_out(each)

    def _carry_out(self, each: commands.Asked) -> None:
        match each.command:
            case ClickToCall() as command:
                self._place(each, command)
            case EndCall(call_uuid=call_uuid):
                self._put(each, call_uuid, EndAsked)
            case OfTalk() as command:
                self._put(each, command.call_uuid, partial(ControlAsked, command=command))
            case Rehearse() | FindRoute() as question:
                self._background.start(self._tell(each, question), "question")
            case ListPhones() | DropPhones() as command:
                self._background.start(self._show(each, command), "phones")
            case ProvisionExtension(extension=extension):
                self._background.start(self._hold(each, extension), "provision")
            case TryTrunk() as command:
                self._background.start(self._try(each, command), "trunk trial")
            case _:
                assert_never(each.command)

    def _place(self, each: commands.Asked, command: ClickToCall) -> None:
        asked, is_new = self._ask(each.domain_uuid, command, each.traceparent, each.command_uuid)
        if not is_new:
            self._background.start(self._repeat(each, asked), "command")

    def _put(
        self, each: commands.Asked, call_uuid: UUID, signal: Callable[..., EndAsked | ControlAsked]
    ) -> None:
        """The call gets the signal into its mailbox; the outcome follows from that."""
        mailbox = self._engine.mailboxes.of(call_uuid)
        if mailbox is None:
            over = Outcome(call_id=call_uuid, error=errors.CallEnded.code)
            self._background.start(self._finish(each, over), "command")
            return
        channel = mailbox.call.channel if mailbox.call else ""
        now = datetime.now(UTC)
        mailbox.put(signal(channel, now, each.domain_uuid, each.command_uuid))

    async def outcome(self, domain_uuid: UUID, command: ClickToCall) -> Outcome:
        """The outcome of a command from this process; with `wait_answer`, once the extension has
        answered or failed to.
        """
        asked, _ = self._ask(domain_uuid, command, tracing.traceparent())
        return await asyncio.shield(asked.outcome)

    def _ask(
        self,
        domain_uuid: UUID,
        command: ClickToCall,
        traceparent: str,
        command_uuid: UUID | None = None,
    ) -> tuple[_Asked, bool]:
        """The command, and whether it differs from the latest one."""
        key = domain_uuid, command
        asked = self._recent.get(key)
        if asked and self._is_live(asked):
            return asked, False
        call_uuid = ids.new()
        expected = self._engine.answers.expect(call_uuid, command_uuid)
        asked = self._recent[key] = _Asked(call_uuid, expected)
        asyncio.get_running_loop().call_later(self._repeat_s, self._forget, key, asked)
        channel, now = f"{call_uuid.hex}-ext", datetime.now(UTC)
        signal = CommandAsked(
            call_uuid, channel, now, domain_uuid, command, command_uuid, traceparent
        )
        self._engine.signal(call_uuid, signal)
        return asked, True

    def _is_live(self, asked: _Asked) -> bool:
        """Whether its call is being set up, or live."""
        if not asked.outcome.done():
            return True
        return asked.outcome.result().call_id is not None and self._engine.mailboxes.knows(
            asked.call_uuid
        )

    def _forget(self, key: Key, asked: _Asked) -> None:
        if self._recent.get(key) is asked:
            del self._recent[key]

    async def _tell(self, each: commands.Asked, question: Rehearse | FindRoute) -> None:
        await self._finish(each, await self._rehearsals.outcome(each.domain_uuid, question))

    async def _show(self, each: commands.Asked, command: ListPhones | DropPhones) -> None:
        await self._finish(each, await self._phones.outcome(each.domain_uuid, command))

    async def _try(self, each: commands.Asked, command: TryTrunk) -> None:
        await self._finish(each, await self._trunk_trials.outcome(each.domain_uuid, command))

    async def _hold(self, each: commands.Asked, extension: str) -> None:
        await self._provision(each.domain_uuid, extension)
        await self._finish(each, Outcome())

    async def _repeat(self, again: commands.Asked, asked: _Asked) -> None:
        """Gives a repeated command the outcome of the first one."""
        await self._finish(again, await asyncio.shield(asked.outcome))

    async def _finish(self, asked: commands.Asked, outcome: Outcome) -> None:
        try:
            async with self._database.connection() as tx:
                await commands.finish(tx, asked.domain_uuid, asked.command_uuid, outcome)
        except errors.Unavailable as reason:
            log.warning("command.unanswered", command=str(asked.command_uuid), why=str(reason))
