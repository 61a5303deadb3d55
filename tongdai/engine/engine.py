"""The engine: each signal of a call is decided, committed, and then acted on.

    signal -> mailbox -> pbx -> group commit -> switch

The engine finds the call, the directory and the answer for a decision; `pbx` alone decides.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import prometheus_client
import structlog
from msgspec.structs import replace

from tongdai import errors, ids, messages, tracing
from tongdai.asterisk.switch import Switch, channels
from tongdai.engine import outage, traces, trunk_failures
from tongdai.engine.acting import Actor
from tongdai.engine.agents import NOBODY, Agents
from tongdai.engine.answers import Answers
from tongdai.engine.attended_transfers import AttendedTransfers
from tongdai.engine.background import Background
from tongdai.engine.directories import Directories, Unrouted
from tongdai.engine.group_commit import GroupCommit
from tongdai.engine.jitter_buffers import JitterBuffers
from tongdai.engine.live_calls import LiveCalls
from tongdai.engine.mailbox import HandOver, Item, Mailbox
from tongdai.engine.mailboxes import Mailboxes
from tongdai.engine.node_config import NodeConfig
from tongdai.engine.offers import Offers
from tongdai.engine.outage import Outage
from tongdai.engine.outgoing import Outgoing
from tongdai.engine.recordings import Recordings
from tongdai.engine.replaced_legs import ReplacedLegs
from tongdai.engine.settings_by_phone import SettingsByPhone
from tongdai.engine.wall_clock import WallClock, utc_now
from tongdai.pbx import (
    call_flow,
    caller_identity,
    causes,
    parking,
    pickup,
    replacement,
    setup,
    timeline,
)
from tongdai.pbx.actions import Action, FinishRecording, HangUp, Originate
from tongdai.pbx.barring import BarReason
from tongdai.pbx.call import Call, Ended, is_worth_a_commit
from tongdai.pbx.carriers import Undecided
from tongdai.pbx.commands import Answer, Outcome
from tongdai.pbx.directory import Directory
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import (
    NOT_ASKED,
    AgentOffered,
    Arrived,
    ArrivedInFallback,
    ArrivedRefused,
    AskedOfCall,
    AttendedTransferred,
    BlindTransferred,
    CommandAsked,
    Executed,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegHeld,
    LegReplaced,
    LegRinging,
    PickupAsked,
    RecordingFinished,
    Refused,
    RetrievalAsked,
    Signal,
    TalkFound,
)
from tongdai.pbx.step import Declined, Step
from tongdai.store import calls, commands, db
from tongdai.store.health_probe import HealthProbe

log = structlog.get_logger()

_UNEXPECTED = prometheus_client.Counter(
    "tongdai_unexpected_signals_total",
    "Signals that meant nothing in the course that their call had.",
    ("signal", "course"),
)

_UNROUTED = prometheus_client.Counter(
    "tongdai_unrouted_calls_total",
    "Calls from carriers to a number of no domain at that address, or of several.",
    ("reason",),
)
for _reason in Undecided:
    _UNROUTED.labels(_reason)

_LEFT = prometheus_client.Counter(
    "tongdai_calls_left_to_the_log_total",
    "New calls that were not taken, as too many waited for the database; made from the CEL log.",
)

_ROUTE_NOTHING = (
    LegDialed,
    LegRinging,
    LegAnswered,
    HangupAsked,
    AskedOfCall,
    Executed,
    TalkFound,
    LegHeld,
    RecordingFinished,
)
JUST_NOW = timedelta(seconds=1)
LATE_S = 5.0
MOST_WAITING = 2_000  # calls whose signal is being handled; each takes about 30 kB
MERGED = 482
"""SIP status of a request that came by two ways."""


class _Merged(Exception):
    """A request that came by two ways (RFC 3261 §8.2.2.2) has begun its call already."""


class _TakenOver(Exception):
    """The arrival is part of the call that has got this signal."""


class Engine:
    """Calls `published` with the domains of the events after each commit with events. While the
    database is silent (`health_probe`), commands are declined at once; a click-to-call that is not
    committed within `late_s` is not placed.
    """

    def __init__(
        self,
        database: db.Database,
        config: NodeConfig,
        health_probe: HealthProbe,
        published: Callable[[Collection[UUID]], None],
        *,
        late_s: float = LATE_S,
        most_waiting: float = MOST_WAITING,
        retry_s: float = outage.RETRY_S,
        clock: WallClock = utc_now,
    ) -> None:
        self._database, self._config, self._health_probe = database, config, health_probe
        self._late_s, self.clock = late_s, clock
        self._most_waiting, self._waiting = most_waiting, 0
        self._background, self._outage = Background(), Outage(database, retry_s)
        self.answers = Answers()
        self.directories = Directories(database)
        self.live_calls = LiveCalls(config.recording_url)
        self.outgoing = Outgoing(database)
        self.node = config.node
        self.group_commit = GroupCommit(database, config.node, published)
        self.switch = Switch(
            config.address,
            self.signal,
            config.timing,
            on_contact=self._contact_changed,
            hints=config.hints,
            prompts=config.prompts,
        )
        self.agents = Agents(self.switch)
        self.mailboxes = Mailboxes(self._handle, self._closed)
        self.transfers = AttendedTransfers(self.mailboxes, self.live_calls)
        self.replaced_legs = ReplacedLegs(self.switch, self.mailboxes)
        self.offers = Offers(
            self.mailboxes, self.live_calls, self.directories, self._background, self.agents
        )
        self.recordings = Recordings(config, self.directories, self.signal, self._background)
        self.jitter_buffers = JitterBuffers(self.switch, self.live_calls, config.jitter_buffer_ms)
        self.actor = Actor(
            database,
            self.switch,
            self.directories,
            self.recordings,
            SettingsByPhone(database, self.directories, self.signal),
        )
        # called with the endpoint of a phone that has come or gone, or is (not) reachable now
        self.on_contact: list[Callable[[str], None]] = []
        self.arrivals = 0  # calls so far whose arrival was a signal

    async def load(self) -> None:
        """Live calls of the engine before this one go on; commands that it took without a call are
        answered.
        """
        async with self._database.connection() as tx:
            live = await calls.list(tx, self._config.node)
            self.live_calls.remember(await calls.last_talks(tx))
            asked = [
                waits.command_uuid
                for call in live
                for waits in (call.requester, call.steering)
                if waits
            ]
            await commands.abandon(tx, self._config.node, [each for each in asked if each])
        now = datetime.now(UTC)
        for call in live:
            self.live_calls.update(call, now)
            self.outgoing.update(None, call, call.started_at)
            self.jitter_buffers.note(None, call)
            self.mailboxes.open(call)
            if isinstance(call.course, Ended):
                self.recordings.finish(call)

    async def close(self) -> None:
        """Stops deciding; calls go on in the switch."""
        self.answers.close()
        await self.mailboxes.close()
        await self._background.close()

    @property
    def is_idle(self) -> bool:
        """Whether no signal, command or commit is under way."""
        return not self._background and all(box.is_idle for box in self.mailboxes.values())

    def signal(self, call_uuid: UUID, signal: Signal) -> None:
        """Puts the signal into its call's mailbox; a call's first signal opens one. Signals of
        ended calls are dropped, and new calls while there is no `room`.
        """
        if isinstance(signal, Arrived) and not self.mailboxes.knows(call_uuid):
            if not self.room:
                self._leave_to_the_log(call_uuid)
                return
            self.arrivals += signal.at > datetime.now(UTC) - JUST_NOW
        self.mailboxes.put(call_uuid, signal)

    @property
    def room(self) -> int:
        """The number of new calls that may wait besides those that do: for the database, while
        that is away.
        """
        return max(0, int(self._most_waiting) - self._waiting)

    @staticmethod
    def _leave_to_the_log(call_uuid: UUID) -> None:
        """The caller is put through by the dialplan, which waits for us no longer than a moment;
        the watchdog finds the call in the CEL log once there is room.
        """
        _LEFT.inc()
        log.warning("call.left_to_the_log", call_id=str(call_uuid))

    def changed(self, domain_uuid: str) -> None:
        """A domain's directory has changed; "" means any."""
        self.directories.forget(domain_uuid)
        self.offers.changed(domain_uuid)

    def _contact_changed(self, endpoint: str) -> None:
        self.offers.contact_changed(endpoint)
        for told in self.on_contact:
            told(endpoint)

    def hang_up(self, call_uuid: UUID, action: HangUp) -> None:
        """Hangs up a channel of an unknown call."""
        self._background.start(self.actor.steer(call_uuid, action), "adopted")

    # --- one signal

    async def _handle(self, mailbox: Mailbox, signal: Signal) -> bool:
        """Handles a signal; returns whether the call is over. A signal that fails is skipped; a
        new call whose first signal fails is rejected.
        """
        with traces.of_signal(mailbox.call, signal):
            return await self._handled(mailbox, signal)

    async def _handled(self, mailbox: Mailbox, signal: Signal) -> bool:
        is_new = mailbox.call is None
        self._waiting += 1
        try:
            return await self._decide_commit_act(mailbox, signal)
        except Unrouted as reason:
            _note_unrouted(signal, reason)
            await self._send_away(signal, causes.UNALLOCATED, errors.NotFound.code)
        except _TakenOver:
            pass
        except _Merged:
            await self._send_away(signal, causes.FAILED, "MERGED_REQUEST", MERGED)
        except errors.NotFound:
            await self._send_away(signal, causes.UNALLOCATED, errors.NotFound.code)
        except Exception:
            log.exception("call.failed", channel=signal.channel, signal=type(signal).__name__)
            if not is_new:
                return False
            await self._send_away(signal, causes.FAILED, errors.TongdaiError.code)
        finally:
            self._waiting -= 1
        return True

    async def _decide_commit_act(self, mailbox: Mailbox, signal: Signal) -> bool:
        before = mailbox.call
        with tracing.span("decide"):
            made = await self._decide(before, signal)
        if isinstance(made, Declined):
            await self._decline(signal, made)
            return True
        made = timeline.noted(before, signal, made)
        if made.unexpected:
            _UNEXPECTED.labels(type(signal).__name__, made.call.stage).inc()
        mailbox.call = made.call
        self.live_calls.update(made.call, signal.at)
        self.outgoing.update(before, made.call, signal.at)
        self.jitter_buffers.note(before, made.call)
        trunk_failures.note(before, made.call)
        self.answers.give(made.answers)
        with tracing.span("commit"):
            is_committed = await self._commit(before, made, signal)
        if is_committed:
            await self._act(made, signal)
        else:
            self._call_off(mailbox, made.actions)
        mailbox.arm()
        if made.done and made.call.record and not made.call.answered_at:
            await self.recordings.discard(made.call)
        if made.done:
            traces.over(made.call)
        await self.offers.look(made.call.domain_uuid)
        return made.done

    def _closed(self, mailbox: Mailbox, left: list[Item]) -> None:
        """The call is removed from all counts; requests that wait for it are answered."""
        if mailbox.call:
            self.live_calls.forget(mailbox.call)
        for item in left:
            match item:
                case HandOver():
                    item.refuse()
                case AttendedTransferred():
                    self.transfers.abandon(item)
                case AgentOffered() if mailbox.call:
                    self.offers.handled(mailbox.call.domain_uuid, item)
                case (
                    PickupAsked(channel=channel, other=other)
                    | RetrievalAsked(channel=channel, other=other)
                ):
                    self.mailboxes.merged.pop(other, None)
                    self.hang_up(other, HangUp(channel, causes.ABSENT.q850))
                case AskedOfCall():
                    over = Outcome(error=errors.CallEnded.code)
                    answer = Answer(item.domain_uuid, item.command_uuid, item.command_uuid, over)
                    self._background.start(self.group_commit.commit(Declined(answer)), "command")

    # --- decide

    async def _decide(self, call: Call | None, signal: Signal) -> Step | Declined:
        """The decision. Waits while the database is down, unless a command asks for the call."""
        if isinstance(signal, CommandAsked):
            return await self._decide_command(signal)
        while True:
            try:
                return await self._decide_signal(call, signal)
            except errors.Unavailable as reason:
                log.warning("call.waiting", channel=signal.channel, why=str(reason))
                await self._outage.over()

    async def _decide_signal(self, call: Call | None, signal: Signal) -> Step:
        if call is None:
            if not isinstance(signal, Arrived):
                raise errors.NotFound
            directory, signal = await self.directories.arrival(signal)
            if not directory.domain.enabled:
                raise errors.NotFound
            if self.live_calls.has_caller(directory.domain.domain_uuid, signal):
                raise _Merged
            context = await self.context(directory)
            self._take_over(signal, context)
            if signal.via == "trunk":
                number = caller_identity.caller_number(signal, directory.domain.country)
                caller = await self.directories.caller(directory, number)
                context = replace(context, caller=caller) if caller else context
            return setup.arrive(signal, new_token(), context)
        if isinstance(signal, AttendedTransferred):
            directory = await self.directories.get(call.domain_uuid)
            return await self.transfers.merge(call, signal, await self.context(directory))
        if isinstance(signal, LegReplaced) and (
            own := replacement.foreign(call, signal, ids.new(signal.at))
        ):
            self.mailboxes.put(own.call_uuid, own)
        try:
            directory = await self.directories.get(call.domain_uuid)
            return call_flow.step(call, signal, await self.context(directory, signal))
        finally:
            if isinstance(signal, AgentOffered):
                self.offers.handled(call.domain_uuid, signal)

    def _take_over(self, signal: Arrived, context: RoutingContext) -> None:
        """Raises _TakenOver if the phone dialled to take a call that rings or is parked."""
        live = self.live_calls.of(context.directory.domain.domain_uuid)
        found = pickup.found(signal, live, context) or parking.found(signal, live, context)
        if isinstance(signal, ArrivedInFallback) or found is None:
            return
        call, asked = found
        self.mailboxes.move(signal.call_uuid, call, asked)
        raise _TakenOver

    async def _decide_command(self, asked: CommandAsked) -> Step | Declined:
        try:
            async with self._health_probe.while_healthy():
                directory = await self.directories.get(asked.domain_uuid)
                phones: list[str] = []
                if asked.command.ext in directory.extensions:
                    for endpoint in directory.endpoints(asked.command.ext):
                        phones += await self.switch.phones(endpoint)
                context = await self.context(directory)
        except errors.TongdaiError as reason:
            why = messages.key(reason.reason)
            outcome = Outcome(error=reason.code, why=why, field=reason.field)
            return Declined(_answer(asked, outcome))
        return setup.click_to_call(asked, phones, new_token(), context)

    async def context(self, directory: Directory, signal: Signal | None = None) -> RoutingContext:
        """The routing context of now; without the absent agents for a signal that routes nothing.
        Raises errors.Unavailable.
        """
        now = self.clock()
        domain = directory.domain
        usage = await self.outgoing.usage(domain, self.live_calls.of(domain.domain_uuid), now)
        routes = directory.queues and not isinstance(signal, _ROUTE_NOTHING)
        absent = await self.agents.absent(directory) if routes else NOBODY
        return self.live_calls.context(directory, now, usage, absent)

    # --- commit

    async def _commit(self, before: Call | None, step: Step, signal: Signal) -> bool:
        """Commits the step. Returns whether its actions may follow."""
        if isinstance(signal, CommandAsked):
            return await self._commit_in_time(step, signal)
        if _must_be_committed(before, step):
            await self.group_commit.commit(step, is_urgent=_is_waited_for(step))
            self._log(before, step, signal)
        return True

    async def _commit_in_time(self, step: Step, asked: CommandAsked) -> bool:
        """Commits a click-to-call. Returns False if that took too long: its API request has been
        answered.
        """
        committing = self.group_commit.put(step)
        try:
            async with self._health_probe.while_healthy(), asyncio.timeout(self._late_s):
                await asyncio.shield(committing)
        except errors.Unavailable as reason:
            outcome = Outcome(error=reason.code, why=messages.key(reason.reason))
        except TimeoutError:
            why = messages.key(messages.CALL_NOT_RECORDED)
            outcome = Outcome(error=errors.SwitchDown.code, why=why)
        except asyncio.CancelledError:
            committing.cancel()
            raise
        else:
            self._log(None, step, asked)
            return True
        self.answers.give([_answer(asked, outcome)])
        await committing
        return False

    async def _decline(self, signal: Signal, declined: Declined) -> None:
        """Answers the API user with the reason; a request of this process needs no commit."""
        self.answers.give([declined.answer])
        if declined.answer.command_uuid:
            await self.group_commit.commit(declined)
        if declined.bar_reason and isinstance(signal, CommandAsked):
            command = signal.command
            self._note_barred(signal.domain_uuid, command.ext, command.phone, declined.bar_reason)

    def _log(self, before: Call | None, step: Step, signal: Signal) -> None:
        log.info(
            "call.moved",
            call_id=str(step.call.call_uuid),
            domain=step.call.domain,
            signal=type(signal).__name__,
            stage=f"{before.stage if before else 'new'}>{step.call.stage}",
            events=[event.name for event in step.events],
        )

    # --- act

    async def _act(self, step: Step, signal: Signal) -> None:
        call = step.call
        if step.bar_reason:
            self._note_barred(
                call.domain_uuid, call.extension, _dialled(call, signal), step.bar_reason
            )
        for action in step.actions:
            with tracing.span(type(action).__name__):
                await self.actor.act(call, action)

    def _call_off(self, mailbox: Mailbox, actions: Collection[Action]) -> None:
        """Drops pending actions that would ring phones."""
        now = datetime.now(UTC)
        for action in actions:
            if isinstance(action, Originate):
                for channel in channels(action):
                    mailbox.put(Refused(channel, now, action, NOT_ASKED))

    async def _send_away(
        self, signal: Signal, release: causes.ReleaseCause, code: str, sip_status: int = 0
    ) -> None:
        """Rejects a new call that belongs to no domain, or whose setup failed."""
        if isinstance(signal, CommandAsked):
            await self._decline(signal, Declined(_answer(signal, Outcome(error=code))))
        elif isinstance(signal, Arrived) and not isinstance(
            signal, ArrivedInFallback | ArrivedRefused
        ):
            log.warning(
                "call.sent_away",
                endpoint=signal.endpoint,
                dialled=signal.dialled,
                cause=release.q850,
            )
            sip_status = sip_status or causes.response(release)
            action = HangUp(signal.channel, release.q850, sip_status)
            with suppress(errors.SwitchDown):
                await self.switch.act(signal.call_uuid, action)

    def _note_barred(
        self, domain_uuid: UUID, extension: str, number: str, reason: BarReason
    ) -> None:
        self._background.start(self._barred(domain_uuid, extension, number, reason), "barred")

    async def _barred(
        self, domain_uuid: UUID, extension: str, number: str, reason: BarReason
    ) -> None:
        with suppress(errors.Unavailable, errors.NotFound):
            directory = await self.directories.get(domain_uuid)
            await self.outgoing.barred(directory.domain, extension, number, reason)


