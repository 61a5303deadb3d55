"""Devices of extensions, and bans, by the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.api.conftest import PASSWORD, Client, Tenant
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import NODE
from tongdai.store import audit, bans, db, devices, domains, extensions, operators


async def create(client: Client, noun: str, expect: int = 201, **fields: Any) -> Any:
    return (await client.ask("POST", f"/v1/admin/{noun}", json=fields, expect=expect)).json


async def change(client: Client, account: str, expect: int = 200, **to: Any) -> Any:
    path = f"/v1/admin/devices/{account}"
    return (await client.ask("PATCH", path, json=to, expect=expect)).json


async def digest(database: db.Database, tenant: Tenant, account: str) -> str:
    async with database.connection() as tx:
        known = await devices.list_for_provisioning(tx, NODE, tenant.domain.domain_uuid)
    return next(one.digest_sha256 for one in known if one.endpoint.user == account)


async def test_a_device_is_made_changed_and_deleted(tenant: Tenant, database: db.Database) -> None:
    client = tenant.client
    await create(client, "extensions", extension="101")
    made = await create(client, "devices", extension="101", name="mobile", max_contacts=1)
    password, domain = made.pop("password"), tenant.domain.name
    assert made["account"] == "101-mobile"
    _, expected = devices.digests("101-mobile", domain, password)
    assert await digest(database, tenant, "101-mobile") == expected, "it registers by this"

    assert (await client.get("/v1/admin/devices/101-mobile")).json == made
    assert (await client.get("/v1/admin/extensions/101")).json["devices"] == ["default", "mobile"]
    changed = await change(client, "101-mobile", srtp_required=True)
    assert changed == made | {"srtp_required": True}
    renewed = (await change(client, "101-mobile", new_password=True))["password"]
    _, expected = devices.digests("101-mobile", domain, renewed)
    assert await digest(database, tenant, "101-mobile") == expected

    taken = await create(client, "devices", 409, extension="101", name="mobile")
    assert taken["error"] == "CONFLICT"
    nobody = await create(client, "devices", 422, extension="199", name="mobile")
    assert (nobody["error"], nobody["field"]) == ("INVALID_EXTENSION", "extension")
    await client.ask("DELETE", "/v1/admin/devices/101-mobile")
    await client.get("/v1/admin/devices/101-mobile", expect=404)


async def test_the_default_device_stays(client: Client) -> None:
    await create(client, "extensions", extension="101")
    assert (await client.get("/v1/admin/devices/101")).json["name"] == "default"
    await change(client, "101", max_contacts=2)
    await client.ask("DELETE", "/v1/admin/devices/101", expect=409)


async def test_browsers_may_register_as_the_extension_itself(
    tenant: Tenant, database: db.Database
) -> None:
    """By the extension's `webrtc`; they use the password that was shown when it was made."""
    client = tenant.client
    made = await create(client, "extensions", extension="101", webrtc=True)
    assert made["devices"] == ["default", "webrtc"]
    shown = (await client.get("/v1/admin/devices/101-webrtc")).json
    assert (shown["kind"], shown["name"]) == ("browser", "webrtc")
    assert (
        await digest(database, tenant, "101")
        == devices.digests("101", tenant.domain.name, made["password"])[1]
    )
    await change(client, "101-webrtc", max_contacts=10)

    path = "/v1/admin/extensions/101"
    gone = await client.ask("PATCH", path, json={"webrtc": False})
    assert gone.json["devices"] == ["default"]
    back = await client.ask("PATCH", path, json={"webrtc": True, "new_password": True})
    assert back.json["devices"] == ["default", "webrtc"]
    assert back.json["password"] not in ("", made["password"])
    same = await client.ask("PATCH", path, json={"name": "An"})
    assert same.json["devices"] == ["default", "webrtc"]

    async with database.transaction() as tx:
        await domains.update(tx, msgspec.structs.replace(tenant.domain, webrtc=True))
    made = await create(client, "extensions", extension="102")
    assert made["devices"] == ["default", "webrtc"], "as the domain says"

    refused = await create(client, "devices", 422, extension="101", name="webrtc")
    assert "`webrtc`" in refused["message"]


async def test_devices_are_found_by_their_extension(client: Client) -> None:
    for number in ("101", "102"):
        await create(client, "extensions", extension=number)
        await create(client, "devices", extension=number, name="mobile")

    async def listed(query: str) -> list[str]:
        found = (await client.get(f"/v1/admin/devices?{query}")).json["data"]
        return [one["account"] for one in found]

    assert await listed("search=102") == ["102", "102-mobile"]
    assert await listed("sort=-number&limit=1") == ["102-mobile"]
    assert await listed("sort=name&search=mobile") == ["101-mobile", "102-mobile"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "mobile"}, "extension"),
        ({"extension": "101"}, "name"),
        ({"extension": "102", "name": "mobile"}, "extension"),
        ({"extension": "101", "name": "Not one"}, "name"),
        ({"extension": "101", "name": "webrtc"}, "name"),
        ({"extension": "101", "name": "mobile", "max_contacts": 21}, "max_contacts"),
        ({"extension": "101", "name": "mobile", "password": "a b"}, "password"),
    ],
)
async def test_a_wrong_field_is_named(client: Client, fields: dict[str, Any], field: str) -> None:
    await create(client, "extensions", extension="101")
    assert (await create(client, "devices", 422, **fields))["field"] == field
    assert len((await client.get("/v1/admin/devices")).json["data"]) == 1


async def test_an_administrator_forbids_browsers(tenant: Tenant, database: db.Database) -> None:
    await create(tenant.client, "extensions", extension="101")
    async with database.transaction() as tx:
        await devices.allow_browsers(tx, tenant.domain.domain_uuid, "101")
    await tenant.client.ask("DELETE", "/v1/admin/devices/101-webrtc")
    async with database.connection() as tx:
        known = await extensions.get(tx, tenant.domain.domain_uuid, "101")
    assert known.devices == ("default",)


async def test_an_operator_lifts_a_ban(
    anybody: Client, database: db.Database, master_key: MasterKey
) -> None:
    address = "2001:db8::9"
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
        until = datetime.now(UTC) + timedelta(hours=1)
        assert await bans.insert(tx, address, "30 wrong passwords", until)
    given = await anybody.post("/v1/auth/token", {"api_key": made.api_key})
    operator = Client(anybody._session, given.json["data"]["token"])

    shown = {one["address"]: one for one in (await operator.get("/v1/admin/bans")).json["data"]}
    assert shown[address]["why"] == "30 wrong passwords"
    await operator.ask("DELETE", f"/v1/admin/bans/{address}")
    left = (await operator.get("/v1/admin/bans")).json["data"]
    assert address not in {one["address"] for one in left}
    async with database.connection() as tx:
        log = await audit.list(tx, None, audit.Filter(noun="ban", name=address), limit=2)
    assert [(one.action, one.actor) for one in log] == [("update", f"operator:{made.username}")]
    await operator.ask("DELETE", f"/v1/admin/bans/{address}", expect=404)
    await operator.ask("DELETE", "/v1/admin/bans/nobody", expect=422)
