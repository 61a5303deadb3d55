"""Phones in a page: credentials that expire, tokens of one phone, its calls."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from testbed.samples import record
from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant, serve
from tongdai import api
from tongdai.encryption import MasterKey
from tongdai.pbx.commands import Outcome, ProvisionExtension
from tongdai.pbx.directory import NODE, Extension
from tongdai.store import cdrs, commands, db, devices, extension_entries, extensions, users

CREDENTIALS, TOKENS, CALLS = "/v1/phone/credentials", "/v1/phone/tokens", "/v1/phone/calls"


@pytest.fixture
async def agent(tenant: Tenant, database: db.Database, master_key: MasterKey) -> Client:
    """An agent, whose own extension is 101; 102 is somebody else's. Both may be browsers."""
    uuid = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        account = await users.insert(tx, uuid, master_key, "lan", PASSWORD, level="agent")
        for number in ("101", "102"):
            await extensions.insert(tx, uuid, Extension(number, name="Lan"), webrtc=True)
        await extension_entries.keep(tx, uuid, "101", user_uuid=str(account.user_uuid))
    return await logged_in(tenant.client, account.api_key)


@pytest.fixture(autouse=True)
async def engine(database: db.Database) -> AsyncIterator[list[str]]:
    """It takes commands; the extensions that the switch was to hold."""
    provisioned: list[str] = []

    async def answer() -> None:
        while True:
            async with database.transaction() as tx:
                for one in await commands.take(tx, NODE):
                    if isinstance(one.command, ProvisionExtension):
                        provisioned.append(one.command.extension)
                    await commands.finish(tx, one.domain_uuid, one.command_uuid, Outcome())
            await asyncio.sleep(0.005)

    answering = asyncio.create_task(answer())
    yield provisioned
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)


async def logged_in(client: Client, api_key: str) -> Client:
    granted = await client.post("/v1/auth/token", {"api_key": api_key})
    return Client(client._session, granted.json["data"]["token"])


async def phone_of(client: Client, extension: str, **more: object) -> Client:
    """With the token of that extension's phone."""
    made = await client.post(TOKENS, {"extension": extension, **more})
    assert made.headers["Cache-Control"] == "no-store"
    return Client(client._session, made.json["token"])


