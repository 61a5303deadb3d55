"""Every call in the journal is owed a record and its events. Who was missed, by whatever fault, is
found here and settled: begun as the journal tells it, and from then on a call like all others.
"""

import asyncio
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Gauge

from tongdai import errors
from tongdai.asterisk import journal
from tongdai.asterisk.switch import Standing
from tongdai.engine import comparing
from tongdai.engine.engine import Engine, Place
from tongdai.engine.mailbox import Look
from tongdai.pbx import owed
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.owed import Debt
from tongdai.pbx.signals import Unattended
from tongdai.store import calls, cdrs, db

log = structlog.get_logger()

LOOK_S = 1.0
AUDIT_S = 10.0  # a call that is found in debt twice in a row, unchanged, is settled
EXPIRED = 102  # Q.850: recovery on timer expiry
# how long after the journal, and after a new link, we may hear of a call by ourselves
GRACE_S = 3.0


COUNT = Gauge(
    "tongdai_owed_calls",
    "Calls that were over, or stuck, and not accounted for at the last audit.",
)
OLDEST_S = Gauge("tongdai_owed_oldest_seconds", "How long the oldest of them had been so.")


class Arrival(msgspec.Struct, frozen=True):
    """A call that the journal has; `place` is before its first entry, `seen` when we read it
    (seconds, event loop).
    """

    signal: Unattended
    place: journal.Place
    seen: float


