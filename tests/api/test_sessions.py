"""Signing in as people do: a cookie in place of a token."""

from typing import Any

import pytest

from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Reply, Tenant
from tongdai import ids
from tongdai.admin import users as admin
from tongdai.encryption import MasterKey
from tongdai.permissions import ACCOUNT
from tongdai.store import api_keys, audit, db, operators, sessions, users

PAGE = {"X-Requested-With": "portal"}
OURS = PAGE | {"Sec-Fetch-Site": "same-origin"}


async def signs_in(anybody: Client, username: str, **given: Any) -> Reply:
    body = {"username": username, "password": PASSWORD}
    return await anybody.post("/v1/session", body, headers=PAGE, **given)


def cookie(signed_in: Reply) -> dict[str, str]:
    """The header by which the browser sends it again."""
    return {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}


@pytest.fixture
async def page(anybody: Client, tenant: Tenant) -> dict[str, str]:
    """The headers of a page of ours in which the tenant's admin is signed in."""
    return PAGE | cookie(await signs_in(anybody, tenant.username))


async def test_who_signs_in_gets_a_cookie_and_no_api_key(anybody: Client, tenant: Tenant) -> None:
    made = await signs_in(anybody, tenant.username)

    attributes = {part.strip() for part in made.headers["Set-Cookie"].split(";")[1:]}
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
    assert made.headers["Cache-Control"] == "no-store"
    assert tenant.api_key not in made.body.decode()
    assert (made.json["username"], made.json["level"]) == (tenant.username, "admin")
    assert made.json["domain"] == tenant.domain.name
    assert made.json["time_zone"] == "Asia/Ho_Chi_Minh"


async def test_the_cookie_stands_for_the_user(
    anybody: Client, tenant: Tenant, page: dict[str, str]
) -> None:
    await anybody.get("/v1/cdr", headers=page)
    await anybody.post("/v1/admin/ring-groups", {}, headers=page, expect=422)
    me = (await anybody.get("/v1/session", headers=page)).json
    by_token = (await tenant.client.get("/v1/session")).json
    assert me["permissions"] == by_token["permissions"]
    assert (me["session"] is None, by_token["session"]) == (False, None)


async def test_a_change_is_in_the_audit_log_as_the_users_and_so_is_the_sign_in(
    anybody: Client, tenant: Tenant, page: dict[str, str], database: db.Database
) -> None:
    await anybody.post("/v1/admin/extensions", {"extension": "199"}, headers=page, expect=201)

    async with database.connection() as tx:
        changed, *_, signed_in = await audit.list(tx, tenant.domain.domain_uuid, limit=3)
    assert (changed.actor, changed.noun) == ("user:foo", "device")
    assert (signed_in.actor, signed_in.noun, signed_in.name) == (
        "user:foo", "session", "127.0.0.1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        PAGE | {"Sec-Fetch-Site": "same-site"},
        PAGE | {"Sec-Fetch-Site": "cross-site"},
        PAGE | {"Sec-Fetch-Site": "none"},
        PAGE | {"Origin": "https://crm.example.vn"},
        PAGE | {"Origin": "null"},
    ],
)
async def test_the_cookie_counts_in_no_request_of_another_page(
    anybody: Client, page: dict[str, str], headers: dict[str, str]
) -> None:
    sent = headers | {"Cookie": page["Cookie"]}
    for method, path in (("GET", "/v1/cdr"), ("DELETE", "/v1/sessions")):
        refused = await anybody.ask(method, path, headers=sent, expect=401)
        assert refused.json["error"] == "UNAUTHORIZED"
    await anybody.get("/v1/cdr", headers=page)  # nothing has happened to it
    given = {"username": "foo", "password": "wrong"}
    await anybody.post("/v1/session", given, headers=headers, expect=403)


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "http://pbx.example.vn"])
async def test_our_own_origin_is_that_of_the_request_or_of_the_settings(
    anybody: Client, page: dict[str, str], url: str, origin: str
) -> None:
    own = origin if "pbx" in origin else url

    await anybody.get("/v1/cdr", headers=page | OURS | {"Origin": own})


async def test_other_origins_are_granted_no_credentials(
    anybody: Client, page: dict[str, str]
) -> None:
    asked = {"Origin": "https://crm.example.vn", "Access-Control-Request-Method": "GET"}
    for answer in (
        await anybody.ask("OPTIONS", "/v1/cdr", headers=asked),
        await anybody.get("/v1/cdr", headers=page | asked, expect=401),
    ):
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_token_counts_before_a_cookie(
    anybody: Client, tenant: Tenant, page: dict[str, str]
) -> None:
    await anybody.get("/v1/cdr", headers=page | {"Authorization": "Bearer x"}, expect=401)
    await tenant.client.get("/v1/cdr", headers={"Cookie": "tongdai_session=x"})


async def test_scopes_of_the_users_api_key_hold_for_sessions_too(
    anybody: Client, tenant: Tenant, database: db.Database
) -> None:
    async with database.transaction() as tx:
        await api_keys.set_scopes(tx, tenant.domain.domain_uuid, "foo", ("cdr:read",))

    made = await signs_in(anybody, tenant.username)
    assert set(made.json["permissions"]) == {"cdr:read"} | ACCOUNT
    await anybody.get("/v1/cdr", headers=PAGE | cookie(made))
    await anybody.get("/v1/event", headers=PAGE | cookie(made), expect=403)


async def test_who_signs_out_is_out_at_once(anybody: Client, page: dict[str, str]) -> None:
    await anybody.get("/v1/cdr", headers=page)

    out = await anybody.ask("DELETE", "/v1/session", headers=page)
    assert out.json == {"ended": 1}
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    await anybody.get("/v1/cdr", headers=page, expect=401)


