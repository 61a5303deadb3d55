"""PostgreSQL hangs: whoever asks is told so, first as last."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from testbed.proxy import Proxy
from testbed.until import until
from tests import hanging
from tests.api.conftest import PASSWORD, Client, Reply, Tenant, serve
from tongdai import api
from tongdai.store import db, tenants
from tongdai.store.tenants import Tenants

LONG_S = 600.0  # nothing but the health_probe ends the waiting
GETS = (
    "/v1/cdr",
    "/v1/cdr?phone=0899",
    "/v1/cdr/x",
    "/v1/event",
    "/v1/event/feed",
    "/v1/click2call?ext=101&phone=0899888999",
)


class Behind(msgspec.Struct, frozen=True):
    """An API whose PostgreSQL is behind a proxy."""

    between: Proxy
    client: Client


@pytest.fixture
async def behind(deps: api.Deps, tenant: Tenant) -> AsyncIterator[Behind]:
    async with hanging.before(deps.database.dsn) as (between, dsn):
        database, walled = db.Database(dsn, patience_s=LONG_S, statement_s=LONG_S), Tenants(dsn)
        walled._database = db.Database(
            dsn, patience_s=LONG_S, statement_s=LONG_S, role=tenants.ROLE
        )
        await database.open()
        await walled.open()
        async for url in serve(msgspec.structs.replace(deps, database=database, tenants=walled)):
            async with aiohttp.ClientSession(url) as session:
                yield Behind(between, Client(session, tenant.client.token))
            between.flow()
        await walled.close()
        await database.close()


async def ask_all(client: Client, tenant: Tenant) -> list[Reply]:
    """The responses to one request of each kind, all at once."""
    account = {"username": tenant.username, "password": PASSWORD}
    hook = {"callback_url": "https://crm.example.vn/", "event": "cdr"}
    return await asyncio.gather(
        *(client.get(path, expect=503) for path in GETS),
        client.post("/v1/event", hook, expect=503),
        client.post("/v1/auth/token", {"api_key": tenant.api_key}, expect=503),
        client.post("/v1/auth", account, expect=503),
        client.get("/recordings/0123456789abcdef0123456789abcdef", expect=503),
    )


async def test_every_request_is_refused(behind: Behind, tenant: Tenant) -> None:
    await behind.client.get("/v1/cdr")  # who asks is known
    behind.between.hang()
    first = await ask_all(behind.client, tenant)
    later = await ask_all(behind.client, tenant)

    for reply in first + later:
        assert (reply.json["error"], reply.headers["Retry-After"]) == ("UNAVAILABLE", "1")
        assert "does not answer" in reply.json["message"]


async def test_a_stranger_is_refused_too(behind: Behind) -> None:
    behind.between.hang()
    await behind.client.get("/v1/cdr", expect=503)


async def test_readiness_says_it_and_liveness_lives(behind: Behind) -> None:
    behind.between.hang()
    unready = await behind.client.get("/readyz", expect=503)
    alive = await behind.client.get("/healthz")
    await behind.client.get("/metrics")

    assert "does not answer" in unready.json["checks"]["database"]
    assert alive.json == {"status": "ok"}


async def test_all_is_as_before_when_it_answers(behind: Behind, tenant: Tenant) -> None:
    behind.between.hang()
    await ask_all(behind.client, tenant)
    behind.between.flow()

    async def is_ready() -> bool:
        return (await behind.client.get("/readyz", expect=None)).status == 200

    await until(is_ready)
    await behind.client.get("/v1/cdr")
    for _ in range(3):  # those that nobody could look at were no wrong ones
        await behind.client.post("/v1/auth", {"username": tenant.username, "password": PASSWORD})
