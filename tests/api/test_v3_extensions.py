"""Extensions as a client of version 3 makes and changes them."""

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Client, Tenant, give_hotline
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.pbx.directory import NODE, Extension
from tongdai.store import audit, db, devices, extensions, hotlines, queues

NEW = {"extension": "101", "password": "Chosen-Secret.1", "enabled": True}


async def digest(database: db.Database, tenant: Tenant, number: str = "101") -> str:
    """The MD5 digest that the switch checks phones by; "" for no device that it lets in."""
    async with database.connection() as tx:
        found = await devices.list_for_provisioning(tx, NODE, tenant.domain.domain_uuid, number)
    return "".join(one.digest_md5 for one in found)


def expected(tenant: Tenant, password: str, number: str = "101") -> str:
    secret = f"{number}:{tenant.domain.name}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).hexdigest()


async def test_one_is_made_with_its_password(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    made = (await client.post("/v3/extension", NEW)).json

    assert list(made) == ["created", "extension_uuid", "enabled", "extension"]
    assert made == made | {"created": True, "enabled": True, "extension": "101"}
    assert UUID(made["extension_uuid"])
    assert await digest(database, tenant) == expected(tenant, "Chosen-Secret.1")


@pytest.mark.parametrize(
    ("given", "enabled"),
    [(True, True), ("true", True), ("1", True), (1, True), (False, False), ("false", False)],
)
async def test_enabled_is_read_as_it_is_written(
    client: Client, tenant: Tenant, database: db.Database, *, given: object, enabled: bool
) -> None:
    made = (await client.post("/v3/extension", NEW | {"extension": 101, "enabled": given})).json

    assert (made["enabled"], made["extension"]) == (enabled, "101")
    assert bool(await digest(database, tenant)) is enabled


async def test_a_form_does_too(client: Client) -> None:
    form = {"extension": "101", "password": "Chosen-Secret.1", "enabled": "false"}
    assert (await client.ask("POST", "/v3/extension", data=form)).json["enabled"] is False


async def test_what_is_there_already_is_a_conflict(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, tenant.domain.domain_uuid, Extension("100"))
        queue = directory.Queue("700", agents=("100",))
        await queues.insert(tx, tenant.domain.domain_uuid, queue)
    for number in ("100", "700"):
        answer = await client.post("/v3/extension", NEW | {"extension": number}, expect=409)
        assert (answer.json["error"], answer.json["field"]) == ("CONFLICT", "extension")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"extension": "1"}, "extension"),
        ({"extension": "10a"}, "extension"),
        ({"extension": "113"}, "extension"),
        ({"extension": ""}, "extension"),
        ({"extension": None}, "extension"),
        ({"password": ""}, "password"),
        ({"password": "short"}, "password"),
        ({"password": "deFauLt"}, "password"),
        ({"password": "with a space"}, "password"),
        ({"enabled": "maybe"}, "enabled"),
        ({"enabled": []}, "enabled"),
        ({"user_uuid": "x" * 129}, "user_uuid"),
        ({"user_uuid": "a\0b"}, "user_uuid"),
        ({"follow_me": "x" * 4096}, "follow_me"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    client: Client, *, wrong: dict[str, Any], field: str
) -> None:
    answer = await client.post("/v3/extension", NEW | wrong, expect=422)

    assert (answer.json["error"], answer.json["field"]) == ("INVALID_FIELD", field)
    assert (await client.get("/v3/extension")).json["data"] == []


async def test_what_is_not_given_is_named(client: Client) -> None:
    for field in ("extension", "password"):
        body = {name: value for name, value in NEW.items() if name != field}
        assert (await client.post("/v3/extension", body, expect=422)).json["field"] == field


