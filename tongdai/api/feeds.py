"""Listeners to the events of a domain: one publication wakes all of them together, and none holds
a database connection.

The process that publishes calls `wake`. For events of other processes one statement covers all
domains, four times a second while there are listeners.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from prometheus_client import Gauge

from tongdai import errors
from tongdai.store import db, feed
from tongdai.store.tenants import Tenants

HEARTBEAT_S = 15.0
"""The longest silence on a stream, in seconds: proxies cut connections that are silent for a
minute.
"""
_POLL_S = 0.25
_DUTY = 10  # polling takes a tenth of the time at most
_PAUSE_S = 1.0  # seconds of pause after the database was away
_RETRY_S = 5  # Retry-After for listeners that were refused

_log = structlog.get_logger()
_listeners = Gauge(
    "tongdai_feed_listeners", "Streams and long polls of the event feed that are open."
)


class Topic:
    """One domain with listeners. A page that several of them want is read once."""

    def __init__(self, tenants: Tenants, domain_uuid: UUID) -> None:
        self._tenants, self._domain_uuid = tenants, domain_uuid
        self._reading: dict[tuple[int, int, tuple[str, ...]], asyncio.Task[feed.Page]] = {}
        self.news = asyncio.Event()
        self.listeners = 0
        self.last_seq = -1

    def publish(self) -> None:
        """Wakes the listeners that wait for the present `news`. Later ones get no page from a read
        that began earlier.
        """
        self.news.set()
        self.news, self._reading = asyncio.Event(), {}

    async def read(self, after: int, limit: int, names: tuple[str, ...]) -> feed.Page:
        """A page of the feed, as `feed.read` returns it. Take `news` before: an event published
        during the read may not be in it.
        """
        key = (after, limit, names)
        if (reading := self._reading.get(key)) is None:
            reading = self._reading[key] = asyncio.create_task(self._read(*key))
            reading.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(reading)  # a listener that leaves cancels no other's page

    async def _read(self, after: int, limit: int, names: tuple[str, ...]) -> feed.Page:
        async with self._tenants.connection(self._domain_uuid) as tx:
            return await feed.read(tx, self._domain_uuid, after, limit, names)

    def _forget(
        self, key: tuple[int, int, tuple[str, ...]], done: asyncio.Task[feed.Page]
    ) -> None:
        if self._reading.get(key) is done:
            del self._reading[key]
        if not done.cancelled():
            done.exception()  # listeners that still wait have it


class Feeds:
    """The listeners of this process; at most `most` per domain."""

    def __init__(
        self,
        database: db.Database,
        tenants: Tenants,
        *,
        most: int = 100,
        poll_s: float = _POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._database, self._tenants = database, tenants
        self._most, self._poll_s, self.heartbeat_s = most, poll_s, heartbeat_s
        self._topics: dict[UUID, Topic] = {}
        self._anybody = asyncio.Event()
        self.closing = asyncio.Event()

    def wake(self, domains: Collection[UUID]) -> None:
        """Events of these domains were published. Call it after the commit."""
        for domain_uuid in domains:
            if topic := self._topics.get(domain_uuid):
                topic.publish()

    def close(self) -> None:
        """Ends streams and long polls."""
        self.closing.set()

    @contextmanager
    def listening(self, domain_uuid: UUID) -> Iterator[Topic]:
        """Counts one more listener of the domain. Raises errors.TooManyRequests when there are too
        many.
        """
        topic = self._topics.setdefault(domain_uuid, Topic(self._tenants, domain_uuid))
        if topic.listeners >= self._most:
            raise errors.TooManyRequests(retry_after_s=_RETRY_S)
        topic.listeners += 1
        self._anybody.set()
        try:
            with _listeners.track_inprogress():
                yield topic
        finally:
            topic.listeners -= 1
            if not topic.listeners:
                del self._topics[domain_uuid]

    async def run(self) -> None:
        """Polls for events of other processes, and wakes listeners, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._anybody.wait()
            began = loop.time()
            try:
                await self._look()
            except errors.Unavailable as reason:
                _log.warning("the event feed waits for the database", why=str(reason))
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # noqa: BLE001 no other task sees this one fail: it must continue
                _log.exception("the event feed failed")  # the listeners poll in any case
                await asyncio.sleep(_PAUSE_S)
            if not self._topics:
                self._anybody.clear()
            await asyncio.sleep(max(self._poll_s, _DUTY * (loop.time() - began)))

    async def _look(self) -> None:
        async with self._database.connection() as tx:
            newest = await feed.newest(tx, list(self._topics))
        for domain_uuid, last_seq in newest.items():
            topic = self._topics.get(domain_uuid)
            if topic and topic.last_seq != last_seq:
                topic.last_seq = last_seq
                topic.publish()
