"""Permissions: every operation of the declaration for every level, every scope, an operator and
nobody. An operation without a row here fails.
"""

from typing import Any, NamedTuple

import pytest

from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant
from tongdai import ids, permissions
from tongdai.api import OPERATIONS, openapi
from tongdai.api.operations import PUBLIC
from tongdai.encryption import MasterKey
from tongdai.permissions import Level, Permission
from tongdai.store import api_keys, db, operators, users

EVERYBODY = ("admin", "supervisor", "agent")
SUPERVISORS = ("admin", "supervisor")
ADMIN = ("admin",)
OPERATOR = ("operator",)

ADMINISTERED = {
    "users": "user",
    "extensions": "extension",
    "devices": "extension",
    "ring-groups": "routing",
    "queues": "routing",
    "hours-plans": "routing",
    "callers": "routing",
    "menus": "routing",
}
# (method, path): the permission, and the levels that have it, written down once more
MATRIX: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("get", "/v1/event"): ("event:read", EVERYBODY),
    ("post", "/v1/event"): ("event:write", EVERYBODY),
    ("get", "/v1/event/feed"): ("event:read", EVERYBODY),
    ("get", "/v1/event/outstanding"): ("event:read", EVERYBODY),
    ("post", "/v1/event/trigger"): ("event:trigger", ADMIN),
    ("get", "/v1/event/{id}"): ("event:read", EVERYBODY),
    ("delete", "/v1/event/{id}"): ("event:write", EVERYBODY),
    ("patch", "/v1/event/{id}"): ("event:write", EVERYBODY),
    ("get", "/v1/event/{id}/deliveries"): ("event:read", EVERYBODY),
    ("get", "/v1/event/{id}/deliveries/{webhook_id}"): ("event:read", EVERYBODY),
    ("post", "/v1/event/{id}/disable"): ("event:write", EVERYBODY),
    ("post", "/v1/event/{id}/enable"): ("event:write", EVERYBODY),
    ("post", "/v1/event/{id}/resend"): ("event:write", EVERYBODY),
    ("post", "/v1/event/{id}/rotate_secret"): ("event:write", EVERYBODY),
    ("post", "/v1/event/{id}/test"): ("event:write", EVERYBODY),
    ("get", "/v1/cdr"): ("cdr:read", EVERYBODY),
    ("get", "/v1/cdr/{id}"): ("cdr:read", EVERYBODY),
    ("get", "/v1/recording-link"): ("cdr:read", EVERYBODY),
    ("get", "/v1/reports/{of}"): ("cdr:read", EVERYBODY),
    ("get", "/v1/calls"): ("call:read", EVERYBODY),
    ("get", "/v1/calls/{id}"): ("call:read", EVERYBODY),
    ("get", "/v1/calls/{id}/timeline"): ("call:read", EVERYBODY),
    ("get", "/v1/live"): ("call:read", EVERYBODY),
    ("delete", "/v1/calls/{id}"): ("call:control", SUPERVISORS),
    **{
        ("post", f"/v1/calls/{{id}}/{control}"): ("call:control", SUPERVISORS)
        for control in (
            *("hold", "unhold", "recording", "transfer", "park"),
            *("mute", "unmute", "dtmf", "play"),
        )
    },
    ("get", "/v1/click2call"): ("call:create", EVERYBODY),
    ("post", "/v1/click2call"): ("call:create", EVERYBODY),
    ("get", "/v1/click2call/async"): ("call:create", EVERYBODY),
    ("post", "/v1/click2call/async"): ("call:create", EVERYBODY),
    ("get", "/v3/cdr"): ("cdr:read", EVERYBODY),
    ("get", "/v3/cdr/{id}"): ("cdr:read", EVERYBODY),
    ("get", "/v3/extension"): ("extension:read", ADMIN),
    ("post", "/v3/extension"): ("extension:write", ADMIN),
    ("get", "/v3/extension/{id}"): ("extension:read", ADMIN),
    ("put", "/v3/extension/{id}"): ("extension:write", ADMIN),
    ("get", "/v1/admin/api-keys"): ("api_key:read", ADMIN),
    ("post", "/v1/admin/api-keys"): ("api_key:write", ADMIN),
    ("get", "/v1/admin/api-keys/{id}"): ("api_key:read", ADMIN),
    ("patch", "/v1/admin/api-keys/{id}"): ("api_key:write", ADMIN),
    ("delete", "/v1/admin/api-keys/{id}"): ("api_key:write", ADMIN),
    ("post", "/v1/admin/api-keys/{id}/rotate"): ("api_key:write", ADMIN),
    ("get", "/v1/admin/developer-links"): ("api_key:read", ADMIN),
    ("post", "/v1/admin/developer-links"): ("api_key:write", ADMIN),
    ("delete", "/v1/admin/developer-links/{id}"): ("api_key:write", ADMIN),
    ("get", "/v1/turn"): ("call:create", EVERYBODY),
    ("get", "/v1/session"): ("account:read", EVERYBODY),
    ("delete", "/v1/session"): ("account:read", EVERYBODY),
    ("get", "/v1/sessions"): ("account:read", EVERYBODY),
    ("delete", "/v1/sessions"): ("account:write", EVERYBODY),
    ("delete", "/v1/sessions/{id}"): ("account:write", EVERYBODY),
    ("get", "/v1/saved-searches"): ("cdr:read", EVERYBODY),
    ("put", "/v1/saved-searches/{name}"): ("cdr:read", EVERYBODY),
    ("delete", "/v1/saved-searches/{name}"): ("cdr:read", EVERYBODY),
    ("get", "/v1/second-factor"): ("account:read", EVERYBODY),
    ("post", "/v1/second-factor"): ("account:write", EVERYBODY),
    ("put", "/v1/second-factor"): ("account:write", EVERYBODY),
    ("delete", "/v1/second-factor"): ("account:write", EVERYBODY),
    ("delete", "/v1/admin/users/{name}/second-factor"): ("user:write", ADMIN),
    ("post", "/v1/phone/credentials"): ("phone:use", EVERYBODY),
    ("post", "/v1/phone/tokens"): ("phone:grant", ADMIN),
    ("get", "/v1/phone/calls"): ("phone:use", EVERYBODY),
    ("get", "/v1/admin/audit"): ("audit:read", ADMIN),
    ("post", "/v1/admin/route"): ("routing:read", ADMIN),
    ("get", "/v1/admin/feature-codes"): ("routing:read", ADMIN),
    **{
        (method, f"/v1/admin/{noun}{one}"): (f"{scope}:{verb}", ADMIN)
        for noun, scope in ADMINISTERED.items()
        for method, one, verb in (
            ("get", "", "read"),
            ("post", "", "write"),
            ("get", "/{name}", "read"),
            ("patch", "/{name}", "write"),
            ("delete", "/{name}", "write"),
        )
    },
    ("get", "/v1/admin/hotlines"): ("routing:read", ADMIN),
    ("post", "/v1/admin/hotlines"): ("trunk:write", OPERATOR),
    ("get", "/v1/admin/hotlines/{name}"): ("routing:read", ADMIN),
    ("patch", "/v1/admin/hotlines/{name}"): ("routing:write", ADMIN),
    ("delete", "/v1/admin/hotlines/{name}"): ("trunk:write", OPERATOR),
    ("get", "/v1/admin/prompts"): ("routing:read", ADMIN),
    ("get", "/v1/admin/prompts/{name}"): ("routing:read", ADMIN),
    ("delete", "/v1/admin/prompts/{name}"): ("routing:write", ADMIN),
    ("get", "/v1/admin/prompts/{name}/audio"): ("routing:read", ADMIN),
    ("put", "/v1/admin/prompts/{name}/audio"): ("routing:write", ADMIN),
    ("get", "/v1/admin/trunks"): ("trunk:read", ADMIN),
    ("post", "/v1/admin/trunks"): ("trunk:write", OPERATOR),
    ("get", "/v1/admin/trunks/{name}"): ("trunk:read", ADMIN),
    ("patch", "/v1/admin/trunks/{name}"): ("trunk:write", OPERATOR),
    ("delete", "/v1/admin/trunks/{name}"): ("trunk:write", OPERATOR),
    ("get", "/v1/admin/company"): ("domain:operate", OPERATOR),
    ("put", "/v1/admin/company"): ("domain:operate", OPERATOR),
    ("post", "/v1/admin/company/plan"): ("domain:operate", OPERATOR),
    ("post", "/v1/admin/extensions/bulk"): ("extension:write", ADMIN),
    ("post", "/v1/admin/callers/bulk"): ("routing:write", ADMIN),
    ("get", "/v1/admin/extensions/csv"): ("extension:read", ADMIN),
    ("post", "/v1/admin/extensions/csv"): ("extension:write", ADMIN),
    ("get", "/v1/admin/phones"): ("extension:read", ADMIN),
    ("delete", "/v1/admin/phones/{extension}"): ("extension:write", ADMIN),
    ("get", "/v1/admin/live"): ("domain:operate", OPERATOR),
    ("post", "/v1/admin/trunks/{name}/test"): ("trunk:write", OPERATOR),
    ("post", "/v1/admin/devices/{name}/link"): ("extension:write", ADMIN),
    ("get", "/v1/admin/devices/{name}/link"): ("extension:read", ADMIN),
    ("delete", "/v1/admin/devices/{name}/link"): ("extension:write", ADMIN),
    ("get", "/v1/admin/cdrs"): ("domain:operate", OPERATOR),
    ("get", "/v1/admin/failing-subscriptions"): ("domain:operate", OPERATOR),
    ("get", "/v1/admin/bans"): ("ban:read", OPERATOR),
    ("delete", "/v1/admin/bans/{address}"): ("ban:write", OPERATOR),
    ("get", "/v1/admin/domains"): ("domain:read", ADMIN),
    ("post", "/v1/admin/domains"): ("domain:operate", OPERATOR),
    ("get", "/v1/admin/domains/{name}"): ("domain:read", ADMIN),
    ("patch", "/v1/admin/domains/{name}"): ("domain:write", ADMIN),
    ("delete", "/v1/admin/domains/{name}"): ("domain:operate", OPERATOR),
    ("get", "/v1/admin/operators"): ("operator:read", OPERATOR),
    ("post", "/v1/admin/operators"): ("operator:write", OPERATOR),
    ("get", "/v1/admin/operators/{name}"): ("operator:read", OPERATOR),
    ("patch", "/v1/admin/operators/{name}"): ("operator:write", OPERATOR),
    ("delete", "/v1/admin/operators/{name}"): ("operator:write", OPERATOR),
    ("delete", "/recordings/{token}"): ("recording:delete", ADMIN),
    ("post", "/v1/sandbox/inbound"): ("sandbox:call", ADMIN),
}
# an operator need name no domain for these
OF_ALL_DOMAINS = {
    ("get", "/v1/admin/live"),
    ("get", "/v1/admin/hotlines"),
    ("get", "/v1/admin/trunks"),
    ("get", "/v1/calls"),
    *(key for key, (permission, _) in MATRIX.items() if permission.startswith("account:")),
    *(
        (method, path)
        for method, path in MATRIX
        if path.startswith(
            tuple(
                f"/v1/admin/{of}"
                for of in ("bans", "cdrs", "domains", "operators", "failing-subscriptions")
            )
        )
    ),
}
OPEN = {
    ("post", "/v1/auth"), ("post", "/v1/auth/token"), ("post", "/v3/auth/token"),
    ("post", "/v1/session"), ("post", "/v1/session/link"),
    ("get", "/recordings/{token}"),
    ("get", "/provisioning/{form}/{secret}"),
    ("get", "/provisioning/{form}/{secret}/{file}"),
    ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"),
}  # fmt: skip


