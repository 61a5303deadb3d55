"""Simulated customers on request."""

from typing import Any

import aiohttp
import msgspec
import pytest

from tests.api.conftest import PASSWORD, Client, Customers, Tenant, give_hotline, serve
from tongdai import api
from tongdai.encryption import MasterKey
from tongdai.store import db, users


@pytest.fixture
async def hotline(database: db.Database, master_key: MasterKey, tenant: Tenant) -> str:
    """The tenant's only one."""
    await give_hotline(database, master_key, tenant, "19001919")
    return "19001919"


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({}, ("19001919", "answers", 3600)),
        (
            {"hotline": "1900 1919", "customer": "hangs_up", "talk_s": 5},
            ("19001919", "hangs_up", 5),
        ),
        ({"customer": "0911222333"}, ("19001919", "0911222333", 3600)),
    ],
)
async def test_a_customer_calls(
    tenant: Tenant,
    hotline: str,
    customers: Customers,
    body: dict[str, Any],
    asked: tuple[str, str, int],
) -> None:
    answer = await tenant.client.post("/v1/sandbox/inbound", body)

    assert answer.json == {
        "status": "success",
        "from_number": "0900000001",
        "to_number": "19001919",
    }
    assert customers.calls[-1] == asked


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hotline": "18001818"}, "hotline"),
        ({"customer": "nobody"}, "customer"),
        ({"talk_s": 0}, "talk_s"),
    ],
)
async def test_what_is_wrong_is_named(
    tenant: Tenant, hotline: str, body: dict[str, Any], field: str
) -> None:
    assert (await tenant.client.post("/v1/sandbox/inbound", body, expect=422)).json[
        "field"
    ] == field


async def test_anothers_hotline_is_not_called(client: Client, customers: Customers) -> None:
    before = len(customers.calls)
    for body in ({}, {"hotline": "19001919"}):
        assert (await client.post("/v1/sandbox/inbound", body, expect=422)).json[
            "field"
        ] == "hotline"
    assert len(customers.calls) == before


async def test_a_domain_that_it_does_not_reach_is_not_called_nor_any_other(
    tenant: Tenant, hotline: str, customers: Customers
) -> None:
    """The carrier's calls are another domain's, which may have the same hotline."""
    before = len(customers.calls)
    customers.others.add(tenant.domain.name)
    for body in ({}, {"hotline": hotline}):
        await tenant.client.post("/v1/sandbox/inbound", body, expect=404)
    assert len(customers.calls) == before


async def test_only_admins_may(
    tenant: Tenant, database: db.Database, master_key: MasterKey, hotline: str
) -> None:
    async with database.transaction() as tx:
        account = await users.insert(
            tx, tenant.domain.domain_uuid, master_key, "agent", PASSWORD, level="agent"
        )
    granted = await tenant.client.post("/v1/auth/token", {"api_key": account.api_key})
    agent = Client(tenant.client._session, granted.json["data"]["token"])

    assert (await agent.post("/v1/sandbox/inbound", {}, expect=403)).json["error"] == "FORBIDDEN"


async def test_without_a_sandbox_there_is_no_such_thing(tenant: Tenant, deps: api.Deps) -> None:
    async for url in serve(msgspec.structs.replace(deps, sandbox=None)):
        async with aiohttp.ClientSession(url) as session:
            await Client(session, tenant.client.token).post("/v1/sandbox/inbound", {}, expect=404)
