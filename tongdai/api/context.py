"""The API's context: the dependencies that the composition root passes, and the state that
outlives a request.
"""

import asyncio
import math
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec
import prometheus_client

from tongdai import errors, messages
from tongdai.api.boards import Boards
from tongdai.api.counts import Counts, of_process
from tongdai.api.exports import Exports
from tongdai.api.feeds import Feeds
from tongdai.api.principals import Principals
from tongdai.api.recording_links import RecordingLinks
from tongdai.api.scrolls import Scrolls
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.pbx import commands as words
from tongdai.phone_files import SipServer
from tongdai.recording_files import RecordingFiles
from tongdai.store import commands, db, deliveries, subscriptions
from tongdai.store.tenants import Tenants

_TURN_S = 5.0  # seconds that a change waits for others of its domain


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on the API's waiting, in seconds."""

    check_s: float = 2.0  # for a part that readiness asks
    body_s: float = 20.0  # for the whole body of a request, from the first read
    login_s: float = 1.5  # of a log-in for others
    reader_s: float = 60.0  # for a reader of the event stream that takes nothing
    away_s: float = 1.0  # between two tries while the database is away
    heartbeat_s: float = 15.0  # the longest silence on a stream of live state


class Sandbox(Protocol):
    """The simulated carrier, with the part that the API uses."""

    def carries(self, domain_name: str) -> bool:
        """Whether its customers' calls reach that domain."""

    async def inbound(self, hotline: str, customer: str, talk_s: int) -> str:
        """A customer, given by behaviour (answers, hangs_up, ...) or by number, calls the hotline.
        Returns the customer's number.

        The customer hangs up `talk_s` seconds after the answer. Raises errors.Invalid naming
        `customer`, errors.Unavailable.
        """


class Commands(Protocol):
    """Runs commands on an engine in this process, without a row in the database."""

    async def serves(self, domain_uuid: UUID) -> bool:
        """Whether this process can carry out the domain's commands now."""

    async def outcome(self, domain_uuid: UUID, command: words.ClickToCall) -> words.Outcome:
        """Runs the command at once and returns its outcome; with `wait_answer`, after the
        extension has answered or has failed to.
        """


class Trial(Protocol):
    """Sends to a subscription's URL at once."""

    async def send(
        self, subscription: subscriptions.Subscription, event_uuid: UUID, body: bytes
    ) -> deliveries.Attempt:
        """The result of one POST. Raises errors.Invalid when the subscription's own values cannot
        be sent.
        """


class IceSettings(msgspec.Struct, frozen=True):
    """STUN and TURN servers for browser phones: `stun` is host:port, `turn_secret` the secret that
    the TURN servers have too.
    """

    stun: str = ""
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = ""


def _no_dispatcher(_domains: Collection[UUID]) -> None:
    """Does nothing: dispatchers in other processes poll."""


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """The dependencies that the composition root passes. `callback_guard` raises errors.Invalid
    for a URL that must not be called.
    """

    # for look-ups before the domain is known, and for operators; all others use `tenants`
    database: db.Database
    tenants: Tenants
    master_key: MasterKey
    base_url: str  # the URL by which clients reach us, without a trailing slash
    sip_server: SipServer  # that phones are told
    recordings: RecordingFiles
    callback_guard: Callable[[str], object]
    token_life_s: int = 86_400
    patience_s: float = 5.0  # seconds for the engine to take a command and return its outcome
    timing: Timing = Timing()
    # argon2 takes 20 ms of a core and 19 MiB: log-ins wait for each other, calls not for them
    logins_at_once: int = 2
    cors_origins: tuple[str, ...] = ("*",)
    domain_rate: int = 0  # requests per second that a domain may make; 0: no limit
    address_rate: int = 0  # the same for a client address
    most_subscriptions: int = subscriptions.MOST  # of a domain
    # of readiness: each raises an error that names what is missing
    checks: Mapping[str, Callable[[], Awaitable[object]]] = {}
    sandbox: Sandbox | None = None
    commands: Commands | None = None
    trial: Trial | None = None
    ice: IceSettings = IceSettings()
    feeds: Feeds | None = None  # given when another part of this process wakes and closes them
    counts: Counts | None = None  # of all workers; None: of this process
    metrics: Callable[[], bytes] = prometheus_client.generate_latest
    # called after each commit of events of these domains
    published: Callable[[Collection[UUID]], None] = _no_dispatcher


class Context:
    """The dependencies, and the state that outlives a request."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.tenants, self.master_key = deps.tenants, deps.master_key
        self.health_probe = deps.tenants.health_probe
        self.recordings_url = f"{deps.base_url}/recordings/"
        self.tokens = Tokens(deps.master_key, deps.token_life_s)
        self.principals = Principals(deps.database, deps.tenants, self.tokens, deps.master_key)
        self.outcomes = commands.Outcomes(deps.tenants)
        self.scrolls = Scrolls(deps.master_key)
        self.recording_links = RecordingLinks(deps.master_key)
        self.feeds = deps.feeds or Feeds(deps.database, deps.tenants)
        self.boards = Boards(deps.database, heartbeat_s=deps.timing.heartbeat_s)
        self.exports = Exports()
        counted = deps.counts or of_process(deps.domain_rate, deps.address_rate)
        self.by_domain, self.by_address = counted.by_domain, counted.by_address
        self.wrong_logins, self.wrong_recordings = counted.wrong_logins, counted.wrong_recordings
        self.wrong_links = counted.wrong_links
        self._background = set[asyncio.Task[None]]()
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._login_slots = asyncio.Semaphore(deps.logins_at_once)

    @asynccontextmanager
    async def login_slot(self) -> AsyncIterator[None]:
        """One of few log-ins at a time. Raises errors.TooManyRequests if it would have to wait for
        others longer than `Timing.login_s`.
        """
        wait_s = self.deps.timing.login_s
        try:
            async with asyncio.timeout(wait_s):
                await self._login_slots.acquire()
        except TimeoutError as reason:
            raise errors.TooManyRequests(retry_after_s=math.ceil(wait_s)) from reason
        try:
            yield
        finally:
            self._login_slots.release()

    @asynccontextmanager
    async def turn(self, domain_uuid: UUID) -> AsyncIterator[None]:
        """One change of a domain's configuration at a time. Raises errors.Unavailable after
        _TURN_S.
        """
        lock = self._turns.setdefault(domain_uuid, asyncio.Lock())
        try:
            async with asyncio.timeout(_TURN_S):
                await lock.acquire()
        except TimeoutError as reason:
            raise errors.Unavailable(messages.TRY_AGAIN) from reason
        try:
            yield
        finally:
            lock.release()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs the work beside requests, until `close`. It takes care of its own errors."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def listen(self) -> None:
        """From now on, changes of users and outcomes of commands are notified at once."""
        heard = {
            "directory": self.principals.forget,
            "outcomes": self.outcomes.heard,
            "live": self.boards.heard,
        }
        await self.deps.database.listen(
            heard, lost=self.principals.lost, back=self.principals.listening
        )
        self.principals.listening()
        self._looking = (
            asyncio.create_task(self.feeds.run(), name="event feed"),
            asyncio.create_task(self.boards.run(), name="live state"),
        )

    async def close(self) -> None:
        """Ends streams, long polls and what runs beside requests, and stops listening."""
        self.feeds.close()
        running = (*self._looking, *self._background)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
