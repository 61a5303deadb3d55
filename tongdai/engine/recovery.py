"""What happened while nobody listened: read from the journal, compared with what runs, and fed in
as signals.

A crash of ours, a lost link, a restart of Asterisk: the same way for all. Signals told twice
change nothing.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.asterisk import events, journal, translate
from tongdai.asterisk.switch import Standing
from tongdai.engine import comparing
from tongdai.engine.engine import Engine, Place
from tongdai.engine.mailbox import Look
from tongdai.engine.watchdog import Watchdog
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.signals import Signal
from tongdai.store import db, nodes

log = structlog.get_logger()

TAIL_S = 0.1
# how far behind the journal's end the kept place is: longer than a dead link goes unnoticed
LAG_S = 10.0
KEEP_S = 5.0
RESUME_S = 1.0  # events of what happened while we connected have come by then


class Recovery:
    """Follows the journal of one switch, and sets the engine right after each (re)connection."""

    def __init__(self, database: db.Database, engine: Engine, place: Place) -> None:
        self._database, self._engine, self._place = database, engine, place
        self._watchdog = Watchdog(database, engine, place)
        self._read = journal.Place()
        self._kept = journal.Place()
        self._history: deque[tuple[float, journal.Place]] = deque()
        engine.on_link = self.settle

    async def load(self) -> None:
        """Reading goes on where it was kept; a journal never read before is begun at its end."""
        async with self._database.connection() as tx:
            known = await nodes.find(tx, self._place.node)
        if known:
            self._kept = journal.Place(known.journal_inode, known.journal_offset)
        else:
            await self._save(journal.end(self._place.journal))
        self._read = self._kept

    async def run(self) -> None:
        """Follows the journal, and watches for what is owed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._watchdog.run())

    async def _follow(self) -> None:
        """Live, the journal tells only of what ARI does not: attended transfers, and calls that
        nobody heard of.
        """
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        while True:
            before = self._read
            entries = self._next()
            self._watchdog.see(entries, before)
            for entry in entries:
                if happened := journal.transfer(entry):
                    self._engine.transferred(happened)
            if loop.time() - kept_at > KEEP_S:
                kept_at = loop.time()
                await self._keep(kept_at)
            # also after finding some: each look at a busy journal would find a line or two
            await asyncio.sleep(TAIL_S)

    def _next(self) -> list[journal.Entry]:
        entries, self._read = journal.read(self._place.journal, self._read)
        return entries

    async def _keep(self, now: float) -> None:
        """The place that was the end of the journal a while ago is where the next recovery
        begins.
        """
        self._history.append((now, self._read))
        while len(self._history) > 1 and self._history[1][0] <= now - LAG_S:
            self._history.popleft()
        at, place = self._history[0]
        if at > now - LAG_S or place == self._kept or not self._engine.switch.is_up:
            return
        try:
            await self._save(place)
        except errors.Unavailable as reason:
            log.warning("journal.not_kept", why=str(reason))

    async def _save(self, place: journal.Place) -> None:
        async with self._database.connection() as tx:
            await nodes.save(tx, nodes.Node(self._place.node, None, place.inode, place.offset))
        self._kept = place

    async def settle(self, standing: Standing) -> None:
        """The engine knows all that happened up to now. Called before the new link's signals."""
        now = datetime.now(UTC)
        entries = journal.since(self._place.journal, self._kept)
        owners = {entry.uniqueid: call_uuid for entry in entries if (call_uuid := entry.call_uuid)}
        for entry in entries:
            for call_uuid, signal in journal.signals(entry):
                self._engine.signal(call_uuid, signal)
            if happened := journal.transfer(entry):
                self._engine.transferred(happened, owners)
        gone_at = _gone_at(entries, standing)
        for mailbox in self._engine.mailboxes.values():
            mailbox.put(
                Look(
                    now, partial(self._missing, standing, now, gone_at, is_acting=mailbox.is_busy)
                )
            )
        self._adopt(standing, now)
        for domain_uuid in {
            box.call.domain_uuid for box in self._engine.mailboxes.values() if box.call
        }:
            await self._engine.offer(domain_uuid)
        log.info("recovery.settled", calls=len(self._engine.mailboxes), entries=len(entries))

    def _missing(
        self, standing: Standing, now: datetime, gone_at: datetime, call: Call, *, is_acting: bool
    ) -> list[Signal]:
        """What the switch has otherwise than we know it, as signals."""
        if call.stage is Stage.ENDED:
            return []
        if not is_acting:  # else a party may stand there because our action waits for the link
            self._look_again(call, standing)
        at = gone_at if standing.started_at > call.started_at else now
        return comparing.gone(call, standing, at) + comparing.unheard(call, standing, now)

    def _adopt(self, standing: Standing, now: datetime) -> None:
        """Callers who came to us while nobody listened, or just before we died."""
        for call_uuid, channels in standing.channels.items():
            if self._engine.knows(call_uuid):
                continue
            for channel in channels:
                began = events.moment(channel.creationtime) if channel.creationtime else now
                if meant := translate.standing(channel, began):
                    self._engine.adopt(*meant)

    def _look_again(self, call: Call, standing: Standing) -> None:
        """What was under way has arrived then."""
        loop = asyncio.get_running_loop()
        loop.call_later(RESUME_S, self._resume, call.call_uuid, _course(call), standing)

    def _resume(self, call_uuid: UUID, course: object, standing: Standing) -> None:
        """Parties who stand in Stasis although nothing has been decided of them since: we died
        before we could act, or were never told.
        """
        mailbox = self._engine.mailboxes.get(call_uuid)
        if mailbox is None or (call := mailbox.call) is None or _course(call) != course:
            return
        if not mailbox.is_idle:
            self._look_again(call, standing)
            return
        for channel in comparing.running(call, standing).values():
            is_waiting = call.stage is Stage.WAITING and channel.state == "Up"
            leg = call.leg(channel.id)
            if leg is None or not leg.is_live or is_waiting:
                continue
            if meant := translate.standing(channel, datetime.now(UTC)):
                self._engine.resume(call, meant[1])


def _course(call: Call) -> object:
    """What changes whenever something is decided of a call's way."""
    return call.stage, call.channel, call.attempt, call.returned_at


def _gone_at(entries: list[journal.Entry], standing: Standing) -> datetime:
    """The last sign of life of an Asterisk that was restarted: what it wrote, or that it was
    linked with us.
    """
    signs = [entry.at for entry in entries] + [standing.lost_at or standing.started_at]
    return max((at for at in signs if at < standing.started_at), default=standing.started_at)
