"""Domains, users and operators by the API."""

from typing import Any

import pytest

from testbed import tones
from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant, move_in
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.permissions import OF_LEVEL, SCOPES
from tongdai.store import api_keys, db, operators


async def logged_in(anybody: Client, api_key: str) -> Client:
    given = await anybody.post("/v1/auth/token", {"api_key": api_key})
    return Client(anybody._session, given.json["data"]["token"])


@pytest.fixture
async def operator(anybody: Client, database: db.Database, master_key: MasterKey) -> Client:
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    return await logged_in(anybody, made.api_key)


async def create(client: Client, noun: str, expect: int = 201, **fields: Any) -> Any:
    return (await client.ask("POST", f"/v1/admin/{noun}", json=fields, expect=expect)).json


async def change(client: Client, path: str, expect: int = 200, **to: Any) -> Any:
    return (await client.ask("PATCH", f"/v1/admin/{path}", json=to, expect=expect)).json


# --- domains


async def test_an_operator_makes_a_company_that_can_work(
    operator: Client, anybody: Client
) -> None:
    name = f"c{ids.new().hex}.example.vn"
    made = await create(operator, "domains", name=name, max_calls=30, time_zone="Asia/Tokyo")
    assert (made["max_calls"], made["time_zone"], made["recording"], made["enabled"]) == (
        30, "Asia/Tokyo", True, True,
    )  # fmt: skip
    admin = await create(operator, f"users?domain={name}", username="an", level="admin")
    login = {"username": f"an@{name}", "password": admin["password"]}
    account = (await anybody.post("/v1/auth", login)).json["data"]
    client = await logged_in(anybody, account["api_key"])
    await create(client, "extensions", extension="101")
    assert (await client.get(f"/v1/admin/domains/{name}")).json == made
    assert (await operator.get(f"/v1/admin/domains?search={name}")).json["data"] == [made]

    limited = await change(operator, f"domains/{name}", destinations=["+44"], enabled=False)
    assert limited == made | {"destinations": ["+44"], "enabled": False}
    (entry, *_) = (await operator.get(f"/v1/admin/audit?domain={name}&noun=domain")).json["data"]
    assert entry["actor"].startswith("operator:")
    assert entry["after"] == {"enabled": False, "destinations": ["+44"]}
    taken = await create(operator, "domains", 409, name=name)
    assert taken["field"] == "name"


async def test_a_domains_admin_changes_its_settings_and_not_its_limits(tenant: Tenant) -> None:
    path, client = f"domains/{tenant.domain.name}", tenant.client
    settings: dict[str, Any] = {
        "recording": False,
        "recording_days": 30,
        "call_id_mode": "conversation",
        "ringing_hangups": False,
        "click2call_shows_callee": True,
        "click2call_waits": True,
        "hold_music": "Nhạc chờ",
        "feature_codes": ["pickup=*6"],
        "park_timeout_s": 60,
    }
    sound = tones.wav(440)
    await client.ask("PUT", "/v1/admin/prompts/Nhạc chờ/audio", data=sound, expect=201)
    before = (await client.get(f"/v1/admin/{path}")).json
    assert await change(client, path, **settings) == before | settings
    assert (await change(client, path, recording_days=None))["recording_days"] is None
    limits = {
        "max_calls": 999, "destinations": ["+"], "enabled": True, "node": "switch-2",
        "cdr_days": 1, "event_days": 7, "audit_days": 1,
        "calls_per_minute": None, "minutes_per_day": None, "unsuspend": True, "webrtc": True,
        "time_zone": "Asia/Tokyo", "country_code": "1", "region": "CA",
    }  # fmt: skip
    for field, value in limits.items():
        refused = await change(client, path, 403, **{field: value, "recording": True})
        assert "domain:operate" in refused["message"]
    kept = (await client.get(f"/v1/admin/{path}")).json
    assert kept == before | settings | {"recording_days": None}


async def test_every_field_of_a_domain_is_a_setting_or_a_limit(tenant: Tenant) -> None:
    """A new column is the operator's until somebody says otherwise."""
    reserved = set(
        (await tenant.client.get("/schema/openapi.json")).json["components"]["schemas"][
            "DomainChange"
        ]["properties"]
    )
    told = (await tenant.client.get("/schema/openapi.json")).json["paths"][
        "/v1/admin/domains/{name}"
    ]["patch"]["description"]
    settings = {field for field in reserved if f"`{field}`" not in told}
    assert settings == {
        "recording", "recording_days", "call_id_mode", "ringing_hangups",
        "click2call_shows_callee", "click2call_waits", "hold_music",
        "feature_codes", "park_timeout_s", "recording_format", "recording_stereo",
    }  # fmt: skip


