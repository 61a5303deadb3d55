"""The watchdog: every call in the CEL log gets its record and its events. A call that was missed,
through any fault, is found here: it begins from its entries, and then continues like all others.
"""

import asyncio
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Gauge

from tongdai import errors
from tongdai.asterisk import cel_log
from tongdai.asterisk.switch import Snapshot
from tongdai.engine import reconcile
from tongdai.engine.directories import Unrouted
from tongdai.engine.engine import Engine
from tongdai.engine.mailbox import Reconcile
from tongdai.engine.node_config import NodeConfig
from tongdai.pbx import outstanding
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import LONGEST_S, Call, Ended
from tongdai.pbx.outstanding import Fault
from tongdai.pbx.signals import ArrivedInFallback
from tongdai.store import calls, cdrs, db

log = structlog.get_logger()

EXPIRED = 102  # Q.850: recovery on timer expiry


class Timing(msgspec.Struct, frozen=True):
    """Seconds. `grace_s`: how long after the CEL log, and after a new link, ARI may still report a
    call. `audit_s`: a call with something outstanding at two audits, unchanged, is repaired.
    `finishing_s`: how long a recording may take to be kept; `longest_s`: how long a call may last.
    """

    look_s: float = 1.0
    audit_s: float = 10.0
    grace_s: float = 3.0
    finishing_s: float = outstanding.FINISHING_S
    longest_s: float = LONGEST_S + outstanding.LATE_S


DEFAULT = Timing()


COUNT = Gauge(
    "tongdai_outstanding_calls",
    "Calls that were over, or stuck, and not accounted for at the last audit.",
)
OLDEST_S = Gauge("tongdai_outstanding_oldest_seconds", "How long the oldest of them had been so.")


class Arrival(msgspec.Struct, frozen=True):
    """A call in the CEL log; `place` is the offset of its first entry, `seen` the event loop time
    at which we read it.
    """

    signal: ArrivedInFallback
    place: cel_log.Offset
    seen: float