async def test_sessions_are_listed_and_ended_one_by_one_or_all(
    anybody: Client, tenant: Tenant, page: dict[str, str]
) -> None:
    other = PAGE | cookie(await signs_in(anybody, tenant.username))
    third = PAGE | cookie(await signs_in(anybody, tenant.username))
    listed = (await anybody.get("/v1/sessions", headers=page)).json["data"]
    assert len(listed) == 3
    assert {one["address"] for one in listed} == {"127.0.0.1"}
    [own] = [one for one in listed if one["is_this"]]

    [mine] = [
        one
        for one in (await anybody.get("/v1/sessions", headers=other)).json["data"]
        if one["is_this"]
    ]
    await anybody.ask("DELETE", f"/v1/sessions/{mine['id']}", headers=page)
    await anybody.get("/v1/cdr", headers=other, expect=401)
    await anybody.get("/v1/cdr", headers=third)

    ended = await anybody.ask("DELETE", "/v1/sessions", headers=page)
    assert ended.json == {"ended": 2}
    for headers in (page, third):
        await anybody.get("/v1/cdr", headers=headers, expect=401)
    await anybody.ask("DELETE", f"/v1/sessions/{own['id']}", headers=page, expect=401)


async def test_a_new_password_ends_all_sessions(
    anybody: Client, tenant: Tenant, page: dict[str, str]
) -> None:
    await anybody.get("/v1/cdr", headers=page)
    given = {"password": "an even more correct horse"}
    await tenant.client.ask("PATCH", "/v1/admin/users/foo", json=given)

    async def is_out() -> bool:
        return (await anybody.get("/v1/cdr", headers=page, expect=None)).status == 401

    await until(is_out)


async def test_a_disabled_user_is_out(
    anybody: Client, tenant: Tenant, page: dict[str, str], database: db.Database
) -> None:
    await anybody.get("/v1/cdr", headers=page)
    async with database.transaction() as tx:
        await admin.update(tx, tenant.domain.domain_uuid, "foo", {"enabled": False})

    async def is_out() -> bool:
        return (await anybody.get("/v1/cdr", headers=page, expect=None)).status == 401

    await until(is_out)


@pytest.mark.parametrize(
    ("column", "seconds"), [("used_at", sessions.IDLE_S), ("created_at", sessions.LONGEST_S)]
)
async def test_a_session_ends_when_it_is_not_used_and_after_its_time(
    anybody: Client,
    tenant: Tenant,
    page: dict[str, str],
    database: db.Database,
    *,
    column: str,
    seconds: int,
) -> None:
    where = f"""
        UPDATE sessions SET {column} = now() - make_interval(secs => $2) WHERE domain_uuid = $1
        """  # noqa: S608 -- our own columns
    async with database.transaction() as tx:
        await tx.execute(where, tenant.domain.domain_uuid, seconds - 60)
    await anybody.get("/v1/sessions", headers=page)
    await anybody.ask("DELETE", f"/v1/sessions/{ids.new()}", headers=page, expect=404)
    async with database.transaction() as tx:
        await tx.execute(where, tenant.domain.domain_uuid, seconds + 1)
        await tx.fetchval(
            "SELECT pg_notify('directory', $1) IS NULL", str(tenant.domain.domain_uuid)
        )

    async def is_out() -> bool:
        return (await anybody.get("/v1/sessions", headers=page, expect=None)).status == 401

    await until(is_out)


async def test_sessions_that_have_ended_are_deleted(
    tenant: Tenant, page: dict[str, str], database: db.Database
) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE sessions SET used_at = now() - interval '13 hours' WHERE domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
        assert await sessions.purge(tx, 1000) >= 1
        left = "SELECT count(*) FROM sessions WHERE domain_uuid = $1"
        assert await tx.fetchval(left, tenant.domain.domain_uuid) == 0


async def test_wrong_passwords_are_limited_together_with_log_ins(
    anybody: Client, tenant: Tenant
) -> None:
    wrong = {"username": tenant.username, "password": "wrong"}
    for path in ["/v1/session", "/v1/auth"] * 2 + ["/v1/session"]:
        await anybody.post(path, wrong, headers=PAGE, expect=401)
    refused = await anybody.post("/v1/session", wrong, headers=PAGE, expect=429)
    assert int(refused.headers["Retry-After"]) > 0


async def test_an_operator_signs_in_and_names_the_domain(
    anybody: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    name = f"o{ids.new().hex}"
    async with database.transaction() as tx:
        await operators.insert(tx, master_key, name, PASSWORD)
    made = await signs_in(anybody, name)
    page = PAGE | cookie(made)

    assert (made.json["level"], made.json["domain"]) == ("operator", "")
    await anybody.get("/v1/cdr", headers=page, expect=403)
    within = f"?domain={tenant.domain.name}"
    await anybody.get(f"/v1/cdr{within}", headers=page)
    me = (await anybody.get(f"/v1/session{within}", headers=page)).json
    assert (me["username"], me["level"], me["domain"]) == (name, "operator", tenant.domain.name)
    assert len((await anybody.get(f"/v1/sessions{within}", headers=page)).json["data"]) == 1
    async with database.transaction() as tx:
        await operators.update(tx, await operators.get(tx, name), "an even more correct horse")
    await anybody.get(f"/v1/cdr{within}", headers=page, expect=401)


async def test_a_domain_with_sessions_can_be_deleted(
    tenant: Tenant, page: dict[str, str], database: db.Database
) -> None:
    async with database.transaction() as tx:
        await users.delete(tx, tenant.domain.domain_uuid, "foo")
        left = "SELECT count(*) FROM sessions WHERE domain_uuid = $1"
        assert await tx.fetchval(left, tenant.domain.domain_uuid) == 0