def new_token() -> str:
    """A recording's access token: 192 random bits."""
    return secrets.token_urlsafe(24)


def _note_unrouted(signal: Signal, unrouted: Unrouted) -> None:
    """A carrier's call leaves no record in a domain that has no such hotline: the operator learns
    of it here.
    """
    _UNROUTED.labels(unrouted.undecided).inc()
    if isinstance(signal, Arrived):
        log.warning(
            "call.unrouted",
            reason=str(unrouted.undecided),
            dialled=signal.dialled,
            source=signal.source,
            trunks=[f"{trunk.name} ({trunk.domain})" for trunk in unrouted.trunks],
        )


def _dialled(call: Call, signal: Signal) -> str:
    match signal:
        case Arrived(dialled=number) | BlindTransferred(dialled=number):
            return number
        case _:
            return call.dialled


def _answer(asked: CommandAsked, outcome: Outcome) -> Answer:
    return Answer(asked.domain_uuid, asked.call_uuid, asked.command_uuid, outcome)


def _is_waited_for(step: Step) -> bool:
    """Whether the switch or an API user waits for the commit of the step."""
    has_actions = any(not isinstance(action, FinishRecording) for action in step.actions)
    return has_actions or any(answer.command_uuid for answer in step.answers)


def _must_be_committed(before: Call | None, step: Step) -> bool:
    """Whether the step must be committed: it begins the call, has events, a record or an outcome,
    or changes a field that `pbx.call` marks as committed.
    """
    if before is None or step.events or step.cdr or step.done or step.answers:
        return True
    return is_worth_a_commit(before, step.call)