class Watchdog:
    """Gets all entries of the journal, and looks now and then whether what they tell of is, or
    was, accounted for.
    """

    def __init__(self, database: db.Database, engine: Engine, place: Place) -> None:
        self._database, self._engine, self._place = database, engine, place
        self._arrivals: dict[UUID, Arrival] = {}
        # calls begun here: what happened as we began them, ARI has told nobody
        self._followed: set[UUID] = set()
        self._linked_at = 0.0
        self._suspects: dict[UUID, Call] = {}

    def see(self, entries: list[journal.Entry], before: journal.Place) -> None:
        """These were read from there on."""
        now = asyncio.get_running_loop().time()
        for entry in entries:
            if arrival := journal.arrival(entry):
                self._arrivals.setdefault(arrival.call_uuid, Arrival(arrival, before, now))
            elif self._followed:
                self._tell([entry], self._followed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._engine.switch.linked.wait()
            self._linked_at = asyncio.get_running_loop().time()
            audited_at = self._linked_at
            while self._engine.switch.is_up:
                await asyncio.sleep(LOOK_S)
                try:
                    await self.look()
                    if (now := asyncio.get_running_loop().time()) - audited_at > AUDIT_S:
                        audited_at = now
                        await self.audit()
                except errors.Unavailable as reason:
                    log.warning("owed.waiting", why=str(reason))

    async def look(self) -> None:
        """No call of the journal is left that had to be known by now and is not. Raises
        errors.Unavailable.
        """
        self._followed = set(filter(self._engine.knows, self._followed))
        latest = asyncio.get_running_loop().time() - GRACE_S
        if latest < self._linked_at:
            return
        overdue = {
            call_uuid: arrival
            for call_uuid, arrival in self._arrivals.items()
            if arrival.seen < latest and not self._engine.knows(call_uuid)
        }
        if overdue:
            missed = await self._unrecorded(overdue)
            standing = await self._engine.switch.standing() if missed else None
            waiting = _waiting(standing) if standing else set()
            missed = {
                uuid: arrival
                for uuid, arrival in missed.items()
                if arrival.signal.channel not in waiting and not self._engine.knows(uuid)
            }
            self._arrivals = {
                uuid: arrival
                for uuid, arrival in self._arrivals.items()
                if uuid not in overdue or arrival.signal.channel in waiting
            }
            if missed and standing:
                self._begin(missed, standing)

    async def _unrecorded(self, arrivals: dict[UUID, Arrival]) -> dict[UUID, Arrival]:
        """Those of a domain of ours that have no record."""
        keys = []
        for call_uuid, arrival in arrivals.items():
            try:
                directory = await self._engine.directories.of(arrival.signal)
            except errors.NotFound:
                continue
            keys.append((directory.domain.domain_uuid, call_uuid))
        async with self._database.connection() as tx:
            known = await cdrs.known(tx, keys)
        return {call_uuid: arrivals[call_uuid] for _, call_uuid in keys if call_uuid not in known}

    def _begin(self, missed: dict[UUID, Arrival], standing: Standing) -> None:
        """They begin, and all that the journal has of them happens; what runs of them besides is
        looked at. They are in the order of their arrival.
        """
        for call_uuid, arrival in missed.items():
            log.warning(
                "owed.settled",
                call_id=str(call_uuid),
                why="unrecorded",
                at=arrival.signal.at.isoformat(),
            )
            self._engine.signal(call_uuid, arrival.signal)
        self._followed |= missed.keys()
        first = next(iter(missed.values())).place
        self._tell(journal.since(self._place.journal, first), missed.keys())
        now = datetime.now(UTC)
        for call_uuid in missed:
            look = Look(now, partial(comparing.unheard, standing=standing, now=now))
            self._engine.mailboxes[call_uuid].put(look)

    def _tell(self, entries: list[journal.Entry], calls: AbstractSet[UUID]) -> None:
        """What happened to these calls."""
        for entry in entries:
            for call_uuid, signal in journal.signals(entry):
                if call_uuid in calls:
                    self._engine.signal(call_uuid, signal)
            if (happened := journal.transfer(entry)) and entry.call_uuid in calls:
                self._engine.transferred(happened)

    # --- calls that we know

    async def audit(self) -> None:
        """Who was in debt at the last audit already, and has not changed since, is settled. Raises
        errors.Unavailable.
        """
        standing = await self._engine.switch.standing()
        now = datetime.now(UTC)
        found = self._debts(standing, now)
        settled = {
            call_uuid: why
            for call_uuid, (call, why) in found.items()
            if self._suspects.get(call_uuid) is call
        }
        self._suspects = {call_uuid: call for call_uuid, (call, _) in found.items()}
        COUNT.set(len(settled))
        OLDEST_S.set(max((_age_s(found[call_uuid][0], now) for call_uuid in settled), default=0.0))
        for call_uuid, why in settled.items():
            await self._settle(self._suspects.pop(call_uuid), why, standing, now)

    def _debts(self, standing: Standing, now: datetime) -> dict[UUID, tuple[Call, Debt]]:
        found = {}
        running = {channel.id for channels in standing.channels.values() for channel in channels}
        for call_uuid, mailbox in self._engine.mailboxes.items():
            if (
                (call := mailbox.call)
                and mailbox.is_idle
                and (why := owed.debt(call, running, now))
            ):
                found[call_uuid] = (call, why)
        return found

    async def _settle(self, call: Call, why: Debt, standing: Standing, now: datetime) -> None:
        log.warning("owed.settled", call_id=str(call.call_uuid), domain=call.domain, why=why.value)
        if why is Debt.STUCK:
            for leg in call.live_legs:
                await self._engine.switch.act(HangUp(leg.channel, EXPIRED))
            return
        async with self._database.connection() as tx:
            await calls.owe(tx, call, owed.owes(call), now)
        if why is Debt.UNFINISHED:
            committed = await self._engine.reopen(call)
            if committed is None or committed.stage is Stage.ENDED:
                return
            call = committed
        self._replay(call, standing, now)

    def _replay(self, call: Call, standing: Standing, now: datetime) -> None:
        """All that the journal has of the call happens again, and what it has not ends now."""
        began = journal.place_at(self._place.journal, call.started_at - timedelta(seconds=GRACE_S))
        self._tell(journal.since(self._place.journal, began), {call.call_uuid, *call.merged})
        for signal in comparing.gone(call, standing, now):
            self._engine.signal(call.call_uuid, signal)


def _waiting(standing: Standing) -> set[str]:
    """Channels that stand in our hands: we are about to hear of them."""
    channels = (channel for channels in standing.channels.values() for channel in channels)
    return {channel.id for channel in channels if channel.dialplan.app_name == "Stasis"}


def _age_s(call: Call, now: datetime) -> float:
    return (now - (call.ended_at or call.started_at)).total_seconds()
