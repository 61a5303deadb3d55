"""What happened while nobody listened: read from the journal, compared with what runs, and fed in as signals.

A crash of ours, a lost link, a restart of Asterisk: the same way for all. Signals told twice change nothing.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime

import structlog

from tongdai import errors
from tongdai.asterisk import events, journal
from tongdai.asterisk.switch import Standing
from tongdai.engine.engine import Engine, Place
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.signals import DialEnded, LegAnswered, LegDialed, LegHungUp
from tongdai.store import db, nodes

log = structlog.get_logger()

TAIL_S = 0.1
LAG_S = 10.0  # how far behind the journal's end the kept place is: longer than a dead link goes unnoticed
KEEP_S = 5.0
SWITCH_FAILED = 41  # Q.850: temporary failure


class Recovery:
    """Follows the journal of one switch, and sets the engine right after each (re)connection."""

    def __init__(self, database: db.Database, engine: Engine, place: Place) -> None:
        self._database, self._engine, self._place = database, engine, place
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
        """Follows the journal until cancelled. Live, it tells only of what ARI does not: attended transfers."""
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        while True:
            entries = self._next()
            for entry in entries:
                if happened := journal.transfer(entry):
                    self._engine.transferred(happened)
            if loop.time() - kept_at > KEEP_S:
                kept_at = loop.time()
                await self._keep(kept_at)
            if not entries:
                await asyncio.sleep(TAIL_S)

    def _next(self) -> list[journal.Entry]:
        entries, self._read = journal.read(self._place.journal, self._read)
        return entries

    async def _keep(self, now: float) -> None:
        """The place that was the end of the journal a while ago is where the next recovery begins."""
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
        entries = self._since_kept()
        for entry in entries:
            for call_uuid, signal in journal.signals(entry):
                self._engine.signal(call_uuid, signal)
            if happened := journal.transfer(entry):
                self._engine.transferred(happened)
        gone_at = _gone_at(entries, standing)
        for call_uuid, mailbox in list(self._engine.mailboxes.items()):
            if mailbox.call and mailbox.call.stage is not Stage.ENDED:
                self._compare(mailbox.call, standing.channels.get(call_uuid, ()), standing, gone_at)
        for domain_uuid in {box.call.domain_uuid for box in self._engine.mailboxes.values() if box.call}:
            await self._engine.offer(domain_uuid)
        log.info("recovery.settled", calls=len(self._engine.mailboxes), entries=len(entries))

    def _since_kept(self) -> list[journal.Entry]:
        entries: list[journal.Entry] = []
        place = self._kept
        while True:
            more, found = journal.read(self._place.journal, place)
            if found == place:
                return journal.attributed(entries)
            entries += more
            place = found

    def _compare(self, call: Call, channels: tuple[events.Channel, ...], standing: Standing, gone_at: datetime) -> None:
        """The differences between a call as we know it and what the switch has of it."""
        now = datetime.now(UTC)
        merged = [channel for other in call.merged for channel in standing.channels.get(other, ())]
        running = {channel.id: channel for channel in (*channels, *merged)}
        for leg in call.live_legs:
            if leg.channel not in running:
                at = gone_at if standing.started_at > call.started_at else now
                self._engine.signal(call.call_uuid, LegHungUp(leg.channel, max(at, leg.started_at), SWITCH_FAILED))
        for channel in running.values():
            known = call.leg(channel.id)
            if known is None:
                self._engine.signal(call.call_uuid, LegDialed(channel.id, now, channel.endpoint, channel.protocol_id))
            if channel.state == "Up" and (known is None or not known.answered_at):
                self._engine.signal(call.call_uuid, LegAnswered(channel.id, now, channel.protocol_id))
        self._resume(call, running, now)

    def _resume(self, call: Call, running: dict[str, events.Channel], now: datetime) -> None:
        """A caller who stands in Stasis, undecided, because we died before we could act."""
        channel = running.get(call.channel)
        if call.stage is Stage.RINGING and channel and channel.dialplan.app_name == "Stasis":
            self._engine.signal(call.call_uuid, DialEnded(channel.id, now, "CHANUNAVAIL", 0))


def _gone_at(entries: list[journal.Entry], standing: Standing) -> datetime:
    """The last sign of life of an Asterisk that was restarted."""
    before = [entry.at for entry in entries if entry.at < standing.started_at]
    return max(before, default=standing.started_at)
