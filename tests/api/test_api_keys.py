"""API keys of programs: made, used within their scopes, changed, replaced, ended."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant, move_in
from tongdai import ids
from tongdai.admin import named_keys as admin
from tongdai.encryption import MasterKey
from tongdai.permissions import SCOPES, Level
from tongdai.store import api_keys, audit, db, deletion, named_keys, users

KEYS = "/v1/admin/api-keys"


async def make(client: Client, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = (
        await client.post(KEYS, {"username": "foo", "name": "CRM"} | changes)
    ).json
    return made


async def program(client: Client, api_key: str) -> Client:
    """A program with a token of that key."""
    given = (await client.post("/v1/auth/token", {"api_key": api_key})).json["data"]
    return Client(client._session, given["token"])


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/event", expect=None)).status == 401


async def test_a_key_is_shown_once_and_listed_without_itself(
    client: Client, tenant: Tenant
) -> None:
    made = await make(client, scopes=["event:read", "cdr:read"], token_life_s=3600)
    key = made.pop("api_key")

    assert UUID(key)
    assert list(made) == [
        "id", "username", "user_uuid", "name", "scopes", "token_life_s", "expires_at",
        "last_used_at", "created_at",
    ]  # fmt: skip
    assert made == made | {
        "username": "foo",
        "name": "CRM",
        "scopes": ["cdr:read", "event:read"],
        "token_life_s": 3600,
        "expires_at": None,
        "last_used_at": None,
    }
    await make(client, name="another")
    listed = (await client.get(KEYS)).json
    assert [one["name"] for one in listed["data"]] == ["CRM", "another"]
    assert listed["data"][0] == made == (await client.get(f"{KEYS}/{made['id']}")).json
    assert (await client.get(f"{KEYS}?username=nobody")).json == {"data": [], "next_cursor": ""}
    account = {"username": tenant.username, "password": PASSWORD}
    shown = (await client.post("/v1/auth", account)).json["data"]["api_key"]
    assert shown == tenant.api_key != key


async def test_they_are_listed_in_parts_searched_and_sorted(client: Client) -> None:
    await client.ask(
        "POST", "/v1/admin/users", json={"username": "an", "level": "agent"}, expect=201
    )
    for username, name in (("foo", "b"), ("an", "c"), ("foo", "a")):
        await make(client, username=username, name=name)

    async def listed(query: str) -> list[str]:
        found, cursor = [], ""
        while True:
            part = (await client.get(f"{KEYS}?limit=1&{query}&cursor={cursor}")).json
            found += [one["name"] for one in part["data"]]
            if not (cursor := part["next_cursor"]):
                return found

    assert await listed("") == ["a", "b", "c"]
    assert await listed("sort=-name") == ["c", "b", "a"]
    assert await listed("username=foo") == ["a", "b"]
    assert await listed("search=an") == ["c"], "by its user"
    refused = (await client.get(f"{KEYS}?sort=last_used_at", expect=422)).json
    assert refused["field"] == "sort"


async def test_nobody_overwrites_what_somebody_else_has_changed(client: Client) -> None:
    made = await client.post(KEYS, {"username": "foo", "name": "CRM"})
    path = f"{KEYS}/{made.json['id']}"

    async def changed(etag: str, expect: int = 200) -> str:
        given = {"json": {"name": "CRM 2"}, "headers": {"If-Match": etag}}
        reply = await client.ask("PATCH", path, **given, expect=expect)
        return str(reply.headers.get("ETag"))

    read = (await client.get(path)).headers["ETag"]
    assert read == made.headers["ETag"]
    await program(client, made.json["api_key"])
    assert (await client.get(path)).headers["ETag"] == read, "its use is no change"
    now = await changed(read)
    await changed(read, expect=412)
    rotated = (await client.post(f"{path}/rotate")).headers["ETag"]
    assert len({read, now, rotated}) == 3
    await changed(now, expect=412)
    await client.ask("DELETE", path, headers={"If-Match": now}, expect=412)
    await client.ask("DELETE", path, headers={"If-Match": rotated})


async def test_a_program_acts_as_the_user_within_the_scopes(client: Client) -> None:
    made = await make(client, scopes=["event:read"], token_life_s=120)
    before = datetime.now(UTC).timestamp()
    given = (await client.post("/v1/auth/token", {"api_key": made["api_key"]})).json["data"]

    assert given["user_id"] == made["user_uuid"]
    assert before + 119 <= given["expired"] <= before + 125
    crm = Client(client._session, given["token"])
    await crm.get("/v1/event")
    assert "cdr:read" in (await crm.get("/v1/cdr", expect=403)).json["message"]
    await client.get("/v1/cdr")  # the user's own key has all


async def test_a_key_serves_the_domain_that_made_it(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """Both have a user foo with a key of that name."""
    other = await move_in(database, master_key, client._session)
    keys = {one: await make(one.client) for one in (tenant, other)}
    for one, made in keys.items():
        await one.client.ask("PATCH", f"{KEYS}/{made['id']}", json={"name": one.domain.name})
    for one, made in keys.items():
        listed = (await (await program(client, made["api_key"])).get(KEYS)).json["data"]
        assert [key["name"] for key in listed] == [one.domain.name]


async def test_its_use_is_noted_to_the_hour(client: Client, tenant: Tenant) -> None:
    made = await make(client)
    crm = await program(client, made["api_key"])
    await crm.get("/v1/event")
    used = (await client.get(f"{KEYS}/{made['id']}")).json["last_used_at"]
    assert abs(datetime.fromisoformat(used) - datetime.now(UTC)) < timedelta(minutes=1)

    await program(client, made["api_key"])
    assert (await client.get(f"{KEYS}/{made['id']}")).json["last_used_at"] == used


async def test_a_change_holds_for_tokens_that_are_out(client: Client) -> None:
    made = await make(client)
    crm = await program(client, made["api_key"])
    await crm.get("/v1/cdr")
    body = {"name": "CRM 2", "scopes": ["event:read"]}
    changed = (await client.ask("PATCH", f"{KEYS}/{made['id']}", json=body)).json
    assert (changed["name"], changed["scopes"]) == ("CRM 2", ["event:read"])

    async def is_restricted() -> bool:
        return (await crm.get("/v1/cdr", expect=None)).status == 403

    await until(is_restricted)
    again = await client.ask("PATCH", f"{KEYS}/{made['id']}", json={"scopes": None})
    assert (again.json["name"], again.json["scopes"]) == ("CRM 2", None)


async def test_an_expired_key_and_its_tokens_are_refused(client: Client) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = await make(client, expires_at=soon.isoformat(), token_life_s=86_400)
    given = (await client.post("/v1/auth/token", {"api_key": made["api_key"]})).json["data"]
    assert given["expired"] == int(soon.timestamp())
    crm = Client(client._session, given["token"])
    await crm.get("/v1/event")

    for past in ("2020-01-01T07:00:00+07:00", "0001-01-01T00:00:00+14:00", "2020-01-01T00:00:00Z"):
        await client.ask("PATCH", f"{KEYS}/{made['id']}", json={"expires_at": past})
        await until(partial(is_refused, crm))
        refused = await client.post("/v1/auth/token", {"api_key": made["api_key"]}, expect=401)
        assert refused.json["error"] == "WRONG_CREDENTIALS"
    await client.ask("PATCH", f"{KEYS}/{made['id']}", json={"expires_at": None})
    await until(lambda: _is_let_in(crm))


async def _is_let_in(client: Client) -> bool:
    return (await client.get("/v1/event", expect=None)).status == 200


async def test_a_rotation_ends_the_key_and_its_tokens_and_no_others(
    client: Client, tenant: Tenant
) -> None:
    made, other = await make(client), await make(client, name="other")
    crm, bystander = (
        await program(client, made["api_key"]),
        await program(client, other["api_key"]),
    )
    rotated = (await client.post(f"{KEYS}/{made['id']}/rotate")).json
    assert rotated["api_key"] != made["api_key"]
    assert rotated | {"api_key": ""} == made | {
        "api_key": "",
        "last_used_at": rotated["last_used_at"],
    }

    await until(partial(is_refused, crm))
    await client.post("/v1/auth/token", {"api_key": made["api_key"]}, expect=401)
    await (await program(client, rotated["api_key"])).get("/v1/event")
    await bystander.get("/v1/event")
    await client.post("/v1/auth/token", {"api_key": tenant.api_key})


async def test_the_audit_log_tells_who_changed_what_and_no_key(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    made = await make(client, scopes=["cdr:read"])
    named = f"{made['user_uuid']} CRM"
    await (await program(client, made["api_key"])).get("/v1/cdr")
    await client.ask("PATCH", f"{KEYS}/{made['id']}", json={"token_life_s": 60})
    rotated = (await client.post(f"{KEYS}/{made['id']}/rotate")).json
    await client.ask("DELETE", f"{KEYS}/{made['id']}")

    async with database.connection() as tx:
        wanted = audit.Filter(noun="api_key", name=named)
        told = await audit.list(tx, tenant.domain.domain_uuid, wanted, limit=10)
    gone, replaced, changed, new = told
    assert {one.actor for one in told} == {"user:foo"}
    assert {one.address for one in told} == {"127.0.0.1"}
    assert [one.action for one in told] == ["delete", "update", "update", "create"]
    assert (changed.before, changed.after) == ({"token_life_s": None}, {"token_life_s": 60})
    assert replaced.after == {"key_digest": "***", "version": 2}
    assert (new.after or {})["scopes"] == ["cdr:read"]
    assert gone.after == {}
    for secret in (made["api_key"], rotated["api_key"]):
        assert secret not in str(told)


async def test_the_audit_log_tells_which_key_was_used(client: Client, tenant: Tenant) -> None:
    made = await make(client, name="Zalo OA", scopes=["routing:write", "routing:read"])
    crm = await program(client, made["api_key"])
    await crm.post("/v1/admin/queues", {"number": "700"}, expect=201)
    await client.ask("PATCH", "/v1/admin/queues/700", json={"name": "Bán hàng"})
    told = (await client.get("/v1/admin/audit?noun=queue")).json["data"]
    assert [(one["action"], one["actor"], one["api_key"]) for one in told] == [
        ("update", "user:foo", ""), ("create", "user:foo", "Zalo OA"),
    ]  # fmt: skip


async def test_the_audit_log_tells_keys_of_the_same_name_apart(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    domain_uuid = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await users.insert(tx, domain_uuid, master_key, "bar", PASSWORD)
    keys = [await make(client), await make(client, username="bar")]
    for life_s, key in enumerate(keys, 60):
        await client.ask("PATCH", f"{KEYS}/{key['id']}", json={"token_life_s": life_s})

    async with database.connection() as tx:
        told = await audit.list(tx, domain_uuid, audit.Filter(noun="api_key"), limit=10)
    changed = {one.name: one.after for one in told if one.action == "update"}
    assert changed == {
        f"{key['user_uuid']} CRM": {"token_life_s": life_s} for life_s, key in enumerate(keys, 60)
    }


@pytest.mark.parametrize("ends", ["key", "user", "disabled user", "disabled domain"])
async def test_a_key_ends_with_itself_its_user_and_its_domain(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey, ends: str
) -> None:
    domain_uuid = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await users.insert(tx, domain_uuid, master_key, "bar", PASSWORD)
    made = await make(client, username="bar")
    crm = await program(client, made["api_key"])
    await crm.get("/v1/event")
    async with database.transaction() as tx:
        user = await users.get(tx, domain_uuid, "bar")
        match ends:
            case "key":
                await named_keys.delete(tx, domain_uuid, UUID(made["id"]))
            case "user":
                await users.delete(tx, domain_uuid, "bar")
            case "disabled user":
                await tx.execute(
                    "UPDATE users SET enabled = false WHERE user_uuid = $1", user.user_uuid
                )
            case _:
                await tx.execute(
                    "UPDATE domains SET enabled = false WHERE domain_uuid = $1", domain_uuid
                )

    await until(partial(is_refused, crm))
    await client.post("/v1/auth/token", {"api_key": made["api_key"]}, expect=401)


async def test_nobody_makes_a_key_that_may_do_more_than_itself(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        for name, level in (("boss", "admin"), ("agent", "agent")):
            await users.insert(
                tx, tenant.domain.domain_uuid, master_key, name, PASSWORD, level=as_level(level)
            )
    mine = ["api_key:read", "api_key:write", "cdr:read"]
    clerk = await program(client, (await make(client, scopes=mine, name="clerk"))["api_key"])
    strong = await make(client, name="strong")

    for wish in ({"scopes": ["cdr:read", "call:create"]}, {"scopes": None}, {"username": "boss"}):
        body = {"username": "foo", "name": "more"} | wish
        refused = await clerk.post(KEYS, body, expect=403)
        assert refused.json["error"] == "FORBIDDEN"
    agents = {"username": "agent", "name": "more"}
    assert "scopes" in (await clerk.post(KEYS, agents, expect=403)).json["message"]
    some = agents | {"scopes": ["cdr:read", "call:create"]}
    assert "call:create" in (await clerk.post(KEYS, some, expect=403)).json["message"]
    # what came to nothing left nothing
    assert {one["name"] for one in (await client.get(KEYS)).json["data"]} == {"clerk", "strong"}

    made = await make(clerk, name="fewer", scopes=["cdr:read"])
    path = f"{KEYS}/{made['id']}"
    await clerk.ask("PATCH", path, json={"scopes": ["call:create"]}, expect=403)
    await clerk.ask("PATCH", path, json={"scopes": None}, expect=403)
    await clerk.ask("PATCH", path, json={"token_life_s": 60})
    await clerk.post(f"{KEYS}/{strong['id']}/rotate", expect=403)
    await (await program(client, strong["api_key"])).get("/v1/event")
    await clerk.post(f"{path}/rotate")
    await clerk.ask("DELETE", path)


async def test_a_key_gives_no_scope_that_counts_once_the_user_is_promoted(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    domain_uuid = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await users.insert(tx, domain_uuid, master_key, "agent", PASSWORD, level="agent")
    mine = ["api_key:write", "cdr:read", "call:create", "event:read", "event:write"]
    clerk = await program(client, (await make(client, scopes=mine))["api_key"])
    wish = {"username": "agent", "name": "more"}

    for scopes in (["extension:write", "audit:read"], ["cdr:read", "audit:read"], None):
        await clerk.post(KEYS, wish | {"scopes": scopes}, expect=403)
    made = await make(clerk, **wish, scopes=["cdr:read"])
    for scopes in (["audit:read"], None):
        path = f"{KEYS}/{made['id']}"
        await clerk.ask("PATCH", path, json={"scopes": scopes}, expect=403)
    assert (await client.get(f"{KEYS}/{made['id']}")).json["scopes"] == ["cdr:read"]


async def test_all_scopes_of_today_are_not_those_of_tomorrow(client: Client) -> None:
    """A key without scopes gets the permissions of later versions too."""
    clerk = await program(client, (await make(client, scopes=[*SCOPES]))["api_key"])
    await clerk.post(KEYS, {"username": "foo", "name": "more"}, expect=403)
    await make(clerk, name="as many", scopes=[*SCOPES])


async def test_a_limited_key_changes_and_deletes_no_key_that_may_do_more(client: Client) -> None:
    mine = ["api_key:write", "cdr:read"]
    clerk = await program(client, (await make(client, scopes=mine))["api_key"])
    past = "2020-01-01T00:00:00Z"
    for wider in (None, ["cdr:read", "event:read"]):
        made = await make(client, name="wider", scopes=wider, expires_at=past)
        path = f"{KEYS}/{made['id']}"
        before = (await client.get(path)).json
        for body in (
            {"expires_at": None, "token_life_s": 315_360_000},
            {"expires_at": None},
            {"token_life_s": 60},
            {"name": "mine"},
            {"scopes": ["cdr:read"]},
            {},
        ):
            await clerk.ask("PATCH", path, json=body, expect=403)
        await clerk.ask("DELETE", path, expect=403)
        await clerk.post(f"{path}/rotate", expect=403)
        assert (await client.get(path)).json == before
        await client.post("/v1/auth/token", {"api_key": made["api_key"]}, expect=401)
        await client.ask("DELETE", path)


@pytest.mark.parametrize("scopes", [None, ["api_key:write", "cdr:read"]])
async def test_a_key_that_expires_makes_and_changes_none_that_outlives_it(
    client: Client, scopes: list[str] | None
) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    later, sooner = (end + timedelta(seconds=one) for one in (1, -1))
    own = await make(client, scopes=scopes, expires_at=end.isoformat())
    outliving = await make(client, name="outliving", scopes=["cdr:read"])
    short = await program(client, own["api_key"])
    await short.get("/v1/cdr")  # its use is noted now
    before = (await client.get(KEYS)).json

    child = {"username": "foo", "name": "child", "scopes": ["cdr:read"]}
    refused = await short.post(KEYS, child, expect=403)
    assert end.isoformat() in refused.json["message"]
    await short.post(KEYS, child | {"expires_at": later.isoformat()}, expect=403)
    for at in (None, later.isoformat()):
        body = {"expires_at": at}
        await short.ask("PATCH", f"{KEYS}/{own['id']}", json=body, expect=403)
    path = f"{KEYS}/{outliving['id']}"
    await short.post(f"{path}/rotate", expect=403)
    await short.ask("PATCH", path, json={"name": "mine"}, expect=403)
    await short.ask("DELETE", path, expect=403)
    assert (await client.get(KEYS)).json == before

    made = await make(short, **child, expires_at=end.isoformat())
    path = f"{KEYS}/{made['id']}"
    await short.ask("PATCH", path, json={"expires_at": later.isoformat()}, expect=403)
    await short.ask("PATCH", path, json={"expires_at": sooner.isoformat()})
    await short.ask("PATCH", path, json={"expires_at": end.isoformat()})
    await short.post(f"{path}/rotate")
    await short.ask("DELETE", path)


async def test_a_name_is_kept_without_the_space_around_it(client: Client) -> None:
    made = await make(client, name=" CRM ")
    assert made["name"] == "CRM"
    other = await make(client, name="other")
    path = f"{KEYS}/{other['id']}"
    assert (await client.ask("PATCH", path, json={"name": "\t ERP "})).json["name"] == "ERP"
    await client.ask("PATCH", path, json={"name": " CRM"}, expect=409)
    await client.ask("PATCH", path, json={"name": "  "}, expect=422)
    assert (await client.get(path)).json["name"] == "ERP"


def as_level(text: str) -> Level:
    return "admin" if text == "admin" else "agent"


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"name": ""}, 422, "name"),
        ({"name": "x" * 81}, 422, "name"),
        ({"name": "a\0b"}, 422, "name"),
        ({"name": "CRM"}, 409, "name"),
        ({"username": "nobody"}, 404, None),
        ({"scopes": []}, 422, "scopes"),
        ({"scopes": ["cdr:write"]}, 422, "scopes"),
        ({"scopes": "cdr:read"}, 422, "scopes"),
        ({"token_life_s": 59}, 422, "token_life_s"),
        ({"token_life_s": 10**12}, 422, "token_life_s"),
        ({"token_life_s": "1"}, 422, "token_life_s"),
        ({"expires_at": "tomorrow"}, 422, "expires_at"),
        ({"expires_at": "2027-01-01T08:00:00"}, 422, "expires_at"),
        ({"expires_at": 1}, 422, "expires_at"),
        ({"scope": ["cdr:read"]}, 422, "scope"),
        ({"expires": "2027-01-01T00:00:00Z"}, 422, "expires"),
        ({"token_life": 60}, 422, "token_life"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_changes(
    client: Client, *, wrong: dict[str, Any], status: int, field: str | None
) -> None:
    await make(client)
    other = await make(client, name="other")
    before = (await client.get(KEYS)).json
    made = await client.post(KEYS, {"username": "foo", "name": "new"} | wrong, expect=status)
    assert made.json.get("field") == field
    if "username" not in wrong:
        changed = await client.ask("PATCH", f"{KEYS}/{other['id']}", json=wrong, expect=status)
        assert changed.json.get("field") == field
    assert (await client.get(KEYS)).json == before


async def test_a_user_has_so_many_at_most(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        for number in range(admin.MOST):
            await admin.create(tx, tenant.domain.domain_uuid, master_key, "foo", f"key {number}")
    refused = await client.post(KEYS, {"username": "foo", "name": "one more"}, expect=409)
    assert "50" in refused.json["message"]


async def test_a_token_names_its_own_key_only(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """A restriction of the user's own key leaves the others as they are, and the other way."""
    made = await make(client, scopes=["cdr:read"])
    crm = await program(client, made["api_key"])
    async with database.transaction() as tx:
        await api_keys.set_scopes(tx, tenant.domain.domain_uuid, "foo", ("event:read",))

    async def is_restricted() -> bool:
        return (await client.get("/v1/cdr", expect=None)).status == 403

    await until(is_restricted)
    await crm.get("/v1/cdr")
    await crm.get("/v1/event", expect=403)


async def test_a_key_of_a_domain_that_is_gone_is_unknown(
    database: db.Database, master_key: MasterKey, client: Client
) -> None:
    tenant = await move_in(database, master_key, client._session)
    made = await make(tenant.client)
    async with database.transaction() as tx:
        await deletion.begin(tx, tenant.domain.domain_uuid)
    await deletion.finish(database, tenant.domain.domain_uuid)
    await client.post("/v1/auth/token", {"api_key": made["api_key"]}, expect=401)
    await client.get(f"{KEYS}/{ids.new()}", expect=404)
