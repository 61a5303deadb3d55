"""The whole API on a real port, and clients that speak to it as a CRM would."""

import asyncio
import itertools
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uvicorn

from tongdai import api, errors
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.phone_files import SipServer
from tongdai.recording_files import LocalFolder
from tongdai.store import db, deliveries, domains, hotlines, trunks, users
from tongdai.store.tenants import Tenants

PASSWORD = "correct horse"
_numbers = itertools.count(1)


class Reply(msgspec.Struct, frozen=True):
    """A response; `json` is None if it is no JSON."""

    status: int
    headers: Any
    body: bytes
    json: Any


class Client:
    """Somebody who asks. `token` goes along where there is one."""

    def __init__(self, session: aiohttp.ClientSession, token: str = "") -> None:
        self._session, self.token = session, token

    async def ask(
        self, method: str, path: str, *, expect: int | None = 200, **given: Any
    ) -> Reply:
        """The answer, whose status is as expected. Redirects are not followed; the path is sent as
        it is.
        """
        headers = ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | given.pop(
            "headers", {}
        )
        async with self._session.request(
            method, path, headers=headers, allow_redirects=False, **given
        ) as answer:
            body = await answer.read()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        reply = Reply(
            answer.status,
            answer.headers,
            body,
            msgspec.json.decode(body) if is_json and body else None,
        )
        assert expect in (None, reply.status), f"{method} {path}: {reply.status} {body[:500]!r}"
        return reply

    async def get(self, path: str, **given: Any) -> Reply:
        return await self.ask("GET", path, **given)

    async def post(self, path: str, json: Any = None, **given: Any) -> Reply:
        return await self.ask("POST", path, json=json, **given)


class Tenant(msgspec.Struct, frozen=True):
    """A domain with an admin who is logged in."""

    domain: directory.Domain
    username: str
    api_key: str
    client: Client


class Customers:
    """A sandbox that notes who is made to call whom."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.others: set[str] = set()  # domains that it does not reach

    def carries(self, domain_name: str) -> bool:
        return domain_name not in self.others

    async def inbound(self, hotline: str, customer: str, talk_s: int) -> str:
        if customer == "nobody":
            raise errors.Invalid("no such customer", field="customer")
        self.calls.append((hotline, customer, talk_s))
        return "0900000001"


class Silent:
    """A trial of endpoints that are all away."""

    async def send(self, *_: Any) -> deliveries.Attempt:
        return deliveries.Attempt(datetime.now(UTC), 0, 1, "no connection")


def guard(url: str) -> None:
    """As strict as the tests need."""
    if not url.startswith(("http://", "https://")) or "@" in url:
        raise errors.Invalid("an http or https URL is needed", field="callback_url")


@pytest.fixture(scope="session")
def customers() -> Customers:
    return Customers()


@pytest.fixture(scope="session")
def deps(
    database: db.Database, tenants: Tenants, master_key: MasterKey, customers: Customers
) -> Iterator[api.Deps]:
    with tempfile.TemporaryDirectory(prefix="tongdai-recordings-") as folder:
        yield api.Deps(
            database=database,
            tenants=tenants,
            master_key=master_key,
            base_url="http://pbx.example.vn",
            sip_server=SipServer("sip.example.vn", 5060, "udp"),
            recordings=LocalFolder(Path(folder)),
            callback_guard=guard,
            patience_s=0.2,
            sandbox=customers,
            trial=Silent(),
            ice=api.IceSettings("", ("turn:turn.example.vn",), "a secret of the TURN server"),
        )


def folder_of(deps: api.Deps) -> Path:
    """The folder in which the API finds recordings."""
    assert isinstance(deps.recordings, LocalFolder)
    return deps.recordings.folder


async def serve(deps: api.Deps, **options: Any) -> AsyncIterator[str]:
    """The API's URL while it runs; `options` are of uvicorn.Config."""
    # the loop stands still between tests, the clock does not
    chosen: dict[str, Any] = {
        "http": api.Protocol,
        "ws": api.SipWebSocket,
        "timeout_keep_alive": 3600,
    } | options
    configured = uvicorn.Config(
        api.create(deps), log_config=None, access_log=False, lifespan="on", **chosen
    )
    server = api.Server(configured)
    # so asyncio sends at once what is written (TCP_NODELAY)
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
        assert not running.done()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture(scope="session")
async def url(deps: api.Deps) -> AsyncIterator[str]:
    async for running in serve(deps):
        yield running


@pytest.fixture(scope="session")
async def session(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url) as session:
        yield session


@pytest.fixture
def anybody(session: aiohttp.ClientSession) -> Client:
    """Somebody without a token."""
    return Client(session)


async def move_in(
    database: db.Database, master_key: MasterKey, session: aiohttp.ClientSession, **changes: Any
) -> Tenant:
    """A new domain, and its admin logged in the documented way."""
    name = f"api{next(_numbers)}.example.vn"
    async with database.transaction() as tx:
        domain = await domains.insert(tx, name, **changes)
        account = await users.insert(tx, domain.domain_uuid, master_key, "foo", PASSWORD)
    granted = await Client(session).post("/v1/auth/token", {"api_key": account.api_key})
    return Tenant(
        domain, f"foo@{name}", account.api_key, Client(session, granted.json["data"]["token"])
    )


async def give_hotline(
    database: db.Database, master_key: MasterKey, tenant: Tenant, number: str
) -> None:
    """The tenant has a hotline, on a trunk of its own."""
    trunk = trunks.Trunk(name="carrier", auth="ip", host="192.0.2.1")
    async with database.transaction() as tx:
        await trunks.insert(tx, tenant.domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, tenant.domain.domain_uuid, number, trunk.trunk_uuid)


@pytest.fixture
async def tenant(
    database: db.Database, master_key: MasterKey, session: aiohttp.ClientSession
) -> Tenant:
    return await move_in(database, master_key, session)


@pytest.fixture
def client(tenant: Tenant) -> Client:
    """The tenant's admin."""
    return tenant.client