async def test_it_is_changed_by_number_and_by_id(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    made = (await client.post("/v3/extension", NEW)).json
    for name, enabled in (("101", False), (made["extension_uuid"], True)):
        body = NEW | {"enabled": enabled, "password": "deFauLt"}
        changed = (await client.ask("PUT", f"/v3/extension/{name}", json=body)).json
        assert changed == {
            "message": "success",
            "extension_uuid": made["extension_uuid"],
            "enabled": enabled,
            "extension": "101",
        }
        assert bool(await digest(database, tenant)) is enabled
    assert await digest(database, tenant) == expected(tenant, "Chosen-Secret.1")


@pytest.mark.parametrize(
    "same", [{"password": "deFauLt"}, {"password": ""}, {"password": None}, {}]
)
async def test_a_password_stays_unless_another_is_given(
    client: Client, tenant: Tenant, database: db.Database, same: dict[str, Any]
) -> None:
    await client.post("/v3/extension", NEW)
    await client.ask("PUT", "/v3/extension/101", json=same)
    assert await digest(database, tenant) == expected(tenant, "Chosen-Secret.1")

    await client.ask("PUT", "/v3/extension/101", json={"password": "Another-Secret.2"})
    assert await digest(database, tenant) == expected(tenant, "Another-Secret.2")
    refused = await client.ask("PUT", "/v3/extension/101", json={"password": "x"}, expect=422)
    assert refused.json["field"] == "password"
    assert await digest(database, tenant) == expected(tenant, "Another-Secret.2")


async def test_what_the_operator_has_set_stays(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """Also a hotline, which the change has to lock."""
    await give_hotline(database, master_key, tenant, "19001919")
    made = Extension("101", name="Ánh", hotline="19001919", max_calls=3, ring_timeout_s=45)
    async with database.transaction() as tx:
        assert await hotlines.list(tx, tenant.domain.domain_uuid)
        await extensions.insert(tx, tenant.domain.domain_uuid, made)
    await client.ask("PUT", "/v3/extension/101", json={"enabled": True, "password": "deFauLt"})

    async with database.connection() as tx:
        assert await extensions.get(tx, tenant.domain.domain_uuid, "101") == made


async def test_a_number_does_not_change(client: Client) -> None:
    await client.post("/v3/extension", NEW)
    body = {"extension": "102", "enabled": False}
    refused = await client.ask("PUT", "/v3/extension/101", json=body, expect=422)
    assert refused.json["field"] == "extension"
    assert (await client.get("/v3/extension/101")).json["enabled"] is True


@pytest.mark.parametrize(
    "name", ["102", "01a22d1d-680d-77f9-90fb-08c9ae25f7b6", "x", "1 0 1", "%00"]
)
async def test_what_is_not_there_is_404(client: Client, name: str) -> None:
    await client.post("/v3/extension", NEW)
    for method in ("GET", "PUT"):
        given = {"json": {"enabled": False}} if method == "PUT" else {}
        answer = await client.ask(method, f"/v3/extension/{name}", expect=404, **given)
        assert answer.json["error"] == "NOT_FOUND"


FOLLOW_ME = [
    {"enabled": True, "destinations": [{"number": "0899888999", "delay": 5}]},
    "true",
    ["a", None, 1.5],
    0,
    False,
]


@pytest.mark.parametrize("kept", FOLLOW_ME, ids=map(json.dumps, FOLLOW_ME))
async def test_what_means_nothing_here_is_kept_and_shown(client: Client, kept: object) -> None:
    await client.post("/v3/extension", NEW)
    bare = (await client.get("/v3/extension/101")).json
    assert (bare["user_uuid"], bare["follow_me"]) == ("", "")

    body = {"user_uuid": "u-7", "follow_me": kept}
    await client.ask("PUT", "/v3/extension/101", json=body)
    await client.ask("PUT", "/v3/extension/101", json={"enabled": False})
    assert (await client.get("/v3/extension/101")).json == bare | body | {"enabled": False}
    made = NEW | {"extension": "102"} | body
    await client.post("/v3/extension", made)
    shown = (await client.get("/v3/extension/102")).json
    assert (shown["user_uuid"], shown["follow_me"]) == ("u-7", kept)


async def test_the_audit_log_tells_who_changed_it(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    await client.post("/v3/extension", NEW)
    await client.ask("PUT", "/v3/extension/101", json={"enabled": False, "follow_me": "x"})
    async with database.connection() as tx:
        wanted = audit.Filter(noun="extension", name="101")
        told = await audit.list(tx, tenant.domain.domain_uuid, wanted, limit=10)
    assert {one.actor for one in told} == {"user:foo"}
    kept, disabled = [one.after for one in told][:2]
    assert (kept, disabled) == ({"follow_me": '"x"'}, {"enabled": False})


async def test_the_list_is_by_number_in_parts(client: Client) -> None:
    for number in ("103", "101", "102"):
        await client.post("/v3/extension", NEW | {"extension": number})

    async def numbers(query: str) -> tuple[list[str], int, int, int]:
        listed = (await client.get(f"/v3/extension?{query}")).json
        found = [one["extension"] for one in listed["data"]]
        return found, listed["limit"], listed["offset"], listed["total"]

    assert await numbers("") == (["101", "102", "103"], 10_000, 0, 3)
    assert await numbers("limit=0&unknown=1") == (["101", "102", "103"], 10_000, 0, 3)
    assert await numbers("limit=2") == (["101", "102"], 2, 0, 3)
    assert await numbers("limit=2&page=2") == (["103"], 2, 2, 3)
    assert await numbers("limit=2&page=9&offset=1") == (["102", "103"], 2, 1, 3)
    assert await numbers("limit=2&offset=7") == ([], 2, 7, 3)
