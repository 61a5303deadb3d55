"""Recovery: the steps after each (re)connection with Asterisk, in this order. A crash of this
process, a lost link and a restart of Asterisk are handled alike; a repeated signal changes
nothing.

 1. `asterisk/reconnect.py` connects, after its back-off.
 2. `asterisk/switch.py` (_open) filters events, learns whether Asterisk was restarted, pushes the
    phones and trunks (`dynamic_config.py`), and takes a snapshot of the channels.
 3. `Recovery.reconnected` replays the CEL log from the kept offset: its entries become signals.
 4. It reconciles each known call with the snapshot (`reconcile.py`): missing legs have hung up,
    new legs and answers become signals.
 5. It adopts parties that wait in Stasis and belong to no known call.
 6. It offers waiting callers to agents.
 7. Only then are the signals of the new link taken (`reconnect.py`, linked).
 8. A moment later a party that still waits in Stasis is routed again (`resuming.py`).
 9. From then on `watchdog.py` looks for calls that are in the CEL log and unknown to us.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import msgspec
import structlog

from tongdai import errors
from tongdai.asterisk import cel_log, events, translate
from tongdai.asterisk.switch import Snapshot
from tongdai.engine import reconcile, watchdog
from tongdai.engine.engine import Engine
from tongdai.engine.mailbox import Reconcile
from tongdai.engine.node_config import NodeConfig
from tongdai.engine.resuming import Resumer
from tongdai.engine.watchdog import Watchdog
from tongdai.pbx import causes
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import Call, Ended
from tongdai.pbx.signals import Arrived, Signal
from tongdai.store import db, nodes

log = structlog.get_logger()


class Timing(msgspec.Struct, frozen=True):
    """Seconds. `lag_s`: the distance of the kept offset from the end of the CEL log, longer than a
    dead link goes unnoticed. `resume_s`: the time in which events of actions under way arrive.
    """

    tail_s: float = 0.1  # from one read of the CEL log to the next
    lag_s: float = 10.0
    keep_s: float = 5.0  # from one write of the offset to the next
    resume_s: float = 1.0


DEFAULT = Timing()


class Recovery:
    """Follows the CEL log of one switch, and brings the engine up to date after each
    (re)connection.
    """

    def __init__(
        self,
        database: db.Database,
        engine: Engine,
        config: NodeConfig,
        timing: Timing = DEFAULT,
        watching: watchdog.Timing = watchdog.DEFAULT,
    ) -> None:
        self._database, self._engine, self._config = database, engine, config
        self._timing = timing
        self._resumer = Resumer(engine, timing.resume_s)
        self.watchdog = Watchdog(database, engine, config, watching)
        self._read = cel_log.Offset()
        self._kept = cel_log.Offset()
        self._history: deque[tuple[float, cel_log.Offset]] = deque()

    async def load(self) -> None:
        """Continues at the kept offset; a CEL log that was never read is begun at its end."""
        async with self._database.connection() as tx:
            known = await nodes.find(tx, self._config.node)
        if known:
            self._kept = cel_log.Offset(known.cel_log_inode, known.cel_log_offset)
        else:
            await self._save(cel_log.end(self._config.cel_log))
        self._read = self._kept

    async def run(self) -> None:
        """Follows the CEL log, and watches for missed calls, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self.watchdog.run())
            group.create_task(self._resumer.run())

    # --- after a (re)connection

    async def reconnected(self, snapshot: Snapshot) -> None:
        """Brings the engine up to date with the switch (steps 3 to 6 above)."""
        now = datetime.now(UTC)
        entries = cel_log.since(self._config.cel_log, self._kept)
        self._replay(entries)
        self._reconcile(snapshot, now, _gone_at(entries, snapshot))
        self._adopt(snapshot, now)
        if snapshot.strays:
            self._engine.replaced_legs.suspect()
        await self._offer()
        log.info("recovery.done", calls=len(self._engine.mailboxes), entries=len(entries))

    def _replay(self, entries: list[cel_log.Entry]) -> None:
        owners = {entry.uniqueid: call_uuid for entry in entries if (call_uuid := entry.call_uuid)}
        for entry in entries:
            for call_uuid, signal in cel_log.signals(entry):
                self._engine.signal(call_uuid, signal)
            if happened := cel_log.transfer(entry):
                self._engine.transfers.happened(happened, owners)

    def _reconcile(self, snapshot: Snapshot, now: datetime, gone_at: datetime) -> None:
        for mailbox in self._engine.mailboxes.values():
            missing = partial(self._missing, snapshot, now, gone_at, is_acting=mailbox.is_busy)
            mailbox.put(Reconcile(now, missing))

    def _missing(
        self, snapshot: Snapshot, now: datetime, gone_at: datetime, call: Call, *, is_acting: bool
    ) -> list[Signal]:
        if isinstance(call.course, Ended):
            return []
        # while an action of ours is under way, a party may wait there for it
        self._resumer.suspect(call, None if is_acting else snapshot)
        at = gone_at if snapshot.started_at > call.started_at else now
        return (
            reconcile.gone(call, snapshot, at)
            + reconcile.unheard(call, snapshot, now)
            + reconcile.held(call, snapshot, now)
        )

    def _adopt(self, snapshot: Snapshot, now: datetime) -> None:
        """Parties in Stasis with an unknown call: new callers begin a call; others are released,
        since the decision for them is lost.
        """
        for call_uuid, channels in snapshot.channels.items():
            if self._engine.mailboxes.knows(call_uuid):
                continue
            for channel in channels:
                began = events.moment(channel.creationtime) if channel.creationtime else now
                if meant := translate.standing(channel, began):
                    self._adopt_one(*meant)

    def _adopt_one(self, call_uuid: UUID, signal: Signal) -> None:
        if isinstance(signal, Arrived):
            self._engine.signal(call_uuid, signal)
        else:
            self._engine.hang_up(
                call_uuid,
                HangUp(signal.channel, causes.FAILED.q850, causes.response(causes.FAILED)),
            )

    async def _offer(self) -> None:
        boxes = self._engine.mailboxes.values()
        for domain_uuid in {box.call.domain_uuid for box in boxes if box.call}:
            await self._engine.offers.look(domain_uuid)

    # --- the CEL log, while the link is up

    async def _follow(self) -> None:
        """While the link is up, the CEL log adds only facts that ARI does not report: attended
        transfers, and calls that ARI missed (the watchdog's). After a lost link the replay comes
        first: calls become one with all that had happened to them before.
        """
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        while True:
            await self._engine.switch.linked.wait()
            before = self._read
            entries, self._read = cel_log.read(self._config.cel_log, self._read)
            self.watchdog.see(entries, before)
            for entry in entries:
                if happened := cel_log.transfer(entry):
                    self._engine.transfers.happened(happened)
            self._engine.replaced_legs.see(entries)
            await self._engine.replaced_legs.look()
            if loop.time() - kept_at > self._timing.keep_s:
                kept_at = loop.time()
                await self._keep(kept_at)
            # also after it found lines: each look at a busy log would find one or two
            await asyncio.sleep(self._timing.tail_s)

    def has_read_all(self) -> bool:
        """Whether the CEL log has been read to its end."""
        return self._read == cel_log.end(self._config.cel_log)

    async def _keep(self, now: float) -> None:
        """Keeps the offset that was the log's end `lag_s` ago: the next recovery begins there."""
        lag_s = self._timing.lag_s
        self._history.append((now, self._read))
        while len(self._history) > 1 and self._history[1][0] <= now - lag_s:
            self._history.popleft()
        at, offset = self._history[0]
        if at > now - lag_s or offset == self._kept or not self._engine.switch.is_up:
            return
        try:
            await self._save(offset)
        except errors.Unavailable as reason:
            log.warning("cel_log.offset_not_kept", why=str(reason))

    async def _save(self, offset: cel_log.Offset) -> None:
        async with self._database.connection() as tx:
            await nodes.save(tx, nodes.Node(self._config.node, offset.inode, offset.offset))
        self._kept = offset


def _gone_at(entries: list[cel_log.Entry], snapshot: Snapshot) -> datetime:
    """The last sign of life of an Asterisk that has been restarted: an entry of its CEL log, the
    last frame of a link, or the loss of the link. A busy engine may notice a loss only after the
    restart; such a loss still counts as before it.
    """
    restarted_at = snapshot.started_at
    heard = [*(entry.at for entry in entries), *snapshot.last_frames_at]
    signs = [at for at in heard if at < restarted_at]
    if snapshot.lost_at:
        signs.append(min(snapshot.lost_at, restarted_at))
    return max(signs, default=restarted_at)
