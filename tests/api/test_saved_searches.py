"""Saved searches of call records: each person's own."""

import pytest

from tests.api.conftest import PASSWORD, Client, Tenant
from tongdai.store import db, saved_searches, users

PATH = "/v1/saved-searches"


async def saved(client: Client, name: str, query: str) -> None:
    await client.ask("PUT", f"{PATH}/{name}", json={"query": query})


async def of(client: Client) -> dict[str, str]:
    return {one["name"]: one["query"] for one in (await client.get(PATH)).json["data"]}


async def colleague(tenant: Tenant, anybody: Client) -> Client:
    given = {"username": "an", "level": "agent", "password": PASSWORD}
    await tenant.client.post("/v1/admin/users", given, expect=201)
    login = {"username": f"an@{tenant.username.split('@')[1]}", "password": PASSWORD}
    api_key = (await anybody.post("/v1/auth", login)).json["data"]["api_key"]
    granted = await anybody.post("/v1/auth/token", {"api_key": api_key})
    return Client(anybody._session, granted.json["data"]["token"])


async def test_a_search_is_saved_changed_and_deleted(tenant: Tenant) -> None:
    await saved(tenant.client, "Cuộc gọi nhỡ", "status=NO-ANSWERED")
    await saved(tenant.client, "A", "phone=0900000001")
    await saved(tenant.client, "Cuộc gọi nhỡ", "status=CANCEL")

    assert list((await of(tenant.client)).items()) == [
        ("A", "phone=0900000001"),
        ("Cuộc gọi nhỡ", "status=CANCEL"),
    ]
    await tenant.client.ask("DELETE", f"{PATH}/A")
    await tenant.client.ask("DELETE", f"{PATH}/A", expect=404)
    assert list(await of(tenant.client)) == ["Cuộc gọi nhỡ"]


async def test_nobody_sees_those_of_a_colleague(tenant: Tenant, anybody: Client) -> None:
    other = await colleague(tenant, anybody)
    await saved(tenant.client, "mine", "status=BUSY")
    await saved(other, "mine", "status=CANCEL")

    assert await of(other) == {"mine": "status=CANCEL"}
    await other.ask("DELETE", f"{PATH}/mine")
    assert await of(tenant.client) == {"mine": "status=BUSY"}


async def test_they_go_with_the_account(
    tenant: Tenant, anybody: Client, database: db.Database
) -> None:
    await saved(await colleague(tenant, anybody), "mine", "status=BUSY")
    async with database.transaction() as tx:
        domain_uuid = tenant.domain.domain_uuid
        account = (await users.get(tx, domain_uuid, "an")).user_uuid
        assert await saved_searches.list(tx, domain_uuid, account)
        await users.delete(tx, domain_uuid, "an")
        assert not await saved_searches.list(tx, domain_uuid, account)


async def test_there_are_only_so_many(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_searches, "MOST", 2)
    for name in ("a", "b", "a"):
        await saved(tenant.client, name, "status=BUSY")
    refused = await tenant.client.ask("PUT", f"{PATH}/c", json={"query": ""}, expect=422)

    assert refused.json["field"] == "name"
