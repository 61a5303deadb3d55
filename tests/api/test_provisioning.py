"""Links by which phones fetch the file with their account."""

import asyncio
import json
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from tests.api.conftest import Client, Tenant, serve
from tongdai import api
from tongdai.pbx.directory import NODE
from tongdai.phone_files import PHONE_FORMS, SOFTPHONE_FORMS
from tongdai.store import db, devices

MAC = "00:15:65:aa:bb:cc"
HERE = "http://pbx.example.vn"
parsed = ET.fromstring  # what we have made ourselves


@pytest.fixture
async def client(tenant: Tenant) -> Client:
    extension = {"extension": "101", "name": "Lê & Ánh"}
    await tenant.client.ask("POST", "/v1/admin/extensions", json=extension, expect=201)
    given = {"extension": "101", "name": "desk", "mac": "00-15-65-AA-BB-CC"}
    made = await tenant.client.ask("POST", "/v1/admin/devices", json=given, expect=201)
    assert made.json["mac"] == MAC
    return tenant.client


async def link(client: Client, account: str, expect: int = 201, **given: Any) -> Any:
    path = f"/v1/admin/devices/{account}/link"
    return (await client.ask("POST", path, json=given, expect=expect)).json


def path_of(made: Any, form: str) -> str:
    [url] = [one["url"] for one in made["urls"] if one["form"] == form]
    assert url.startswith(HERE)
    return str(url.removeprefix(HERE))


async def registers_by(database: db.Database, tenant: Tenant, account: str, password: str) -> bool:
    async with database.connection() as tx:
        known = await devices.list_for_provisioning(tx, NODE, tenant.domain.domain_uuid)
    [stored] = [one.digest_sha256 for one in known if one.endpoint.user == account]
    return stored == devices.digests(account, tenant.domain.name, password)[1]


async def test_a_desk_phone_fetches_its_file_at_each_start(
    client: Client, tenant: Tenant, anybody: Client, database: db.Database
) -> None:
    made = await link(client, "101-desk", kind="phone")
    assert [one["form"] for one in made["urls"]] == [*PHONE_FORMS]
    assert made["expires_at"] is None
    path = path_of(made, "yealink")
    for _ in range(2):
        fetched = await anybody.get(f"{path}001565aabbcc.cfg", headers={"User-Agent": "SIP-T46"})
        assert fetched.headers["Cache-Control"] == "no-store"
    settings = dict(
        line.split(" = ", 1) for line in fetched.body.decode().splitlines() if " = " in line
    )
    assert settings["account.1.user_name"] == "101-desk"
    assert settings["account.1.label"] == "Lê & Ánh"
    assert settings["account.1.sip_server.1.address"] == tenant.domain.name
    assert settings["account.1.outbound_proxy.1.address"] == "sip.example.vn"
    assert settings["static.auto_provision.server.url"] == HERE + path
    assert await registers_by(database, tenant, "101-desk", settings["account.1.password"]), (
        "the switch knows the password of the file"
    )

    shown = (await client.get("/v1/admin/devices/101-desk/link")).json
    assert (shown["kind"], shown["user_agent"]) == ("phone", "SIP-T46")
    assert shown["fetched_at"] is not None


async def test_every_form_tells_the_same_account(
    client: Client, tenant: Tenant, anybody: Client, database: db.Database
) -> None:
    made = await link(client, "101-desk", kind="phone")
    grandstream = await anybody.get(path_of(made, "grandstream") + "cfg001565aabbcc.xml")
    values = {one.tag: one.text for one in parsed(grandstream.body).iter()}
    assert (values["mac"], values["P35"], values["P3"]) == (
        *("001565aabbcc", "101-desk", "Lê & Ánh"),
    )
    fanvil = await anybody.get(path_of(made, "fanvil") + "001565aabbcc.cfg")
    line = parsed(fanvil.body).find("sip/line")
    assert line is not None
    assert line.findtext("RegisterUser") == "101-desk"
    assert line.findtext("RegisterPswd") == values["P34"]
    assert await registers_by(database, tenant, "101-desk", values["P34"] or "")

    for form in SOFTPHONE_FORMS:
        made = await link(client, "101", kind="softphone")
        file = await anybody.get(path_of(made, form))
        texts = {one.text for one in parsed(file.body).iter()}
        assert {"101", tenant.domain.name} <= texts
        found = [await registers_by(database, tenant, "101", one or "") for one in texts]
        assert any(found), "one of them is the password"


async def test_a_softphones_link_works_once(client: Client, anybody: Client) -> None:
    made = await link(client, "101", kind="softphone")
    assert [one["form"] for one in made["urls"]] == [*SOFTPHONE_FORMS]
    assert all(one["qr_svg"].startswith("<svg") for one in made["urls"])
    path = path_of(made, "linphone")
    await anybody.ask("HEAD", path, expect=405)
    answers = await asyncio.gather(*(anybody.get(path, expect=None) for _ in range(5)))
    assert sorted(one.status for one in answers) == [200, 410, 410, 410, 410]
    used = await anybody.get(path, expect=410, headers={"Accept-Language": "vi"})
    assert "mỗi link chỉ dùng được một lần" in used.json["message"]
    other = await anybody.get(path_of(made, "acrobits"), expect=410)
    assert "works once" in other.json["message"], "one link, whichever app"


