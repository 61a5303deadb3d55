"""Trunks and hotlines by the API: what operators do, and what a domain's administrators see."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import PASSWORD, Client, Tenant, move_in
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.store import db, operators, trunk_registrations, trunks
from tongdai.store.trunk_registrations import Registration

AT = datetime(2026, 11, 30, 10, 5, tzinfo=UTC)
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def operator(anybody: Client, database: db.Database, master_key: MasterKey) -> Client:
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    given = await anybody.post("/v1/auth/token", {"api_key": made.api_key})
    return Client(anybody._session, given.json["data"]["token"])


@pytest.fixture
async def neighbour(database: db.Database, master_key: MasterKey, tenant: Tenant) -> Tenant:
    return await move_in(database, master_key, tenant.client._session)


async def make(operator: Client, tenant: Tenant, noun: str, expect: int = 201, **new: Any) -> Any:
    path = f"/v1/admin/{noun}?domain={tenant.domain.name}"
    return (await operator.ask("POST", path, json=new, expect=expect)).json


async def change(operator: Client, tenant: Tenant, path: str, expect: int = 200, **to: Any) -> Any:
    path = f"/v1/admin/{path}?domain={tenant.domain.name}"
    return (await operator.ask("PATCH", path, json=to, expect=expect)).json


async def test_an_operator_makes_a_trunk_and_a_hotline_and_the_domain_routes_it(
    operator: Client, tenant: Tenant
) -> None:
    await make(operator, tenant, "trunks", name="viettel", host="192.0.2.7:5070")
    made = await make(operator, tenant, "hotlines", number="02873001234", trunk="viettel")
    assert (made["trunk"], made["canonical"], made["domain"], made["enabled"]) == (
        "viettel", "842873001234", tenant.domain.name, True,
    )  # fmt: skip

    client = tenant.client
    await client.ask("POST", "/v1/admin/extensions", json={"extension": "101"}, expect=201)
    routed = {"destination": "101", "is_default": True, "name": "Tổng đài"}
    path = "/v1/admin/hotlines/02873001234"
    changed = await client.ask("PATCH", path, json=routed)
    assert changed.json == made | routed
    assert (await client.get("/v1/admin/hotlines/+842873001234")).json == changed.json
    refused = await client.ask("DELETE", "/v1/admin/extensions/101", expect=409)
    assert "hotline 02873001234" in refused.json["message"]
    (entry,) = (await client.get("/v1/admin/audit?noun=trunk")).json["data"]
    assert entry["actor"].startswith("operator:o")


async def test_the_carrier_of_a_hotline_is_the_operators(operator: Client, tenant: Tenant) -> None:
    for name in ("viettel", "vnpt"):
        await make(operator, tenant, "trunks", name=name, host="192.0.2.7")
    await make(operator, tenant, "hotlines", number="19001919", trunk="viettel")
    for to in ({"trunk": "vnpt"}, {"further_trunks": ["vnpt"], "name": "x"}):
        refused = await tenant.client.ask(
            "PATCH", "/v1/admin/hotlines/19001919", json=to, expect=403
        )
        assert "trunk:write" in refused.json["message"]
    shown = await change(operator, tenant, "hotlines/19001919", trunk="vnpt", name="x")
    assert (shown["trunk"], shown["name"], shown["further_trunks"]) == ("vnpt", "x", [])
    further = ["viettel"]
    shown = await change(operator, tenant, "hotlines/19001919", further_trunks=further)
    assert shown["further_trunks"] == further


async def test_a_password_is_never_shown(operator: Client, tenant: Tenant) -> None:
    secret = "carrier-secret-1"
    made = await make(
        operator, tenant, "trunks", name="vnpt", auth="digest", host="sip.example.net",
        username="u1", password=secret,
    )  # fmt: skip
    assert made["auth_username"] == "u1", "as a new trunk by the command line"
    path = "/v1/admin/trunks/vnpt"
    of = f"?domain={tenant.domain.name}"
    shown = await tenant.client.get(path)
    listed = await operator.get(f"/v1/admin/trunks{of}")
    changed = await operator.ask("PATCH", path + of, json={"password": secret + "!"})
    log = await tenant.client.get("/v1/admin/audit?noun=trunk")
    assert shown.json == changed.json == listed.json["data"][0] == made
    assert not any(secret.encode() in one.body for one in (shown, listed, changed, log))
    assert log.json["data"][0]["after"] == {"password_encrypted": "***"}


async def test_what_uses_a_trunk_is_told(
    operator: Client, tenant: Tenant, neighbour: Tenant
) -> None:
    await make(operator, tenant, "trunks", name="viettel", host="192.0.2.7", shared=True)
    await make(operator, tenant, "hotlines", number="19001001", trunk="viettel")
    await make(operator, neighbour, "hotlines", number="19001002", trunk="viettel")
    path = f"/v1/admin/trunks/viettel?domain={tenant.domain.name}"
    refused = await operator.ask("DELETE", path, expect=409)
    assert refused.json["message"] == (
        f"trunk: in use by hotline 19001001, hotline 19001002 of {neighbour.domain.name}"
    )
    refused = await change(operator, tenant, "trunks/viettel", 409, shared=False)
    assert refused["field"] == "shared"
    assert "hotline 19001001" not in refused["message"]


async def test_a_shared_trunk_is_a_name_to_the_domains_that_use_it(
    operator: Client, tenant: Tenant, neighbour: Tenant
) -> None:
    name = f"shared {ids.new()}"
    shared = await make(operator, tenant, "trunks", name=name, host="192.0.2.8", shared=True)
    made = await make(operator, neighbour, "hotlines", number="19001003", trunk=name)
    client = neighbour.client
    assert (await client.get("/v1/admin/hotlines/19001003")).json == made
    assert made["trunk"] == name
    assert (await client.get("/v1/admin/trunks")).json["data"] == []
    await client.get(f"/v1/admin/trunks/{name}", expect=404)
    await client.ask("PATCH", "/v1/admin/hotlines/19001003", json={"name": "Ánh"})

    await make(operator, neighbour, "trunks", name=name, host="192.0.2.9")
    again = (await client.get("/v1/admin/hotlines/19001003")).json
    assert again["trunk"] == shared["trunk_uuid"], "the name means another trunk now"
    kept = await change(operator, neighbour, "hotlines/19001003", trunk=again["trunk"])
    assert kept["trunk"] == shared["trunk_uuid"]


async def test_an_operator_lists_the_trunks_of_all_domains(
    operator: Client, tenant: Tenant, neighbour: Tenant
) -> None:
    mark = ids.new().hex
    for one in (tenant, neighbour):
        for name in ("a", "b"):
            await make(operator, one, "trunks", name=f"{name}{mark}", host="192.0.2.7")
    found, cursor = list[tuple[str, str]](), ""
    while True:
        path = f"/v1/admin/trunks?search={mark}&limit=3&cursor={cursor}"
        page = (await operator.get(path)).json
        found += [(one["name"][0], one["domain"]) for one in page["data"]]
        if not (cursor := page["next_cursor"]):
            break
    names = {tenant.domain.name, neighbour.domain.name}
    assert sorted(found) == sorted((letter, name) for letter in "ab" for name in names)
    assert [letter for letter, _ in found] == ["a", "a", "b", "b"]
    own = (await tenant.client.get("/v1/admin/trunks?sort=-name")).json["data"]
    assert [one["name"][0] for one in own] == ["b", "a"]


async def test_a_registration_tells_how_it_goes(
    operator: Client, tenant: Tenant, database: db.Database
) -> None:
    made = await make(
        operator, tenant, "trunks", name="vnpt", auth="registration", host="192.0.2.7",
        username="u1", password="secret", auth_username="",
    )  # fmt: skip
    assert (made["registration"], made["registration_status"]) == ("unknown", None)
    for is_registered, status, word in (
        (True, 200, "registered"), (False, 403, "refused"), (False, 0, "no_answer"),
    ):  # fmt: skip
        async with database.transaction() as tx:
            trunk = await trunks.by_name(tx, tenant.domain.domain_uuid, "vnpt")
            state = Registration(
                domain_uuid=tenant.domain.domain_uuid,
                trunk_uuid=trunk.trunk_uuid,
                is_registered=is_registered,
                sip_status=status,
                since=AT,
                heard_at=AT,
            )
            await trunk_registrations.put(tx, state)
        shown = (await tenant.client.get("/v1/admin/trunks/vnpt")).json
        assert (shown["registration"], shown["registration_status"]) == (word, status)
        assert shown["registration_since"] == "2026-11-30T10:05:00Z"


async def test_a_trunk_gets_another_name(operator: Client, tenant: Tenant) -> None:
    made = await make(operator, tenant, "trunks", name="viettel", host="192.0.2.7")
    changed = await change(operator, tenant, "trunks/viettel", new_name="viettel 2", max_calls=30)
    assert changed == made | {"name": "viettel 2", "max_calls": 30}
    of = f"?domain={tenant.domain.name}"
    await operator.get(f"/v1/admin/trunks/viettel{of}", expect=404)
    assert (await operator.get(f"/v1/admin/trunks/{made['trunk_uuid']}{of}")).json == changed
    await operator.ask("DELETE", f"/v1/admin/trunks/viettel%202{of}")


@pytest.mark.parametrize(
    ("noun", "fields", "field"),
    [
        ("trunks", {"name": "a"}, "host"),
        ("trunks", {"name": "a", "host": "192.0.2.7\n"}, "host"),
        ("trunks", {"name": "a", "host": "192.0.2.7", "auth": "digest"}, "username"),
        ("trunks", {"name": "a", "host": "192.0.2.7", "addresses": ["x"]}, "addresses"),
        ("trunks", {"name": "a", "host": "192.0.2.7", "max_calls": 0}, "max_calls"),
        ("hotlines", {"number": "19001919"}, "trunk"),
        ("hotlines", {"number": "19001919", "trunk": "nobody's"}, "trunk"),
        ("hotlines", {"number": "no number", "trunk": "viettel"}, "number"),
        ("hotlines", {"number": "113", "trunk": "viettel"}, "number"),
        (
            "hotlines",
            {"number": "19001919", "trunk": "viettel", "destination": "999"},
            "destination",
        ),
        (
            "hotlines",
            {"number": "19001919", "trunk": "viettel", "further_trunks": ["viettel"]},
            "further_trunks",
        ),
    ],
)
async def test_a_wrong_field_is_named(
    operator: Client, tenant: Tenant, noun: str, fields: dict[str, Any], field: str
) -> None:
    await make(operator, tenant, "trunks", name="viettel", host="192.0.2.7")
    refused = await make(operator, tenant, noun, 422, **fields)
    assert refused["field"] == field
    listed = (await tenant.client.get(f"/v1/admin/{noun}")).json["data"]
    assert len(listed) == (noun == "trunks")
