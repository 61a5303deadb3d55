"""Login and tokens."""

import base64
import time
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant
from tongdai import ids
from tongdai.admin import api_keys as admin
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.store import api_keys, db, domains, users


async def test_login_shows_the_account(anybody: Client, tenant: Tenant) -> None:
    answer = await anybody.post("/v1/auth", {"username": tenant.username, "password": PASSWORD})

    data = answer.json["data"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert UUID(data.pop("user_uuid"))
    assert {
        "domain_uuid": str(tenant.domain.domain_uuid),
        "username": "foo",
        "api_key": tenant.api_key,
        "user_enabled": "true",
        "level": "admin",
    } == data


@pytest.mark.parametrize("path", ["/v1/auth", "/v1/auth/"])
async def test_trailing_slashes_are_fine(anybody: Client, tenant: Tenant, path: str) -> None:
    await anybody.post(path, {"username": tenant.username, "password": PASSWORD})


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}], ids=["none", "curl -d"]
)
async def test_json_is_read_whatever_curl_calls_it(
    anybody: Client, tenant: Tenant, headers: dict[str, str]
) -> None:
    body = msgspec.json.encode({"username": tenant.username, "password": PASSWORD})

    await anybody.ask(
        "POST", "/v1/auth", data=body, headers=headers, skip_auto_headers=["Content-Type"]
    )


async def test_a_form_is_read_too(anybody: Client, tenant: Tenant) -> None:
    await anybody.ask("POST", "/v1/auth", data={"username": tenant.username, "password": PASSWORD})


async def test_a_user_without_its_domain_is_told_how_users_log_in(
    anybody: Client, tenant: Tenant
) -> None:
    wrong = await anybody.post("/v1/auth", {"username": "foo", "password": PASSWORD}, expect=401)
    assert wrong.json["error"] == "WRONG_CREDENTIALS"
    assert wrong.json["message"].endswith("Users of a domain log in as user@domain.")
    given = {"username": tenant.username, "password": "another one"}
    assert "user@domain" not in (await anybody.post("/v1/auth", given, expect=401)).json["message"]


async def test_an_api_key_gives_a_token(anybody: Client, tenant: Tenant) -> None:
    before = int(time.time())
    data = (await anybody.post("/v1/auth/token", {"api_key": tenant.api_key})).json["data"]

    assert {"expired", "token", "user_id", "token_type"} == set(data)
    assert before + 86_400 <= data["expired"] <= time.time() + 86_400
    assert data["token_type"] == "Bearer"
    await Client(anybody._session, data["token"]).get("/v1/event")


async def test_version_3_shows_the_same_token_flat(anybody: Client, tenant: Tenant) -> None:
    before = int(time.time())
    shown = (await anybody.post("/v3/auth/token", {"api_key": tenant.api_key})).json

    assert set(shown) == {"token", "expired_in", "expired", "token_type", "user_id"}
    assert shown["token_type"] == "Bearer"
    assert 86_390 <= shown["expired_in"] <= 86_400
    assert before + 86_400 <= shown["expired"] <= time.time() + 86_400
    await Client(anybody._session, shown["token"]).get("/v1/event")
    wrong = await anybody.post("/v3/auth/token", {"api_key": str(ids.new())}, expect=401)
    assert wrong.json["error"] == "WRONG_CREDENTIALS"


YEARS_S = 10 * 365 * 86_400