async def test_a_link_that_comes_too_late_says_so(
    client: Client, tenant: Tenant, anybody: Client, database: db.Database
) -> None:
    path = path_of(await link(client, "101", kind="softphone", life_s=60), "linphone")
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE provisioning_links SET expires_at = now() WHERE domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
    refused = await anybody.get(path, expect=410)
    assert "has expired" in refused.json["message"]
    assert (await client.get("/v1/admin/devices/101/link")).json["fetched_at"] is None


async def test_a_new_link_ends_the_one_before(client: Client, anybody: Client) -> None:
    first = path_of(await link(client, "101-desk", kind="phone"), "yealink")
    second = path_of(await link(client, "101-desk", kind="phone"), "yealink")
    await anybody.get(f"{first}001565aabbcc.cfg", expect=404)
    before = await anybody.get(f"{second}001565aabbcc.cfg")
    await client.ask("PATCH", "/v1/admin/devices/101-desk", json={"new_password": True})
    stale = await anybody.get(f"{second}001565aabbcc.cfg", expect=410)
    assert "another password" in stale.json["message"]
    assert b"account.1.password" in before.body

    await link(client, "101-desk", kind="phone")
    await client.ask("DELETE", "/v1/admin/devices/101-desk/link")
    await client.get("/v1/admin/devices/101-desk/link", expect=404)
    await client.ask("DELETE", "/v1/admin/devices/101-desk/link", expect=404)


async def test_a_link_is_of_one_phone_and_kind(client: Client, anybody: Client) -> None:
    path = path_of(await link(client, "101-desk", kind="phone"), "yealink")
    secret = path.rstrip("/").rpartition("/")[2]
    for wrong in (
        f"{path}001565aabbcd.cfg",
        f"{path}y000000000028.cfg",
        path.rstrip("/"),
        f"/provisioning/linphone/{secret}",
        f"/provisioning/yealink/{'x' * 43}/001565aabbcc.cfg",
    ):
        assert (await anybody.get(wrong, expect=None)).status in (404, 422), wrong
    assert (await client.get("/v1/admin/devices/101-desk/link")).json["fetched_at"] is None
    await anybody.get(f"{path}001565AABBCC.cfg")
    await client.ask("PATCH", "/v1/admin/extensions/101", json={"enabled": False})
    await anybody.get(f"{path}001565aabbcc.cfg", expect=404)


@pytest.mark.parametrize(
    ("account", "given", "status", "field"),
    [
        ("101", {"kind": "phone"}, 409, "mac"),
        ("101-browser", {"kind": "softphone"}, 409, "kind"),
        ("101", {"kind": "fax"}, 422, "kind"),
        ("101", {}, 422, "kind"),
        ("101", {"kind": "softphone", "life_s": 59}, 422, "life_s"),
        ("199", {"kind": "softphone"}, 404, None),
    ],
)
async def test_what_cannot_be_linked_is_refused(
    client: Client, account: str, given: dict[str, Any], status: int, field: str | None
) -> None:
    browser = {"extension": "101", "name": "browser", "kind": "browser"}
    await client.ask("POST", "/v1/admin/devices", json=browser, expect=201)
    assert (await link(client, account, status, **given)).get("field") == field


async def test_a_mac_is_of_one_device(client: Client) -> None:
    twice = {"extension": "101", "name": "other", "mac": MAC.upper()}
    refused = await client.ask("POST", "/v1/admin/devices", json=twice, expect=409)
    assert refused.json["field"] == "mac"
    wrong = await client.ask(
        "PATCH", "/v1/admin/devices/101-desk", json={"mac": "001565"}, expect=422
    )
    assert wrong.json["field"] == "mac"
    await client.ask("PATCH", "/v1/admin/devices/101-desk", json={"mac": ""})
    await client.ask("POST", "/v1/admin/devices", json=twice, expect=201)


async def test_links_are_in_the_audit_log_without_their_secrets(
    client: Client, anybody: Client
) -> None:
    made = await link(client, "101-desk", kind="phone")
    path = path_of(made, "yealink")
    file = await anybody.get(f"{path}001565aabbcc.cfg")
    [password] = [
        line.partition(" = ")[2]
        for line in file.body.decode().splitlines()
        if line.startswith("account.1.password")
    ]
    logged = (await client.get("/v1/admin/audit?noun=provisioning_link")).json["data"]
    assert [(one["action"], one["name"]) for one in logged] == [("create", "101 desk")]
    everything = json.dumps((await client.get("/v1/admin/audit")).json)
    assert password not in everything
    assert path.rstrip("/").rpartition("/")[2] not in everything


async def test_guessing_ends_after_sixty(deps: api.Deps) -> None:
    async for url in serve(deps):
        async with aiohttp.ClientSession(url) as session:
            guesser = Client(session)
            for _ in range(60):
                await guesser.get("/provisioning/linphone/nothing", expect=404)
            await guesser.get("/provisioning/linphone/nothing", expect=429)