class Asker(NamedTuple):
    """A client, and the permissions that it should have."""

    client: Client
    may: frozenset[str]


def test_every_operation_has_a_row() -> None:
    declared = {(one.method, one.path): one.operation.may for one in openapi.entries(OPERATIONS)}

    assert {key for key, may in declared.items() if may == PUBLIC} == OPEN
    assert {key: may for key, may in declared.items() if may != PUBLIC} == {
        key: permission for key, (permission, _) in MATRIX.items()
    }


def test_every_permission_is_asked_for_somewhere() -> None:
    assert {permission for permission, _ in MATRIX.values()} == set(permissions.PERMISSIONS)


async def with_key(anybody: Client, api_key: str) -> Client:
    granted = await anybody.post("/v1/auth/token", {"api_key": api_key})
    return Client(anybody._session, granted.json["data"]["token"])


async def user(
    tenant: Tenant,
    database: db.Database,
    master_key: MasterKey,
    *,
    level: Level,
    scopes: tuple[Permission, ...] | None = None,
) -> Client:
    """A new user of the tenant's domain, logged in by its API key."""
    name, domain_uuid = f"u{ids.new().hex}", tenant.domain.domain_uuid
    async with database.transaction() as tx:
        account = await users.insert(tx, domain_uuid, master_key, name, PASSWORD, level=level)
        await api_keys.set_scopes(tx, domain_uuid, name, scopes)
    return await with_key(tenant.client, account.api_key)