async def test_a_deleted_domain_is_gone_with_all_in_it(
    operator: Client, database: db.Database, master_key: MasterKey
) -> None:
    gone = await move_in(database, master_key, operator._session)
    await create(gone.client, "extensions", extension="101")
    path = f"/v1/admin/domains/{gone.domain.name}"
    assert (await operator.ask("DELETE", path)).json == {"deleted": True}
    await gone.client.get("/v1/admin/extensions", expect=401)

    async def is_gone() -> bool:
        return (await operator.get(path, expect=None)).status == 404

    await until(is_gone)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": "Not a name"}, "name"),
        ({"name": "a.example.vn", "time_zone": "Mars"}, "time_zone"),
        ({"name": "a.example.vn", "country_code": "999"}, "country_code"),
        ({"name": "a.example.vn", "destinations": ["x"]}, "destinations"),
        ({"name": "a.example.vn", "recording_days": 0}, "recording_days"),
        ({"name": "a.example.vn", "event_seq": 5}, "event_seq"),
    ],
)
async def test_a_wrong_field_of_a_domain_is_named(
    operator: Client, fields: dict[str, Any], field: str
) -> None:
    assert (await create(operator, "domains", 422, **fields))["field"] == field


# --- users


async def test_a_user_is_made_changed_and_deleted(tenant: Tenant, anybody: Client) -> None:
    client = tenant.client
    made = await create(client, "users", username="an", password="right horse battery")
    assert (made["level"], made["enabled"], made["password"]) == (
        "agent", True, "right horse battery",
    )  # fmt: skip
    login = {"username": f"an@{tenant.domain.name}", "password": "right horse battery"}
    await anybody.post("/v1/auth", login)
    shown = (await client.get("/v1/admin/users/an")).json
    assert "password" not in shown
    assert await change(client, "users/an", level="supervisor") == shown | {"level": "supervisor"}
    renewed = await change(client, "users/an", new_password=True)
    await anybody.post("/v1/auth", login, expect=401)
    await anybody.post("/v1/auth", login | {"password": renewed["password"]})
    taken = await create(client, "users", 409, username="an")
    assert taken["field"] == "username"
    short = await change(client, "users/an", 422, password="short")
    assert short["field"] == "password"
    await client.ask("DELETE", "/v1/admin/users/an")
    await anybody.post("/v1/auth", login | {"password": renewed["password"]}, expect=401)


async def test_nobody_shuts_out_the_own_account(tenant: Tenant) -> None:
    client = tenant.client
    for to in ({"enabled": False}, {"level": "agent"}):
        assert (await change(client, "users/foo", 409, **to))["error"] == "CONFLICT"
    await client.ask("DELETE", "/v1/admin/users/foo", expect=409)
    await change(client, "users/foo", level="admin", password="another long one")


async def test_a_restricted_key_makes_nobody_who_may_do_more(
    tenant: Tenant, database: db.Database, anybody: Client
) -> None:
    await create(tenant.client, "users", username="an", level="admin")
    scopes = [one for one in SCOPES if one != "audit:read"]
    wish = {"username": "foo", "name": "HR", "scopes": scopes}
    clerk = await logged_in(
        anybody, (await tenant.client.post("/v1/admin/api-keys", wish)).json["api_key"]
    )
    for level in ("supervisor", "agent"):
        await create(clerk, "users", username=level, level=level)
    refused = await create(clerk, "users", 403, username="x", level="admin")
    assert "admin" in refused["message"]
    await change(clerk, "users/agent", 403, level="admin")
    await change(clerk, "users/an", 403, password="mine from now on")
    await clerk.ask("DELETE", "/v1/admin/users/an", expect=403)
    assert OF_LEVEL["agent"] <= set(scopes)


async def test_a_key_that_expires_makes_no_user_that_lasts(
    tenant: Tenant, anybody: Client
) -> None:
    wish = {"username": "foo", "name": "trial", "expires_at": "2100-01-01T00:00:00Z"}
    made = await tenant.client.post("/v1/admin/api-keys", wish)
    clerk = await logged_in(anybody, made.json["api_key"])
    await create(clerk, "users", 403, username="x", level="agent")


async def test_a_users_own_key_is_not_shown(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    await create(tenant.client, "users", username="an")
    async with database.connection() as tx:
        own = await api_keys.get(tx, tenant.domain.domain_uuid, master_key, "an")
    for path in ("/v1/admin/users", "/v1/admin/users/an", "/v1/admin/audit"):
        assert own.api_key.encode() not in (await tenant.client.get(path)).body


# --- operators


async def test_operators_make_operators(operator: Client, anybody: Client) -> None:
    name = f"o{ids.new().hex}"
    made = await create(operator, "operators", username=name)
    login = {"username": name, "password": made["password"]}
    account = (await anybody.post("/v1/auth", login)).json["data"]
    assert account["level"] == "operator"
    other = await logged_in(anybody, account["api_key"])
    listed = (await other.get(f"/v1/admin/operators?search={name}")).json["data"]
    assert [one["username"] for one in listed] == [name]

    assert (await change(other, f"operators/{name}", 409, enabled=False))["field"] == "enabled"
    await other.ask("DELETE", f"/v1/admin/operators/{name}", expect=409)
    await change(operator, f"operators/{name}", enabled=False)
    await other.get("/v1/admin/domains", expect=401)
    await operator.ask("DELETE", f"/v1/admin/operators/{name}")
    await operator.get(f"/v1/admin/operators/{name}", expect=404)
