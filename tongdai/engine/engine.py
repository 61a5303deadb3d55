"""The engine: every call's mailbox, the switch below it, and what moves calls besides signals.

signal -> pbx.step -> commit -> act. It contains no rule about telephony.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import replace

from tongdai import errors
from tongdai.asterisk import journal, recording
from tongdai.asterisk.switch import Address, Standing, Switch
from tongdai.engine.directories import Directories
from tongdai.engine.floor import Floor
from tongdai.engine.ledger import Ledger
from tongdai.engine.mailbox import Look, Mailbox, Yield
from tongdai.engine.outage import Outage
from tongdai.engine.outgoing import Outgoing
from tongdai.pbx import beginning, transfer
from tongdai.pbx import step as steps
from tongdai.pbx.actions import Action, FinishRecording, HangUp, Record, Rotate
from tongdai.pbx.brakes import Stop
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.directory import Directory
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import (
    AgentOffered,
    Arrived,
    AttendedTransferred,
    BlindTransferred,
    RecordingFinished,
    Signal,
    Unattended,
)
from tongdai.pbx.step import Step
from tongdai.store import calls, db, ring_groups

log = structlog.get_logger()

RETRY_S = 0.5
JUST_NOW = timedelta(seconds=1)
# of new callers, at least: then the dialplan goes on by itself (extensions.conf, TIMEOUT)
PATIENCE_S = 2.0
UNALLOCATED, FAILED = 1, 41  # Q.850


class Place(msgspec.Struct, frozen=True):
    """The switch that this engine steers, and where its files are."""

    node: str  # its name in the database, the same for ever
    address: Address
    journal: Path  # CEL, written by the switch
    spool: Path  # recordings, written by the switch
    recordings: Path  # where they are kept
    recording_url: str  # what a recording token is appended to


class Engine:
    """`published` is called after each commit that made events, with their domains; `moved` with
    each call after each step.
    """

    def __init__(
        self, database: db.Database, place: Place, published: Callable[[Collection[UUID]], None]
    ) -> None:
        self._database, self._place = database, place
        self.moved: Callable[[Call], None] = lambda _: None
        self.directories = Directories(database)
        self.floor = Floor(place.recording_url)
        self.outgoing = Outgoing(database)
        self.switch = Switch(place.address, self.signal, self._linked)
        self.on_link: Callable[[Standing], Awaitable[None]] | None = None
        self.ledger = Ledger(database, place.node, published)
        self.mailboxes: dict[UUID, Mailbox] = {}
        self.arrivals = 0  # calls that we heard of as they arrived, so far
        self._merged: dict[UUID, UUID] = {}  # consultations, and the call each became part of
        # consultations that are to become part of another call
        self._wanted: dict[UUID, Yield] = {}
        # agents whose offer has not been handled yet
        self._on_offer: set[tuple[UUID, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._finishing: set[UUID] = set()  # calls whose recordings are being finished
        self._outage = Outage(database)

    async def load(self) -> None:
        """The calls that were live when this engine, or the one before it, stopped."""
        async with self._database.connection() as tx:
            live = await calls.list(tx, self._place.node)
            self.floor.remember(await calls.last_talks(tx))
        now = datetime.now(UTC)
        for call in live:
            self.floor.update(call, now)
            self.outgoing.update(None, call, call.started_at)
            self.open(call)
            if call.stage is Stage.ENDED:
                self._spawn(self._finish_recording(call), "recording")

    async def close(self) -> None:
        """Mailboxes finish what they are at; calls go on in the switch."""
        for mailbox in self.mailboxes.values():
            mailbox.disarm()
        tasks = [box.task for box in self.mailboxes.values() if box.task] + list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- signals

    def signal(self, call_uuid: UUID, signal: Signal) -> None:
        """Into the mailbox of its call; an Arrived opens one. Signals of calls that are no more
        fall away.
        """
        call_uuid = self._merged.get(call_uuid, call_uuid)
        mailbox = self.mailboxes.get(call_uuid)
        if mailbox is None:
            if not isinstance(signal, Arrived):
                return
            self.arrivals += signal.at > datetime.now(UTC) - JUST_NOW
            mailbox = self._new(call_uuid)
        mailbox.put(signal)

    def open(self, call: Call) -> Mailbox:
        """A mailbox for a call that exists already."""
        mailbox = self._new(call.call_uuid, call)
        for merged in call.merged:
            self._merged[merged] = call.call_uuid
        mailbox.arm()
        return mailbox

    def _new(self, call_uuid: UUID, call: Call | None = None) -> Mailbox:
        mailbox = self.mailboxes[call_uuid] = Mailbox(call)
        mailbox.task = asyncio.create_task(
            self._serve(call_uuid, mailbox), name=f"call-{call_uuid}"
        )
        return mailbox

    async def _serve(self, call_uuid: UUID, mailbox: Mailbox) -> None:
        try:
            while not await self._take(mailbox, await mailbox.signals.get()):
                mailbox.is_busy = False
        finally:
            mailbox.disarm()
            if self.mailboxes.get(call_uuid) is mailbox:
                del self.mailboxes[call_uuid]

    async def _take(self, mailbox: Mailbox, signal: Signal | Yield | Look) -> bool:
        """Whether the mailbox has nothing more to do."""
        mailbox.is_busy = True
        match signal:
            case Yield():
                return await self._yield(mailbox, signal)
            case Look(missing=missing):
                for each in missing(mailbox.call) if mailbox.call else []:
                    if await self._try(mailbox, each):
                        return True
                return False
            case _:
                return await self._try(mailbox, signal)

    async def _yield(self, mailbox: Mailbox, wanted: Yield) -> bool:
        wanted.given.set_result(mailbox.call)
        return await wanted.taken

    async def _try(self, mailbox: Mailbox, signal: Signal) -> bool:
        """Whether all is said of the call. A signal that cannot be handled is left out; a new
        caller is sent away.
        """
        is_new = mailbox.call is None
        try:
            is_over = await self._handle(mailbox, signal)
        except errors.NotFound:
            await self._send_away(signal, UNALLOCATED)
        except Exception:
            log.exception("call.failed", channel=signal.channel, signal=type(signal).__name__)
            if not is_new:
                return False
            await self._send_away(signal, FAILED)
        else:
            if not is_over:
                return False
        self._forget(mailbox)
        return True

    def _forget(self, mailbox: Mailbox) -> None:
        """Nothing counts the call any more; what others wait for from it is answered."""
        if mailbox.call:
            self.floor.forget(mailbox.call)
            for merged in mailbox.call.merged:
                self._merged.pop(merged, None)
        for left in mailbox.drain():
            match left:
                case Yield(given=given):
                    given.set_result(None)
                case AttendedTransferred(other=other):
                    self._wanted.pop(other).taken.set_result(False)
                case AgentOffered(extension=agent) if mailbox.call:
                    self._on_offer.discard((mailbox.call.domain_uuid, agent))

    async def _handle(self, mailbox: Mailbox, signal: Signal) -> bool:
        """Decide, commit, act. Whether all is said of the call."""
        before = mailbox.call
        try:
            step = await self._step_patiently(before, signal)
        finally:
            if before and isinstance(signal, AgentOffered):
                self._on_offer.discard((before.domain_uuid, signal.extension))
        mailbox.call = step.call
        self.floor.update(step.call, signal.at)
        self.outgoing.update(before, step.call, signal.at)
        if _is_worth_a_commit(before, step):
            await self.ledger.commit(step, is_urgent=_is_waited_for(step))
            self._log(before, step, signal)
        if step.stop:
            number = (
                signal.dialled
                if isinstance(signal, Arrived | BlindTransferred)
                else step.call.dialled
            )
            self.note_stop(step.call.domain_uuid, step.call.extension, number, step.stop)
        for action in step.actions:
            await self._act(step.call, action)
        self.moved(step.call)
        mailbox.arm()
        if step.done and step.call.record and not step.call.answered_at:
            await recording.discard(self._place.spool, step.call.call_uuid)
        await self.offer(step.call.domain_uuid)
        return step.done

    async def _step_patiently(self, call: Call | None, signal: Signal) -> Step:
        """While the database is away, what the decision needs to know from it is waited for."""
        while True:
            try:
                return await self._step(call, signal)
            except errors.Unavailable as reason:
                log.warning("call.waiting", channel=signal.channel, why=str(reason))
                await self._outage.over()

    async def _step(self, call: Call | None, signal: Signal) -> Step:
        if call is None:
            if not isinstance(signal, Arrived):
                raise errors.NotFound
            return await self._arrive(signal)
        if isinstance(signal, AttendedTransferred):
            return await self._merge(call, signal)
        return steps.step(
            call, signal, await self.scene(await self.directories.get(call.domain_uuid))
        )

    async def scene(self, directory: Directory) -> RoutingContext:
        """What a decision may look at now. Raises errors.Unavailable."""
        now = datetime.now(UTC)
        domain = directory.domain
        usage = await self.outgoing.usage(domain, self.floor.calls(domain.domain_uuid), now)
        return self.floor.scene(directory, usage, now)

    def note_stop(self, domain_uuid: UUID, extension: str, number: str, why: Stop) -> None:
        """A call out met a limit; nothing waits for what becomes of that."""
        self._spawn(self._stopped(domain_uuid, extension, number, why), "stopped")

    async def _stopped(self, domain_uuid: UUID, extension: str, number: str, why: Stop) -> None:
        with contextlib.suppress(errors.Unavailable, errors.NotFound):
            directory = await self.directories.get(domain_uuid)
            await self.outgoing.stopped(directory.domain, extension, number, why)

    async def _arrive(self, arrived: Arrived) -> Step:
        directory = await self.directories.of(arrived)
        if not directory.domain.enabled:
            raise errors.NotFound
        return beginning.arrive(arrived, new_token(), await self.scene(directory))

    async def _send_away(self, signal: Signal, cause: int) -> None:
        """A caller whose call is nobody's: a number that no domain has, or nothing that we could
        begin with.
        """
        if isinstance(signal, Arrived) and not isinstance(signal, Unattended):
            log.warning(
                "call.sent_away", endpoint=signal.endpoint, dialled=signal.dialled, cause=cause
            )
            with contextlib.suppress(errors.SwitchDown):
                await self.switch.act(HangUp(signal.channel, cause))

    async def _merge(self, call: Call, signal: AttendedTransferred) -> Step:
        wanted = self._wanted.pop(signal.other)
        consultation = await wanted.given
        if consultation is None or call.stage is Stage.ENDED:
            wanted.taken.set_result(False)
            return Step(call)
        other = self.mailboxes.pop(consultation.call_uuid)
        self.floor.forget(consultation)
        for merged in (consultation.call_uuid, *consultation.merged):
            self._merged[merged] = call.call_uuid
        wanted.taken.set_result(True)
        mine = self.mailboxes[call.call_uuid]
        late = [*mine.drain(), *(each for each in other.drain() if not isinstance(each, Look))]
        for each in sorted(late, key=lambda each: each.at):
            mine.put(each)
        return transfer.merge(call, consultation, signal)

    def _log(self, before: Call | None, step: Step, signal: Signal) -> None:
        log.info(
            "call.moved",
            call_id=str(step.call.call_uuid),
            domain=step.call.domain,
            signal=type(signal).__name__,
            stage=f"{before.stage if before else 'new'}>{step.call.stage}",
            events=[event.body.state for event in step.events],
        )

    # --- actions

    async def _act(self, call: Call, action: Action) -> None:
        match action:
            case FinishRecording():
                self._spawn(self._finish_recording(call), "recording")
            case Record():
                for part_of in (call.call_uuid, *call.merged):
                    recording.cut(self._place.spool, part_of, datetime.now(UTC))
                await self._act_when_linked(action)
            case Rotate(ring_group=number):
                with contextlib.suppress(errors.Unavailable):  # a turn is lost, not a call
                    await self._rotate(await self.directories.get(call.domain_uuid), number)
            case HangUp(channel=channel) if channel == call.channel and await self._has_gone_on(
                call
            ):
                log.warning("call.gone_on", call_id=str(call.call_uuid), channel=channel)
            case _:
                await self._act_when_linked(action)

    async def _has_gone_on(self, call: Call) -> bool:
        """Whether its caller, or who was sent on, waited too long for us to decide, and rings or
        talks by the way that the dialplan knows.
        """
        is_dialled = call.attempt and call.returned_at is None
        if is_dialled or datetime.now(UTC) - (call.returned_at or call.started_at) < timedelta(
            seconds=PATIENCE_S
        ):
            return False
        with contextlib.suppress(errors.SwitchDown):
            channels = (await self.switch.standing()).channels.get(call.call_uuid, ())
            return any(
                each.id == call.channel and each.dialplan.app_name == "Dial" for each in channels
            )
        return False

    async def _act_when_linked(self, action: Action) -> None:
        """While the link is down the call waits as it is; what is no longer possible then is
        refused and harmless.
        """
        while True:
            await self.switch.linked.wait()
            with contextlib.suppress(errors.SwitchDown):
                await self.switch.act(action)
                return
            await asyncio.sleep(0.1)

    async def _rotate(self, directory: Directory, number: str) -> None:
        group = directory.ring_groups.get(number)
        if group is None:
            return
        groups = {
            **directory.ring_groups,
            number: replace(group, next_member=group.next_member + 1),
        }
        self.directories.replace(replace(directory, ring_groups=groups))
        async with self._database.connection() as tx:
            await ring_groups.advance(tx, directory.domain.domain_uuid, number)

    async def _finish_recording(self, call: Call) -> None:
        if call.call_uuid in self._finishing:
            return
        self._finishing.add(call.call_uuid)
        try:
            finished = await self._finished(call)
        finally:
            self._finishing.discard(call.call_uuid)
        self.signal(call.call_uuid, finished)

    async def _finished(self, call: Call) -> RecordingFinished:
        file = recording.place(call.domain_uuid, call.call_uuid, call.started_at)
        try:
            found = await recording.finish(
                self._place.spool, [call.call_uuid, *call.merged], self._place.recordings / file
            )
            found = found or (self._place.recordings / file).exists()
        except Exception:  # whatever it is: the cdr event must not wait for it for ever
            log.exception("recording.lost", call_id=str(call.call_uuid))
            return RecordingFinished(call.channel, datetime.now(UTC), "", failed=True)
        return RecordingFinished(call.channel, datetime.now(UTC), file if found else "")

    # --- queues

    async def offer(self, domain_uuid: UUID) -> None:
        """Callers who wait are offered to agents who are free; later, while the database is
        away.
        """
        if not self.floor.waits(domain_uuid):
            return
        now = datetime.now(UTC)
        try:
            directory = await self.directories.get(domain_uuid)
        except errors.Unavailable:
            self._offer_at(domain_uuid, now + timedelta(seconds=RETRY_S))
            return
        offers, look = self.floor.offers(directory, now)
        for call, agent in offers:
            mailbox = self.mailboxes.get(call.call_uuid)
            if mailbox is None or (domain_uuid, agent) in self._on_offer:
                continue
            self._on_offer.add((domain_uuid, agent))
            mailbox.put(AgentOffered(call.channel, now, agent))
        if look:
            self._offer_at(domain_uuid, look)

    def changed(self, domain_uuid: str) -> None:
        """A domain's directory is another now, any may be for "": who waits may be offered to
        others.
        """
        self.directories.forget(domain_uuid)
        waiting = self.floor.waiting_domains
        for each in waiting & {UUID(domain_uuid)} if domain_uuid else waiting:
            self._spawn(self.offer(each), "offer")

    def _offer_at(self, domain_uuid: UUID, at: datetime) -> None:
        left = (at - datetime.now(UTC) + timedelta(milliseconds=5)).total_seconds()
        asyncio.get_running_loop().call_later(
            left, lambda: self._spawn(self.offer(domain_uuid), "offer")
        )

    # --- links

    async def _linked(self, standing: Standing) -> None:
        if self.on_link:
            await self.on_link(standing)

    def knows(self, call_uuid: UUID) -> bool:
        return self._merged.get(call_uuid, call_uuid) in self.mailboxes

    def adopt(self, call_uuid: UUID, signal: Signal) -> None:
        """A party of a call that we know nothing of stands in our hands: it begins now, or, if it
        had begun, ends.
        """
        if isinstance(signal, Arrived):
            self.signal(call_uuid, signal)
        else:
            self._spawn(self._act_when_linked(HangUp(signal.channel, FAILED)), "adopted")

    def resume(self, call: Call, signal: Signal) -> None:
        """A party of the call stands in our hands; what was decided for it was never done, or it
        never was. A call that had just begun begins again.
        """
        mailbox = self.mailboxes[call.call_uuid]
        if isinstance(signal, Arrived):
            self.floor.forget(call)
            mailbox.call, signal = None, replace(signal, at=call.started_at)
        mailbox.put(signal)

    async def reopen(self, call: Call) -> Call | None:
        """The call stands as it was committed last, as after a restart; None when all of it has
        been committed, or nothing. Raises errors.Unavailable.
        """
        async with self._database.connection() as tx:
            committed = await calls.find(tx, call.domain_uuid, call.call_uuid)
        mailbox = self.mailboxes.get(call.call_uuid)
        if mailbox is None or mailbox.call is not call or not mailbox.is_idle:
            return call
        if committed is None:
            self._forget(mailbox)
            if mailbox.task:
                mailbox.task.cancel()
            return None
        mailbox.call = committed
        self.floor.update(committed, datetime.now(UTC))
        mailbox.arm()
        if committed.stage is Stage.ENDED:
            self._spawn(self._finish_recording(committed), "recording")
        return committed

    def transferred(
        self, happened: journal.Transfer, owners: Mapping[str, UUID] = MappingProxyType({})
    ) -> None:
        """The journal tells of an attended transfer: the calls of both channels become one.
        `owners`: calls by channel, of channels that we may not have heard of yet.
        """
        call_uuid = self._holder(happened.transferee) or owners.get(happened.transferee)
        other = self._holder(happened.target) or owners.get(happened.target)
        if (
            call_uuid is None
            or other is None
            or call_uuid == other
            or not self.mailboxes.keys() >= {call_uuid, other}
        ):
            return
        if call_uuid in self._wanted or other in self._wanted:  # told twice
            return
        loop = asyncio.get_running_loop()
        wanted = self._wanted[other] = Yield(
            happened.at, loop.create_future(), loop.create_future()
        )
        self.mailboxes[other].put(wanted)
        self.signal(call_uuid, AttendedTransferred(happened.transferee, happened.at, other))

    def _holder(self, channel: str) -> UUID | None:
        boxes = self.mailboxes.items()
        return next(
            (call_uuid for call_uuid, box in boxes if box.call and box.call.leg(channel)), None
        )

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def new_token() -> str:
    """A recording's capability: 192 random bits."""
    return secrets.token_urlsafe(24)


def _is_waited_for(step: Step) -> bool:
    """Whether the switch stands still until the step is committed."""
    return any(not isinstance(action, FinishRecording) for action in step.actions)


def _is_worth_a_commit(before: Call | None, step: Step) -> bool:
    """What a restart could not find out again: the beginning, what was told, whom we dialled, a
    change of stage, the record.
    """
    if before is None or step.events or step.cdr or step.done:
        return True
    return (before.stage, before.merged, before.queue, before.attempt, len(before.legs)) != (
        step.call.stage,
        step.call.merged,
        step.call.queue,
        step.call.attempt,
        len(step.call.legs),
    )