async def asks_everything(client: Client, query: str = "") -> dict[tuple[str, str], Any]:
    """The error of each operation with harmless parameters; "" where it was let in."""
    found = {}
    for method, path in MATRIX:
        real = path
        for name in ("{id}", "{webhook_id}", "{token}", "{name}", "{address}", "{extension}"):
            real = real.replace(name, str(ids.new()))
        reply = await client.ask(method.upper(), real + query, expect=None)
        found[method, path] = reply.json.get("error", "") if reply.status in (401, 403) else ""
    return found


@pytest.mark.parametrize("level", permissions.LEVELS)
async def test_a_level_is_let_in_where_the_matrix_says_so(
    tenant: Tenant, database: db.Database, master_key: MasterKey, level: Level
) -> None:
    found = await asks_everything(await user(tenant, database, master_key, level=level))

    assert found == {
        key: "" if level in levels else "FORBIDDEN" for key, (_, levels) in MATRIX.items()
    }


@pytest.mark.parametrize("level", permissions.LEVELS)
@pytest.mark.parametrize("scope", permissions.PERMISSIONS)
async def test_a_scope_lets_in_where_it_is_asked_for_and_the_level_has_it(
    tenant: Tenant, database: db.Database, master_key: MasterKey, level: Level, scope: Permission
) -> None:
    client = await user(tenant, database, master_key, level=level, scopes=(scope,))
    found = await asks_everything(client)

    assert found == {
        key: "" if permission == scope and level in levels else "FORBIDDEN"
        for key, (permission, levels) in MATRIX.items()
    }