async def test_a_user_gets_credentials_of_its_own_extension(
    tenant: Tenant, agent: Client, database: db.Database, engine: list[str]
) -> None:
    reply = await agent.post(CREDENTIALS, {})
    assert engine == ["101"], "the switch knows them"
    assert reply.headers["Cache-Control"] == "no-store"
    made, domain = reply.json, tenant.domain.name
    assert (made["extension"], made["name"], made["domain"]) == ("101", "Lan", domain)
    assert made["uri"] == f"sip:101@{domain}"
    assert made["websocket_url"] == "ws://pbx.example.vn/ws"
    assert made["expires_in"] == 3600
    (ice,) = made["iceServers"]
    assert ice["urls"] == ["turn:turn.example.vn"]
    assert int(ice["username"].partition(":")[0]) > time.time()
    async with database.transaction() as tx:
        stored = await tx.fetchval(
            "SELECT digest_md5 FROM phone_credentials WHERE username = $1", made["username"]
        )
        logged = await tx.fetchrow(
            "SELECT actor, name, after::text FROM audit_log WHERE noun = 'phone_credential' "
            "AND domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
    assert stored == devices.digests(made["username"], domain, made["password"])[0]
    assert logged
    assert (logged["actor"], logged["name"]) == ("user:lan", f"101 {made['username']}")
    assert stored not in logged["after"]


async def test_the_address_is_secure_where_the_api_is(
    deps: api.Deps, tenant: Tenant, agent: Client
) -> None:
    secure = msgspec.structs.replace(deps, base_url="https://pbx.example.vn")
    async for url in serve(secure):
        async with aiohttp.ClientSession(url) as session:
            made = await Client(session, agent.token).post(CREDENTIALS, {})
    assert made.json["websocket_url"] == "wss://pbx.example.vn/ws"


async def test_another_extension_is_for_those_who_grant_phones(
    tenant: Tenant, agent: Client
) -> None:
    refused = await agent.post(CREDENTIALS, {"extension": "102"}, expect=403)
    assert "102" in refused.json["message"]
    await agent.get(f"{CALLS}?extension=102", expect=403)
    made = await tenant.client.post(CREDENTIALS, {"extension": "102"})
    assert made.json["extension"] == "102"


async def test_who_has_no_extension_must_name_one(tenant: Tenant, agent: Client) -> None:
    refused = await tenant.client.post(CREDENTIALS, {}, expect=422)
    assert refused.json["field"] == "extension"
    await tenant.client.post(CREDENTIALS, {"extension": "999"}, expect=404)
    await tenant.client.get(f"{CALLS}?extension=999", expect=404)


async def test_a_refusal_says_what_an_administrator_can_do(
    tenant: Tenant, agent: Client, database: db.Database
) -> None:
    async with database.transaction() as tx:
        await devices.forbid_browsers(tx, tenant.domain.domain_uuid, "101")
    for language in ("en", "vi"):
        refused = await agent.post(
            CREDENTIALS, {}, headers={"Accept-Language": language}, expect=409
        )
        assert "`webrtc`" in refused.json["message"]


async def test_a_phone_token_serves_its_extension_and_nothing_else(
    tenant: Tenant, agent: Client
) -> None:
    phone = await phone_of(tenant.client, "101")
    for given in ({}, {"extension": "101"}):
        assert (await phone.post(CREDENTIALS, given)).json["extension"] == "101"
    await phone.post(CREDENTIALS, {"extension": "102"}, expect=403)
    for path in ("/v1/cdr", "/v1/event", "/v1/turn", "/v1/calls"):
        await phone.get(path, expect=403)
    await phone.post(TOKENS, {"extension": "101"}, expect=403)
    await agent.post(TOKENS, {"extension": "101"}, expect=403)


async def test_a_phone_token_ends_with_its_life_and_with_the_key_that_made_it(
    tenant: Tenant, agent: Client
) -> None:
    wish = {"username": "foo", "name": "CRM", "scopes": ["phone:grant"]}
    key = (await tenant.client.post("/v1/admin/api-keys", wish)).json
    crm = await logged_in(tenant.client, key["api_key"])
    made = (await crm.post(TOKENS, {"extension": "101", "life_s": 60})).json
    assert 0 < made["expired"] - time.time() <= 60
    phone = Client(crm._session, made["token"])
    await phone.post(CREDENTIALS, {})
    await tenant.client.ask("DELETE", f"/v1/admin/api-keys/{key['id']}")

    async def is_refused() -> bool:
        return (await phone.post(CREDENTIALS, {}, expect=None)).status == 401

    await until(is_refused)
    for life_s in (59, 43_201):
        await tenant.client.post(TOKENS, {"extension": "101", "life_s": life_s}, expect=422)
    await tenant.client.post(TOKENS, {"extension": "999"}, expect=404)


async def test_its_calls_are_shown_as_the_extension_saw_them(
    tenant: Tenant, agent: Client, database: db.Database
) -> None:
    uuid = tenant.domain.domain_uuid
    outbound = record(uuid)
    inbound = replace(
        record(uuid), direction=2, from_number="0901234567", to_number="19001919", extension="101"
    )
    local = replace(record(uuid), direction=1, from_number="102", to_number="101")
    other = replace(record(uuid), direction=1, from_number="102", to_number="103", extension="102")
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [outbound, inbound, local, other])
    listed = (await agent.get(CALLS)).json["data"]
    seen = {one["id"]: (one["direction"], one["number"]) for one in listed}
    assert seen == {
        str(outbound.cdr_uuid): ("out", outbound.to_number),
        str(inbound.cdr_uuid): ("in", "0901234567"),
        str(local.cdr_uuid): ("in", "102"),
    }
    assert len((await agent.get(f"{CALLS}?limit=1")).json["data"]) == 1