async def test_tokens_live_as_long_as_their_api_key_says_and_end_with_it(
    anybody: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    async def life_s() -> int:
        given = (await anybody.post("/v1/auth/token", {"api_key": tenant.api_key})).json["data"]
        tokens.append(given["token"])
        return int(given["expired"]) - int(time.time())

    async def live(life_s: int | None) -> None:
        async with database.transaction() as tx:
            await admin.set_token_life(tx, tenant.domain.domain_uuid, "foo", life_s)

    tokens: list[str] = []
    await live(YEARS_S)
    assert abs(await life_s() - YEARS_S) < 5
    await live(None)
    assert abs(await life_s() - 86_400) < 5
    await Client(anybody._session, tokens[0]).get("/v1/event")  # it was given before

    async with database.transaction() as tx:
        await api_keys.rotate(tx, tenant.domain.domain_uuid, master_key, "foo")
    for token in tokens:
        client = Client(anybody._session, token)
        await until(partial(is_refused, client))


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/event", expect=None)).status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong horse"},
        {"username": "nobody@example.vn"},
        {"username": "foo"},
        {"username": "\0@\0"},
    ],
)
async def test_wrong_credentials_are_all_alike(
    anybody: Client, tenant: Tenant, wrong: dict[str, str]
) -> None:
    given = {"username": tenant.username, "password": PASSWORD} | wrong

    if "\0" in given["username"]:
        await anybody.post("/v1/auth", given, expect=422)
        return
    answer = await anybody.post("/v1/auth", given, expect=401)
    assert answer.json["error"] == "WRONG_CREDENTIALS"
    assert "Bearer" in answer.headers["WWW-Authenticate"]


async def test_a_wrong_api_key_is_refused(anybody: Client, tenant: Tenant) -> None:
    answer = await anybody.post("/v1/auth/token", {"api_key": str(ids.new())}, expect=401)

    assert answer.json["error"] == "WRONG_CREDENTIALS"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "username"),
        ({"username": "a@b"}, "password"),
        ({"username": 1, "password": "x"}, "username"),
        ([], "username"),
        ([1], "body"),
    ],
)
async def test_what_is_missing_is_named(anybody: Client, body: Any, field: str) -> None:
    answer = await anybody.post("/v1/auth", body, expect=422)

    assert ("INVALID_FIELD", field) == (answer.json["error"], answer.json["field"])


