"""The second factor: codes of an authenticator app, beside the password."""

import time
from typing import Any, NamedTuple

import pytest

from tests.api.conftest import PASSWORD, Client, Reply, Tenant
from tongdai import ids
from tongdai.api import totp
from tongdai.encryption import MasterKey
from tongdai.store import audit, db, operators, second_factors, users
from tongdai.store.sessions import Holder

PAGE = {"X-Requested-With": "portal"}
# RFC 6238, appendix B, by SHA-1, the last six of eight digits
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {
    59: "287082",
    1_111_111_109: "081804",
    1_111_111_111: "050471",
    1_234_567_890: "005924",
    2_000_000_000: "279037",
    20_000_000_000: "353130",
}


@pytest.mark.parametrize(("at", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert totp.code(RFC_SECRET, at // totp.STEP_S) == code


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    step = 1_234_567_890 // totp.STEP_S
    for off in (-1, 0, 1):
        code = totp.code(RFC_SECRET, step + off)
        assert totp.step_of(RFC_SECRET, f" {code[:3]} {code[3:]}", 1_234_567_890) == step + off
    for off in (-2, 2):
        assert totp.step_of(RFC_SECRET, totp.code(RFC_SECRET, step + off), 1_234_567_890) is None
    for given in ("", "12345", "1234567", "abc"):
        assert totp.step_of(RFC_SECRET, given, 1_234_567_890) is None


def test_the_uri_names_account_and_issuer() -> None:
    uri = totp.uri(RFC_SECRET, "an@sales.example.vn", "tongdai")

    assert uri == (
        f"otpauth://totp/tongdai:an%40sales.example.vn?secret={RFC_SECRET}&issuer=tongdai"
    )


def code_now(secret: str, off: int = 0) -> str:
    return totp.code(secret, int(time.time()) // totp.STEP_S + off)


class Factor(NamedTuple):
    secret: str
    recovery_codes: list[str]


async def enrol(client: Client) -> Factor:
    """The account has a second factor, of which the code of the step before is used."""
    secret: str = (await client.post("/v1/second-factor")).json["secret"]
    given = {"secret": secret, "code": code_now(secret, -1)}
    done = (await client.ask("PUT", "/v1/second-factor", json=given)).json
    assert done["enabled"] is True
    return Factor(secret, done["recovery_codes"])


async def signs_in(
    anybody: Client, username: str, code: str = "", *, expect: int = 200, path: str = "/v1/session"
) -> Reply:
    body: dict[str, Any] = {"username": username, "password": PASSWORD, "code": code}
    return await anybody.post(path, body, headers=PAGE, expect=expect)


@pytest.mark.parametrize("path", ["/v1/session", "/v1/auth"])
async def test_a_log_in_needs_a_code_once_there_is_one_and_takes_each_once(
    anybody: Client, tenant: Tenant, path: str
) -> None:
    assert (await tenant.client.get("/v1/second-factor")).json["enabled"] is False
    secret = (await enrol(tenant.client)).secret
    shown = (await tenant.client.get("/v1/second-factor")).json
    assert shown == {"enabled": True, "recovery_codes": 10}

    refused = await signs_in(anybody, tenant.username, expect=401, path=path)
    assert (refused.json["error"], refused.json["field"]) == ("CODE_NEEDED", "code")
    wrong = str((int(code_now(secret)) + 1) % 10**6).zfill(6)
    refused = await signs_in(anybody, tenant.username, wrong, expect=401, path=path)
    assert (refused.json["error"], refused.json["field"]) == ("WRONG_CODE", "code")
    code = code_now(secret, 1)
    await signs_in(anybody, tenant.username, code, path=path)
    await signs_in(anybody, tenant.username, code, expect=401, path=path)
    await signs_in(anybody, tenant.username, code_now(secret), expect=401, path=path)


async def test_api_keys_and_tokens_stay_as_they_are(anybody: Client, tenant: Tenant) -> None:
    await enrol(tenant.client)

    await tenant.client.get("/v1/cdr")
    await anybody.post("/v1/auth/token", {"api_key": tenant.api_key})


async def test_wrong_codes_are_limited_as_wrong_passwords_are(
    anybody: Client, tenant: Tenant
) -> None:
    await enrol(tenant.client)
    for _ in range(5):
        await signs_in(anybody, tenant.username, "000", expect=401)
    await signs_in(anybody, tenant.username, "000", expect=429)


async def test_a_wrong_password_does_not_tell_that_there_is_one(
    anybody: Client, tenant: Tenant
) -> None:
    await enrol(tenant.client)
    given = {"username": tenant.username, "password": "wrong"}
    refused = await anybody.post("/v1/session", given, headers=PAGE, expect=401)
    assert refused.json["error"] == "WRONG_CREDENTIALS"


async def test_it_counts_only_with_a_code_and_only_once(tenant: Tenant) -> None:
    secret = (await tenant.client.post("/v1/second-factor")).json["secret"]
    for given, field in (
        ({"secret": secret, "code": "000"}, "code"),
        ({"secret": "not base 32!", "code": "000000"}, "secret"),
    ):
        refused = await tenant.client.ask("PUT", "/v1/second-factor", json=given, expect=422)
        assert refused.json["field"] == field
    await enrol(tenant.client)
    given = {"secret": secret, "code": code_now(secret)}
    await tenant.client.ask("PUT", "/v1/second-factor", json=given, expect=409)


async def test_it_is_given_up_by_a_code(
    anybody: Client, tenant: Tenant, database: db.Database
) -> None:
    await tenant.client.ask("DELETE", "/v1/second-factor?code=123456", expect=404)
    secret = (await enrol(tenant.client)).secret
    await tenant.client.ask("DELETE", "/v1/second-factor?code=000", expect=401)
    await tenant.client.ask("DELETE", f"/v1/second-factor?code={code_now(secret, 1)}")
    await signs_in(anybody, tenant.username)

    async with database.connection() as tx:
        wanted = audit.Filter(noun="second_factor")
        logged = await audit.list(tx, tenant.domain.domain_uuid, wanted, limit=5)
    assert [(one.action, one.actor, one.name) for one in logged] == [
        ("delete", "user:foo", "foo"),
        ("create", "user:foo", "foo"),
    ]


async def test_an_operator_has_one_too_and_it_goes_with_the_account(
    anybody: Client, database: db.Database, master_key: MasterKey
) -> None:
    name = f"o{ids.new().hex}"
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, name, PASSWORD)
    granted = await anybody.post("/v1/auth/token", {"api_key": made.api_key})
    secret, _ = await enrol(Client(anybody._session, granted.json["data"]["token"]))
    await signs_in(anybody, name, expect=401)
    await signs_in(anybody, name, code_now(secret))
    async with database.transaction() as tx:
        await operators.delete(tx, name)
        holder = Holder(None, made.operator_uuid)
        assert await second_factors.find(tx, master_key, holder) is None


async def test_it_goes_with_a_user(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    await enrol(tenant.client)
    async with database.transaction() as tx:
        user = await users.get(tx, tenant.domain.domain_uuid, "foo")
        await users.delete(tx, tenant.domain.domain_uuid, "foo")
        holder = Holder(tenant.domain.domain_uuid, user.user_uuid)
        assert await second_factors.find(tx, master_key, holder) is None


async def test_a_recovery_code_serves_once(anybody: Client, tenant: Tenant) -> None:
    _, codes = await enrol(tenant.client)
    assert len(set(codes)) == 10
    typed = f" {codes[3].upper()} "

    await signs_in(anybody, tenant.username, typed)
    await signs_in(anybody, tenant.username, typed, expect=401)
    assert (await tenant.client.get("/v1/second-factor")).json["recovery_codes"] == 9


async def test_an_administrator_forgets_that_of_a_user_who_lost_it(
    anybody: Client, tenant: Tenant
) -> None:
    await enrol(tenant.client)
    await signs_in(anybody, tenant.username, expect=401)

    await tenant.client.ask("DELETE", "/v1/admin/users/foo/second-factor")
    await signs_in(anybody, tenant.username)
    await tenant.client.ask("DELETE", "/v1/admin/users/foo/second-factor", expect=404)


async def test_the_database_has_neither_secret_nor_recovery_codes(
    tenant: Tenant, database: db.Database
) -> None:
    secret, codes = await enrol(tenant.client)
    async with database.connection() as tx:
        rows = await tx.fetch("SELECT s::text FROM second_factors s")
    stored = " ".join(row[0] for row in rows)
    for text in (secret, *codes):
        assert text not in stored
        assert text.encode().hex() not in stored
