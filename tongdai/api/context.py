"""The API's context: what the composition root gives it, and what remembers something between
requests.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.api import limits
from tongdai.api.attempts import Attempts
from tongdai.api.feeds import Feeds
from tongdai.api.principals import Principals
from tongdai.api.scrolls import Scrolls
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.pbx import commands as words
from tongdai.recording_files import RecordingFiles
from tongdai.store import commands, db, deliveries, subscriptions
from tongdai.store.tenants import Tenants

# argon2 takes 20 ms of a core and 19 MiB: logins wait for each other, calls do not wait for them
_LOGINS_AT_ONCE = 2
_LOGIN_WAIT_S = 1.5


class Sandbox(Protocol):
    """The simulated carrier, as far as the API may ask of it."""

    def carries(self, domain_name: str) -> bool:
        """Whether its customers' calls reach that domain."""

    async def inbound(self, hotline: str, customer: str, talk_s: int) -> str:
        """A customer, by behaviour (answers, hangs_up, ...) or by number, calls the hotline; the
        customer's number.

        Once answered it hangs up after `talk_s` seconds. Raises errors.Invalid naming `customer`,
        errors.Unavailable.
        """


class Commands(Protocol):
    """Runs commands on an engine in this process, without a row in the database."""

    async def serves(self, domain_uuid: UUID) -> bool:
        """Whether the domain's commands are carried out here, and now."""

    async def outcome(self, domain_uuid: UUID, command: words.ClickToCall) -> words.Outcome:
        """The outcome of a command that is asked here and now; with `wait_answer`, once the
        extension has
        answered or has not.
        """


class Trial(Protocol):
    """Sends to a subscription's URL at once."""

    async def send(
        self, subscription: subscriptions.Subscription, event_uuid: UUID, body: bytes
    ) -> deliveries.Attempt:
        """The outcome of one POST. Raises errors.Invalid when the subscription's own values cannot
        be sent.
        """


def _no_dispatcher(_domains: Collection[UUID]) -> None:
    """Dispatchers in other processes poll."""


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the composition root gives. `callback_guard` raises errors.Invalid for a URL
    that must not be called.
    """

    # for look-ups before the domain is known, and of operators; for all others: `tenants`
    database: db.Database
    tenants: Tenants
    master_key: MasterKey
    base_url: str  # how clients reach us, without a trailing slash
    recordings: RecordingFiles
    callback_guard: Callable[[str], object]
    token_life_s: int = 86_400
    patience_s: float = 5.0  # for the engine to take a command and answer it
    cors_origins: tuple[str, ...] = ("*",)
    domain_rate: int = 0  # requests a second that a domain may make; 0: any number
    address_rate: int = 0  # and a client address
    most_subscriptions: int = subscriptions.MOST  # of a domain
    # of readiness: each raises what is missing
    checks: Mapping[str, Callable[[], Awaitable[object]]] = {}
    sandbox: Sandbox | None = None
    commands: Commands | None = None
    trial: Trial | None = None
    feeds: Feeds | None = None  # where somebody else in this process wakes and closes them
    # told after each commit of events of these domains
    published: Callable[[Collection[UUID]], None] = _no_dispatcher


class Context:
    """The deps, and what remembers something between requests."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.tenants, self.master_key = deps.tenants, deps.master_key
        self.health_probe = deps.tenants.health_probe
        self.recordings_url = f"{deps.base_url}/recordings/"
        self.tokens = Tokens(deps.master_key, deps.token_life_s)
        self.principals = Principals(deps.database, deps.tenants, self.tokens)
        self.outcomes = commands.Outcomes(deps.tenants)
        self.scrolls = Scrolls(deps.master_key)
        self.feeds = deps.feeds or Feeds(deps.database, deps.tenants)
        self.by_domain, self.by_address = (
            limits.Limit(deps.domain_rate),
            limits.Limit(deps.address_rate),
        )
        self.wrong_logins = Attempts(5)
        self.wrong_recordings = Attempts(60)
        self._login_slots = asyncio.Semaphore(_LOGINS_AT_ONCE)

    @asynccontextmanager
    async def login_slot(self) -> AsyncIterator[None]:
        """One of few log-ins at a time. Raises errors.TooManyRequests where it would have to wait
        for others longer than _LOGIN_WAIT_S.
        """
        try:
            async with asyncio.timeout(_LOGIN_WAIT_S):
                await self._login_slots.acquire()
        except TimeoutError as reason:
            raise errors.TooManyRequests(retry_after_s=math.ceil(_LOGIN_WAIT_S)) from reason
        try:
            yield
        finally:
            self._login_slots.release()

    async def listen(self) -> None:
        """From now on it hears of changes of users and outcomes of commands at once."""
        heard = {"directory": self.principals.forget, "outcomes": self.outcomes.heard}
        await self.deps.database.listen(
            heard, lost=self.principals.lost, back=self.principals.listening
        )
        self.principals.listening()
        self._looking = asyncio.create_task(self.feeds.run(), name="event feed")

    async def close(self) -> None:
        """Streams and long polls have ended, and nothing listens any more."""
        self.feeds.close()
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
