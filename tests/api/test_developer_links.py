"""Links by which an outside developer opens the page for developers, and no other."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from testbed.until import until
from tests.api.conftest import Client, Reply, Tenant
from tests.api.test_permissions import MATRIX, asks_everything
from tests.api.test_sessions import PAGE, cookie
from tongdai.permissions import OF_DEVELOPERS
from tongdai.store import audit, db, developer_links

PATH = "/v1/admin/developer-links"


async def makes(tenant: Tenant, **given: object) -> dict[str, Any]:
    made = await tenant.client.post(PATH, {"name": "CRM, Minh"} | given, expect=201)
    return made.json  # type: ignore[no-any-return]


async def opens(anybody: Client, link: dict[str, Any], *, expect: int = 200) -> Reply:
    secret = urlsplit(link["url"]).fragment.removeprefix("link=")
    return await anybody.post("/v1/session/link", {"secret": secret}, headers=PAGE, expect=expect)


class Developer(Client):
    """A page of ours in which a link was opened."""

    def __init__(self, client: Client, headers: dict[str, str]) -> None:
        super().__init__(client._session)
        self._own = headers

    async def ask(self, method: str, path: str, **given: Any) -> Reply:
        headers = self._own | given.pop("headers", {})
        return await super().ask(method, path, headers=headers, **given)


@pytest.fixture
async def link(tenant: Tenant) -> dict[str, Any]:
    return await makes(tenant)


@pytest.fixture
async def developer(anybody: Client, link: dict[str, Any]) -> Developer:
    return Developer(anybody, PAGE | cookie(await opens(anybody, link)))


async def test_a_link_is_an_account_of_its_own_in_the_domain(
    developer: Developer, tenant: Tenant, link: dict[str, Any]
) -> None:
    me = (await developer.get("/v1/session")).json

    assert (me["username"], me["level"]) == ("CRM, Minh", "developer")
    assert me["domain"] == tenant.domain.name
    assert set(me["permissions"]) == OF_DEVELOPERS
    assert me["expires_at"] <= link["expires_at"]
    [session] = (await developer.get("/v1/sessions")).json["data"]
    assert session["is_this"]


async def test_it_opens_what_developers_need_and_nothing_else(developer: Developer) -> None:
    found = await asks_everything(developer)

    await developer.get("/v1/session", expect=401)  # it signed out among all of that
    let_in = {key for key, error in found.items() if error == ""}
    ours = {key for key, (permission, _) in MATRIX.items() if permission in OF_DEVELOPERS}
    assert let_in <= ours
    assert ("get", "/v1/event") in let_in


async def test_it_makes_subscriptions_of_the_domain_as_the_developer(
    developer: Developer, tenant: Tenant, database: db.Database
) -> None:
    wish = {"event": "cdr", "callback_url": "https://crm.example.vn/x", "callback_apikey": "k"}
    made = await developer.post("/v1/event", wish, expect=None)
    assert made.status in (200, 201), made

    assert len((await tenant.client.get("/v1/event")).json["data"]) == 1
    async with database.connection() as tx:
        entries = await audit.list(tx, tenant.domain.domain_uuid, limit=3)
    assert [(one.actor, one.noun) for one in entries] == [
        ("developer:CRM, Minh", "subscription"),
        ("developer:CRM, Minh", "session"),
        ("user:foo", "developer_link"),
    ]


async def test_a_link_that_is_revoked_ends_its_sessions(
    developer: Developer, anybody: Client, tenant: Tenant, link: dict[str, Any]
) -> None:
    [listed] = (await tenant.client.get(PATH)).json["data"]
    assert "url" not in listed
    assert listed["opened_from"] == "127.0.0.1"
    await developer.get("/v1/event")
    await tenant.client.ask("DELETE", f"{PATH}/{link['id']}")

    async def is_refused() -> bool:
        return (await developer.get("/v1/event", expect=None)).status == 401

    await until(is_refused)
    await opens(anybody, link, expect=410)
    await tenant.client.ask("DELETE", f"{PATH}/{link['id']}", expect=404)


async def test_a_link_that_has_expired_opens_nothing(
    developer: Developer,
    anybody: Client,
    tenant: Tenant,
    link: dict[str, Any],
    database: db.Database,
) -> None:
    domain_uuid = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE developer_links SET expires_at = now() WHERE domain_uuid = $1", domain_uuid
        )
        await tx.execute("SELECT pg_notify('directory', $1)", str(domain_uuid))

    async def is_refused() -> bool:
        return (await developer.get("/v1/event", expect=None)).status == 401

    await until(is_refused)
    await opens(anybody, link, expect=410)
    assert (await tenant.client.get(PATH)).json["data"] == []


async def test_it_is_opened_by_pages_of_ours_alone(anybody: Client, link: dict[str, Any]) -> None:
    secret = urlsplit(link["url"]).fragment.removeprefix("link=")
    for headers in ({}, PAGE | {"Sec-Fetch-Site": "cross-site"}):
        await anybody.post("/v1/session/link", {"secret": secret}, headers=headers, expect=403)


async def test_a_key_makes_no_link_that_may_more_than_itself(
    anybody: Client, tenant: Tenant
) -> None:
    wish = {"username": "foo", "name": "keys", "scopes": ["api_key:write", "event:read"]}
    key = (await tenant.client.post("/v1/admin/api-keys", wish)).json["api_key"]
    token = (await anybody.post("/v1/auth/token", {"api_key": key})).json["data"]["token"]

    limited = Client(anybody._session, token)
    await limited.post(PATH, {"name": "too much"}, expect=403)


async def test_there_are_not_endlessly_many(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(developer_links, "MOST", 2)
    for name in ("one", "two"):
        await makes(tenant, name=name)
    refused = await tenant.client.post(PATH, {"name": "three"}, expect=409)
    assert "2" in refused.json["message"]
    await tenant.client.post(PATH, {"name": "x", "life_s": 1}, expect=422)