async def test_a_key_without_any_scope_is_let_in_nowhere(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    found = await asks_everything(
        await user(tenant, database, master_key, level="admin", scopes=())
    )

    assert set(found.values()) == {"FORBIDDEN"}


async def test_nobody_is_let_in(anybody: Client) -> None:
    assert set((await asks_everything(anybody)).values()) == {"UNAUTHORIZED"}


async def test_a_change_of_scopes_holds_for_tokens_that_are_out(
    tenant: Tenant, database: db.Database
) -> None:
    await tenant.client.get("/v1/cdr")
    async with database.transaction() as tx:
        await api_keys.set_scopes(tx, tenant.domain.domain_uuid, "foo", ("event:read",))

    async def is_refused() -> bool:
        return (await tenant.client.get("/v1/cdr", expect=None)).status == 403

    await until(is_refused)
    await tenant.client.get("/v1/event")


async def test_a_refusal_names_the_permission_in_both_languages(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    agent = await user(tenant, database, master_key, level="agent")
    for language in ("en", "vi"):
        refused = await agent.post(
            "/v1/event/trigger", {}, headers={"Accept-Language": language}, expect=403
        )
        assert "event:trigger" in refused.json["message"]


# --- operators


async def operator(database: db.Database, master_key: MasterKey) -> operators.Account:
    async with database.transaction() as tx:
        return await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)


async def test_an_operator_logs_in_without_a_domain(
    anybody: Client, database: db.Database, master_key: MasterKey
) -> None:
    made = await operator(database, master_key)
    given = {"username": made.username.upper(), "password": PASSWORD}
    account = (await anybody.post("/v1/auth", given)).json["data"]

    assert account == {
        "user_uuid": str(made.operator_uuid),
        "domain_uuid": None,
        "username": made.username,
        "api_key": made.api_key,
        "user_enabled": "true",
        "level": "operator",
    }
    await anybody.post("/v1/auth", given | {"password": "wrong password"}, expect=401)


async def test_an_operator_is_let_into_no_domain(
    anybody: Client, database: db.Database, master_key: MasterKey, tenant: Tenant
) -> None:
    client = await with_key(anybody, (await operator(database, master_key)).api_key)

    assert await asks_everything(client) == {
        key: "" if key in OF_ALL_DOMAINS else "FORBIDDEN" for key in MATRIX
    }


async def test_an_operator_is_let_in_everywhere_in_a_domain_that_it_names(
    anybody: Client, database: db.Database, master_key: MasterKey, tenant: Tenant
) -> None:
    client = await with_key(anybody, (await operator(database, master_key)).api_key)
    of = f"?domain={tenant.domain.name}"

    assert set((await asks_everything(client, of)).values()) == {""}


async def test_an_operator_that_is_disabled_rotated_or_deleted_is_nobody(
    anybody: Client, database: db.Database, master_key: MasterKey
) -> None:
    made = await operator(database, master_key)
    client = await with_key(anybody, made.api_key)
    await client.get("/v1/cdr", expect=403)
    async with database.transaction() as tx:
        rotated = await operators.rotate_api_key(tx, master_key, made.username)
    await client.get("/v1/cdr", expect=401)
    client = await with_key(anybody, rotated)
    async with database.transaction() as tx:
        await operators.delete(tx, made.username)
    await client.get("/v1/cdr", expect=401)
    await anybody.post("/v1/auth/token", {"api_key": rotated}, expect=401)


# --- the document


async def test_the_document_says_which_permission_each_operation_needs(anybody: Client) -> None:
    document = (await anybody.get("/schema/openapi.json")).json
    for (method, path), (permission, levels) in MATRIX.items():
        told = document["paths"][path][method]
        assert told["x-permission"] == permission
        assert told["security"] == [{"token": []}]
        assert f"`{permission}`: {', '.join(levels)}." in told["description"]
        assert "403" in told["responses"]
