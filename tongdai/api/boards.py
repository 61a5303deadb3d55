"""Boards: the live state of the domains that somebody in this process listens to.

An engine publishes it while we have a lease. One statement reads what has changed of all of them;
a listener holds no database connection, and no queue: it gets what differs from what it has.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import takewhile
from uuid import UUID

import structlog
from prometheus_client import Gauge

from tongdai import errors, ids
from tongdai.dialects.live import KINDS
from tongdai.store import db, live_state
from tongdai.store.live_state import Key, Row

GATHER_S = 0.05  # between two reads; the engine gathers twice as long
RENEW_S = 5.0
_POLL_S = 1.0  # in case a notification was lost
_PAUSE_S = 1.0  # seconds of pause after the database was away
_BEGIN_S = 5.0  # for the engine to publish a domain for the first time
_RETRY_S = 5  # Retry-After for listeners that were refused

_log = structlog.get_logger()
_listeners = Gauge("tongdai_live_listeners", "Streams of live state that are open.")


class Board:
    """The live state of one domain, up to `seq`. `from_seq` is the position from which on it can
    tell all changes. `news` is set when there are some; take it before you read.
    """

    def __init__(self) -> None:
        self.things: dict[Key, Row] = {}
        self.seq = self.from_seq = 0
        self.listeners = 0
        self.is_stale = False  # no engine publishes it any more
        self.is_complete = asyncio.Event()
        self.news = asyncio.Event()
        self._gone: dict[Key, float] = {}
        self._texts: dict[tuple[int, str], bytes] = {}  # by position, at the present seq

    def take(self, rows: Iterable[Row], now: float) -> None:
        """What has changed, in the order of seq."""
        for row in rows:
            if row.kind == live_state.DOMAIN:
                self._begin(row)
            else:
                self.things.pop((row.kind, row.id), None)
                self.things[row.kind, row.id] = row  # in the order of seq
                self._gone.pop((row.kind, row.id), None)
                if row.body is None:
                    self._gone[row.kind, row.id] = now
            self.seq = max(self.seq, row.seq)
        self._forget_gone(now)
        self._texts = {}
        self.news.set()
        self.news = asyncio.Event()

    def end(self) -> None:
        """No engine publishes it: its listeners leave, and come again."""
        self.is_stale = True
        self.news.set()

    def _begin(self, row: Row) -> None:
        """An engine has begun to publish: all from before is void."""
        self.things, self._gone = {}, {}
        self.from_seq = max(row.seq, int(row.body or 0))
        self.is_complete.set()

    def _forget_gone(self, now: float) -> None:
        for key in [key for key, at in self._gone.items() if at < now - live_state.GONE_S]:
            self.from_seq = max(self.from_seq, self.things.pop(key).seq)
            del self._gone[key]

    def state(self, domain: str = "") -> bytes:
        """The whole state, as JSON of dialects.live.LiveState; with the name of the domain, of
        LiveStateOfDomain.
        """
        bodies: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for row in self.things.values():
            if row.body is not None:
                bodies[row.kind].append(row.body)
        return f"{{{self._head(domain)},{_lists(bodies)}}}".encode()

    def _head(self, domain: str) -> str:
        named = f'"domain":{json.dumps(domain)},' if domain else ""
        return f'{named}"seq":{self.seq}'

    def text(self, after: int, domain: str = "") -> bytes:
        """The server-sent event that leads from that position to the present one. Listeners at the
        same position share it. One that names its domain is of a stream of several: it has no id,
        as none of them can be gone on from.
        """
        if (known := self._texts.get((after, domain))) is None:
            known = self._texts[after, domain] = self._text(after, domain)
        return known

    def _text(self, after: int, domain: str) -> bytes:
        id_ = b"" if domain else b"id: %d\n" % self.seq
        if not self.from_seq <= after <= self.seq:
            return b"%sevent: state\ndata: %s\n\n" % (id_, self.state(domain))
        changed: dict[str, list[str]] = {}
        gone: dict[str, list[str]] = {}
        for row in takewhile(lambda row: row.seq > after, reversed(self.things.values())):
            if row.body is None:
                gone.setdefault(row.kind, []).append(json.dumps(row.id))
            else:
                changed.setdefault(row.kind, []).append(row.body)
        parts = [self._head(domain), *filter(None, (_lists(changed),))]
        parts += [f'"gone":{{{_lists(gone)}}}'] if gone else []
        return b"%sevent: changes\ndata: {%s}\n\n" % (id_, ",".join(parts).encode())


class Boards:
    """The boards of this process, for at most `most` listeners of each domain. A stream is never
    silent for longer than `heartbeat_s`.
    """

    def __init__(self, database: db.Database, *, heartbeat_s: float, most: int = 100) -> None:
        self._database, self._most, self.heartbeat_s = database, most, heartbeat_s
        self._process_uuid = ids.new()
        self._boards: dict[UUID, Board] = {}
        self._changed, self._joined = asyncio.Event(), asyncio.Event()

    def heard(self, domain_uuid: str) -> None:
        """Call it with each payload of the channel `live`; "" means any domain."""
        if not domain_uuid or UUID(domain_uuid) in self._boards:
            self._changed.set()

    @asynccontextmanager
    async def listening(self, domain_uuid: UUID) -> AsyncIterator[Board]:
        """One more listener of the domain, whose board is complete. Raises errors.TooManyRequests,
        and errors.SwitchDown when no engine publishes it.
        """
        board = self._boards.setdefault(domain_uuid, Board())
        if board.listeners >= self._most:
            raise errors.TooManyRequests(retry_after_s=_RETRY_S)
        board.listeners += 1
        self._joined.set()
        try:
            with _listeners.track_inprogress():
                await _complete(board)
                yield board
        finally:
            board.listeners -= 1
            if not board.listeners and self._boards.get(domain_uuid) is board:
                del self._boards[domain_uuid]

    async def run(self) -> None:
        """Keeps leases, and reads what has changed, until cancelled."""
        try:
            while True:
                await self._joined.wait()
                await self._follow()
        finally:
            with suppress(errors.Unavailable):
                async with self._database.connection() as tx:
                    await live_state.leave(tx, self._process_uuid)

    async def _follow(self) -> None:
        """Until nobody listens."""
        leased: frozenset[UUID] = frozenset()
        renewed_at = 0.0
        while self._boards:
            wanted = frozenset(self._boards)
            try:
                if wanted - leased or time.monotonic() > renewed_at + RENEW_S:
                    await self._renew(wanted)
                    leased, renewed_at = wanted, time.monotonic()
                self._changed.clear()
                await self._read()
            except errors.Unavailable as reason:
                _log.warning("live state waits for the database", why=str(reason))
                await asyncio.sleep(_PAUSE_S)
            self._joined.clear()
            await asyncio.sleep(GATHER_S)
            await self._news()
        self._joined.clear()
        with suppress(errors.Unavailable):
            async with self._database.connection() as tx:
                await live_state.leave(tx, self._process_uuid)

    async def _news(self) -> None:
        """A change, or a new listener; a moment later in any case."""
        waiting = [
            asyncio.create_task(self._changed.wait()),
            asyncio.create_task(self._joined.wait()),
        ]
        await asyncio.wait(waiting, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()

    async def _renew(self, wanted: frozenset[UUID]) -> None:
        async with self._database.connection() as tx:
            await live_state.want(tx, wanted, self._process_uuid)
            fresh = await live_state.fresh(tx, wanted)
        for domain_uuid, board in [*self._boards.items()]:
            if board.is_complete.is_set() and domain_uuid in wanted - fresh:
                board.end()
                del self._boards[domain_uuid]

    async def _read(self) -> None:
        after = {domain_uuid: board.seq for domain_uuid, board in self._boards.items()}
        async with self._database.connection() as tx:
            rows = await live_state.since(tx, after)
        by_domain: dict[UUID, list[Row]] = {}
        for row in rows:
            by_domain.setdefault(row.domain_uuid, []).append(row)
        for domain_uuid, changed in by_domain.items():
            if board := self._boards.get(domain_uuid):
                board.take(changed, time.monotonic())


async def _complete(board: Board) -> None:
    """Raises errors.SwitchDown."""
    try:
        async with asyncio.timeout(_BEGIN_S):
            await board.is_complete.wait()
    except TimeoutError as reason:
        raise errors.SwitchDown from reason


def _lists(bodies: Mapping[str, Sequence[str]]) -> str:
    """The members of a JSON object: a list for each kind."""
    return ",".join(f'"{kind}":[{",".join(each)}]' for kind, each in bodies.items())