class Watchdog:
    """Gets all entries of the CEL log, and checks at intervals that each of their calls is live or
    has its record.
    """

    def __init__(
        self,
        database: db.Database,
        engine: Engine,
        config: NodeConfig,
        timing: Timing = DEFAULT,
    ) -> None:
        self._database, self._engine, self._config = database, engine, config
        self._timing = timing
        self._arrivals: dict[UUID, Arrival] = {}
        # calls begun here: ARI did not report what happened while they began
        self._followed: set[UUID] = set()
        self._linked_at = 0.0
        self._suspects: dict[UUID, Call] = {}

    def see(self, entries: list[cel_log.Entry], before: cel_log.Offset) -> None:
        """Entries from this offset on will be passed in."""
        now = asyncio.get_running_loop().time()
        for entry in entries:
            if arrival := cel_log.arrival(entry):
                self._arrivals.setdefault(arrival.call_uuid, Arrival(arrival, before, now))
            elif self._followed:
                self._tell([entry], self._followed)

    async def run(self) -> None:
        """Checks until cancelled."""
        while True:
            await self._engine.switch.linked.wait()
            self._linked_at = asyncio.get_running_loop().time()
            audited_at = self._linked_at
            while self._engine.switch.is_up:
                await asyncio.sleep(self._timing.look_s)
                try:
                    await self.look()
                    now = asyncio.get_running_loop().time()
                    if now - audited_at > self._timing.audit_s:
                        audited_at = now
                        await self.audit()
                except errors.Unavailable as reason:
                    log.warning("outstanding.waiting", why=str(reason))

    async def look(self) -> None:
        """Begins each call of the CEL log that should be known by now and is not. Raises
        errors.Unavailable.
        """
        self._followed = set(filter(self._engine.mailboxes.knows, self._followed))
        latest = asyncio.get_running_loop().time() - self._timing.grace_s
        if latest < self._linked_at:
            return
        unknown = (
            (call_uuid, arrival)
            for call_uuid, arrival in self._arrivals.items()
            if arrival.seen < latest and not self._engine.mailboxes.knows(call_uuid)
        )
        overdue = dict(islice(unknown, self._engine.room))
        if overdue:
            missed = await self._unrecorded(overdue)
            snapshot = await self._engine.switch.snapshot() if missed else None
            waiting = _waiting(snapshot) if snapshot else set()
            missed = {
                uuid: arrival
                for uuid, arrival in missed.items()
                if arrival.signal.channel not in waiting and not self._engine.mailboxes.knows(uuid)
            }
            begun = dict(islice(missed.items(), self._engine.room))  # it may have become less
            later = missed.keys() - begun.keys()
            self._arrivals = {
                uuid: arrival
                for uuid, arrival in self._arrivals.items()
                if uuid not in overdue or uuid in later or arrival.signal.channel in waiting
            }
            if begun and snapshot:
                self._begin(begun, snapshot)

    async def _unrecorded(self, arrivals: dict[UUID, Arrival]) -> dict[UUID, Arrival]:
        """Calls of our domains without a record."""
        keys = []
        for call_uuid, arrival in arrivals.items():
            try:
                directory, _ = await self._engine.directories.arrival(arrival.signal)
            except (errors.NotFound, Unrouted):
                continue
            keys.append((directory.domain.domain_uuid, call_uuid))
        async with self._database.connection() as tx:
            known = await cdrs.known(tx, keys)
        return {call_uuid: arrivals[call_uuid] for _, call_uuid in keys if call_uuid not in known}

    def _begin(self, missed: dict[UUID, Arrival], snapshot: Snapshot) -> None:
        """Begins the calls, in the order of their arrival, and replays all their entries of the
        CEL log; then each is reconciled with the snapshot.
        """
        for call_uuid, arrival in missed.items():
            log.warning(
                "outstanding.reconstructed",
                call_id=str(call_uuid),
                why="unrecorded",
                at=arrival.signal.at.isoformat(),
            )
            self._engine.signal(call_uuid, arrival.signal)
        self._followed |= missed.keys()
        first = next(iter(missed.values())).place
        self._tell(cel_log.since(self._config.cel_log, first), missed.keys())
        now = datetime.now(UTC)
        for call_uuid in missed:
            look = Reconcile(now, partial(reconcile.unheard, snapshot=snapshot, now=now))
            self._engine.mailboxes[call_uuid].put(look)

    def _tell(self, entries: list[cel_log.Entry], calls: AbstractSet[UUID]) -> None:
        """Gives these calls the signals of the entries."""
        for entry in entries:
            for call_uuid, signal in cel_log.signals(entry):
                if call_uuid in calls:
                    self._engine.signal(call_uuid, signal)
            if (happened := cel_log.transfer(entry)) and entry.call_uuid in calls:
                self._engine.transfers.happened(happened)

    # --- known calls

    async def audit(self) -> None:
        """Repairs calls that had something outstanding at the last audit already, and have not
        changed since. Raises errors.Unavailable.
        """
        snapshot = await self._engine.switch.snapshot()
        if snapshot.strays:
            self._engine.replaced_legs.suspect()
        now = datetime.now(UTC)
        found = self._faulty(snapshot, now)
        settled = {
            call_uuid: why
            for call_uuid, (call, why) in found.items()
            if self._suspects.get(call_uuid) is call
        }
        self._suspects = {call_uuid: call for call_uuid, (call, _) in found.items()}
        COUNT.set(len(settled))
        OLDEST_S.set(max((_age_s(found[call_uuid][0], now) for call_uuid in settled), default=0.0))
        for call_uuid, why in settled.items():
            await self._settle(self._suspects.pop(call_uuid), why, snapshot, now)

    def _faulty(self, snapshot: Snapshot, now: datetime) -> dict[UUID, tuple[Call, Fault]]:
        found = {}
        running = {channel.id for channels in snapshot.channels.values() for channel in channels}
        for call_uuid, mailbox in self._engine.mailboxes.items():
            if (
                (call := mailbox.call)
                and mailbox.is_idle
                and (why := self._fault(call, running, now))
            ):
                found[call_uuid] = (call, why)
        return found

    def _fault(self, call: Call, running: set[str], now: datetime) -> Fault | None:
        timing = self._timing
        return outstanding.fault(
            call, running, now, finishing_s=timing.finishing_s, longest_s=timing.longest_s
        )

    async def _settle(self, call: Call, why: Fault, snapshot: Snapshot, now: datetime) -> None:
        log.warning(
            "outstanding.reconstructed",
            call_id=str(call.call_uuid),
            domain=call.domain,
            why=why.value,
        )
        if why is Fault.STUCK:
            for leg in call.live_legs:
                await self._engine.switch.act(call.call_uuid, HangUp(leg.channel, EXPIRED))
            return
        async with self._database.connection() as tx:
            await calls.note_outstanding(tx, call, outstanding.events(call), now)
        if why is Fault.UNFINISHED:
            committed = await self._reopen(call)
            if committed is None or isinstance(committed.course, Ended):
                return
            call = committed
        self._replay(call, snapshot, now)

    async def _reopen(self, call: Call) -> Call | None:
        """The call in its last committed state, as after a restart; None when all of it has been
        committed, or nothing. Raises errors.Unavailable.
        """
        async with self._database.connection() as tx:
            committed = await calls.find(tx, call.domain_uuid, call.call_uuid)
        mailbox = self._engine.mailboxes.get(call.call_uuid)
        if mailbox is None or mailbox.call is not call or not mailbox.is_idle:
            return call
        if committed is None:
            self._engine.mailboxes.drop(mailbox)
            return None
        mailbox.call = committed
        self._engine.live_calls.update(committed, datetime.now(UTC))
        mailbox.arm()
        if isinstance(committed.course, Ended):
            self._engine.recordings.finish(committed)
        return committed

    def _replay(self, call: Call, snapshot: Snapshot, now: datetime) -> None:
        """Replays all entries of the call; missing legs end now."""
        began = cel_log.place_at(
            self._config.cel_log, call.started_at - timedelta(seconds=self._timing.grace_s)
        )
        self._tell(cel_log.since(self._config.cel_log, began), {call.call_uuid, *call.merged})
        for signal in reconcile.gone(call, snapshot, now):
            self._engine.signal(call.call_uuid, signal)


def _waiting(snapshot: Snapshot) -> set[str]:
    """Channels in Stasis: ARI is about to report them."""
    channels = (channel for channels in snapshot.channels.values() for channel in channels)
    return {channel.id for channel in channels if channel.dialplan.app_name == "Stasis"}


def _age_s(call: Call, now: datetime) -> float:
    return (now - (call.ended_at or call.started_at)).total_seconds()