async def test_guessing_passwords_ends_after_five(anybody: Client, tenant: Tenant) -> None:
    for _ in range(5):
        await anybody.post(
            "/v1/auth", {"username": tenant.username, "password": "guess"}, expect=401
        )
    refused = await anybody.post(
        "/v1/auth", {"username": tenant.username.upper(), "password": PASSWORD}, expect=429
    )

    assert refused.json["error"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await anybody.post("/v1/auth/token", {"api_key": tenant.api_key})


async def test_right_logins_are_never_too_many(anybody: Client, tenant: Tenant) -> None:
    for _ in range(7):
        await anybody.post("/v1/auth", {"username": tenant.username, "password": PASSWORD})


async def test_no_token_no_answer(anybody: Client) -> None:
    answer = await anybody.get("/v1/event", expect=401)

    assert answer.json["error"] == "UNAUTHORIZED"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tongdai"'


async def test_the_scheme_is_read_in_any_case(client: Client) -> None:
    await client.get("/v1/event", headers={"Authorization": f"bearer  {client.token}"})


def forged(master_key: MasterKey, tenant: Tenant, user: UUID, **changes: Any) -> str:
    """A token signed with our key, but saying something else."""
    tokens = Tokens(master_key, 60)
    now = int(time.time())
    claims = {
        "iss": tokens._issuer,
        "sub": str(user),
        "dom": str(tenant.domain.domain_uuid),
        "iat": now,
        "exp": now + 60,
    }
    header, key = tokens._header | changes.pop("header", {}), changes.pop("key", tokens._key)
    return jwt.encode(header, claims | changes, key, ["HS256", "HS512"])


async def user_of(database: db.Database, tenant: Tenant) -> users.User:
    async with database.connection() as tx:
        return await users.get(tx, tenant.domain.domain_uuid, "foo")


async def test_forged_tokens_are_refused(
    anybody: Client, tenant: Tenant, master_key: MasterKey, database: db.Database
) -> None:
    user = (await user_of(database, tenant)).user_uuid
    assert (
        await Client(anybody._session, forged(master_key, tenant, user)).get("/v1/event")
    ).json == {
        "data": [],
        "total": 0,
    }

    head, body, signature = tenant.client.token.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (
        "x",
        "x.y.z",
        "é.é.é".encode().decode("latin-1"),
        head + "." + body + ".",
        head + "." + body + "." + signature[:-2],
        head + "." + body + "." + signature[::-1],
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{signature}",
        forged(master_key, tenant, user, exp=int(time.time()) - 1),
        forged(master_key, tenant, user, exp="never"),
        forged(master_key, tenant, user, iss="tongdai:0000000000000000"),
        forged(master_key, tenant, user, header={"kid": "other"}),
        forged(master_key, tenant, user, header={"alg": "HS512"}),
        forged(master_key, tenant, user, key=OctKey.import_key(bytes(32))),
        forged(MasterKey(b"another installation's own secret"), tenant, user),
        forged(master_key, tenant, ids.new()),
        forged(master_key, tenant, user, dom=str(ids.new())),
        forged(master_key, tenant, user, sub="101"),
    ):
        answer = await Client(anybody._session, token).get("/v1/event", expect=401)
        assert answer.json["error"] == "UNAUTHORIZED", token
        assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_disabled_user_is_refused_at_once(tenant: Tenant, database: db.Database) -> None:
    await tenant.client.get("/v1/event")
    user = await user_of(database, tenant)
    async with database.transaction() as tx:
        await users.update(
            tx, tenant.domain.domain_uuid, msgspec.structs.replace(user, enabled=False)
        )

    await until(lambda: refused(tenant.client))
    async with database.transaction() as tx:
        await users.update(tx, tenant.domain.domain_uuid, user)
    await tenant.client.get("/v1/event")


async def test_a_disabled_domain_is_refused_at_once(tenant: Tenant, database: db.Database) -> None:
    await tenant.client.get("/v1/event")
    async with database.transaction() as tx:
        await domains.update(tx, msgspec.structs.replace(tenant.domain, enabled=False))

    await until(lambda: refused(tenant.client))


async def test_a_token_ends_with_the_api_key_that_it_was_made_with(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """Tokens of other users, and of the new key, are good."""
    async with database.transaction() as tx:
        bar = await users.insert(tx, tenant.domain.domain_uuid, master_key, "bar", PASSWORD)
    other, old = await with_key(tenant.client, bar.api_key), tenant.client
    await old.get("/v1/event")
    await old.get("/v1/cdr")
    async with database.transaction() as tx:
        key = await api_keys.rotate(tx, tenant.domain.domain_uuid, master_key, "foo")

    new = await with_key(old, key)
    await until(lambda: refused(old))
    for path in ("/v1/event", "/v1/cdr", "/v1/event/feed"):
        answer = await old.get(path, expect=401)
        assert answer.json["error"] == "UNAUTHORIZED"
        assert answer.json["message"].endswith("The API key of the token was rotated.")
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
        vietnamese = await old.get(path, expect=401, headers={"Accept-Language": "vi"})
        assert vietnamese.json["message"].endswith("API key đã lấy token này không còn hiệu lực.")
        await new.get(path)
        await other.get(path)


async def test_a_token_from_before_keys_had_versions_is_of_the_first(
    anybody: Client, tenant: Tenant, master_key: MasterKey, database: db.Database
) -> None:
    old = Client(
        anybody._session, forged(master_key, tenant, (await user_of(database, tenant)).user_uuid)
    )
    await old.get("/v1/event")
    async with database.transaction() as tx:
        await api_keys.rotate(tx, tenant.domain.domain_uuid, master_key, "foo")

    await until(lambda: refused(old))


async def test_a_token_ends_with_its_user(tenant: Tenant, database: db.Database) -> None:
    await tenant.client.get("/v1/event")
    async with database.transaction() as tx:
        await users.delete(tx, tenant.domain.domain_uuid, "foo")

    await until(lambda: refused(tenant.client))


async def with_key(client: Client, api_key: str) -> Client:
    """One more, with a token made with that key."""
    answer = await Client(client._session).post("/v1/auth/token", {"api_key": api_key})
    return Client(client._session, answer.json["data"]["token"])


async def refused(client: Client) -> bool:
    return (await client.get("/v1/event", expect=None)).status == 401
