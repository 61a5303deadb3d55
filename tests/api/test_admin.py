"""The configuration by the API: lists, changes, what is refused, and who did it."""

import asyncio
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import pytest

from tests.api.conftest import PASSWORD, Client, Tenant, move_in
from tongdai import ids
from tongdai.admin.accounts import ACCOUNTS
from tongdai.admin.nouns import NOUNS, Noun
from tongdai.api import admin
from tongdai.api import domains as api_domains
from tongdai.api import users as api_users
from tongdai.encryption import MasterKey
from tongdai.store import db, deletion, extensions, operators

Form = Literal["NFC", "NFD"]

NEW: dict[str, type[msgspec.Struct]] = {
    "extensions": admin.NewExtension,
    "devices": admin.NewDevice,
    "ring-groups": admin.NewRingGroup,
    "queues": admin.NewQueue,
    "hours-plans": admin.NewHoursPlan,
    "callers": admin.NewCaller,
    "menus": admin.NewMenu,
    "hotlines": admin.NewHotline,
    "trunks": admin.NewTrunk,
    "users": api_users.NewUser,
    "operators": api_users.NewOperator,
    "domains": api_domains.NewDomain,
}
KNOWN = NOUNS | ACCOUNTS


async def create(client: Client, noun: str, expect: int = 201, **fields: Any) -> Any:
    return (await client.ask("POST", f"/v1/admin/{noun}", json=fields, expect=expect)).json


async def change(
    client: Client, path: str, expect: int = 200, headers: dict[str, str] | None = None, **to: Any
) -> Any:
    path = f"/v1/admin/{path}"
    return await client.ask("PATCH", path, json=to, expect=expect, headers=headers or {})


@pytest.mark.parametrize("name", KNOWN)
def test_all_fields_of_a_noun_can_be_given(name: str) -> None:
    """Or tongdai alone writes them: a new field is not forgotten here."""
    noun: Noun = KNOWN[name]
    given = set(NEW[name].__struct_fields__) - set(noun.inputs)
    assert given == set(noun.kind.__struct_fields__) - set(noun.own)


async def test_an_extension_is_made_read_changed_and_deleted(client: Client) -> None:
    made = await create(client, "extensions", extension="101", name="Nguyễn Thị Ánh")
    assert len(made.pop("password")) >= 20, "shown this once"
    got = await client.get("/v1/admin/extensions/101")
    assert got.json == made
    assert (made["name"], made["enabled"], made["devices"]) == (
        "Nguyễn Thị Ánh", True, ["default"],
    )  # fmt: skip

    changed = await change(client, "extensions/101", max_calls=3, recording=False)
    assert changed.json == made | {"max_calls": 3, "recording": False}
    assert changed.headers["ETag"] != got.headers["ETag"]
    cleared = await change(client, "extensions/101", recording=None)
    assert cleared.json["recording"] is None, "null is a value here"
    renewed = await change(client, "extensions/101", new_password=True)
    assert renewed.json["password"] != made

    assert (await client.ask("DELETE", "/v1/admin/extensions/101")).json == {"deleted": True}
    await client.get("/v1/admin/extensions/101", expect=404)


async def test_groups_and_queues_lead_to_each_other(client: Client) -> None:
    for number in ("101", "102"):
        await create(client, "extensions", extension=number)
    group = await create(client, "ring-groups", number="600", members=["101", "102"])
    assert (group["strategy"], group["members"]) == ("ring_all", ["101", "102"])
    await create(client, "queues", number="700", agents=["102"], overflow="600")
    await change(client, "ring-groups/600", members=["102"], strategy="sequential")

    refused = await client.ask("DELETE", "/v1/admin/extensions/102", expect=409)
    assert "600" in refused.json["message"]
    assert "700" in refused.json["message"]
    await client.ask("DELETE", "/v1/admin/queues/700")
    await client.ask("DELETE", "/v1/admin/ring-groups/600")
    await client.ask("DELETE", "/v1/admin/extensions/102")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"extension": "1"}, "extension"),
        ({"name": "Ánh"}, "extension"),
        ({"extension": "101", "max_calls": 0}, "max_calls"),
        ({"extension": "101", "max_calls": "many"}, "max_calls"),
        ({"extension": "101", "ring_timeout_s": 301}, "ring_timeout_s"),
        ({"extension": "101", "hotline": "02873009999"}, "hotline"),
        ({"extension": "101", "password": "short"}, "password"),
        ({"extension": "101", "kind": "fax"}, "kind"),
        ({"extension": "101", "maxcalls": 2}, "maxcalls"),
        ({"extension": "101", "name": "a\0b"}, "name"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    for language in ("en", "vi"):
        refused = await client.ask(
            "POST", "/v1/admin/extensions", json=fields, expect=422,
            headers={"Accept-Language": language},
        )  # fmt: skip
        assert refused.json["field"] == field
        assert refused.json["message"]
    assert (await client.get("/v1/admin/extensions")).json["data"] == []


async def test_two_who_change_the_same_are_told(client: Client) -> None:
    await create(client, "extensions", extension="101")
    read = (await client.get("/v1/admin/extensions/101")).headers["ETag"]
    await change(client, "extensions/101", headers={"If-Match": read}, name="first")
    late = await change(client, "extensions/101", 412, headers={"If-Match": read}, name="second")
    assert late.json["error"] == "PRECONDITION_FAILED"
    path = "/v1/admin/extensions/101"
    await client.ask("DELETE", path, headers={"If-Match": read}, expect=412)
    assert (await client.get(path)).json["name"] == "first"
    await client.ask("DELETE", path, headers={"If-Match": '"x", *'})


async def test_a_new_password_is_a_change(client: Client) -> None:
    """Whoever read the extension before does not overwrite what another one has done."""
    await create(client, "extensions", extension="101")
    path = "/v1/admin/extensions/101"
    seen = [(await client.get(path)).headers["ETag"]]
    for given in ({"new_password": True}, {"password": "Chosen-Secret.1"}):
        seen.append((await change(client, "extensions/101", **given)).headers["ETag"])
        assert (await client.get(path)).headers["ETag"] == seen[-1]
    assert len({*seen}) == 3
    await change(client, "extensions/101", 412, headers={"If-Match": seen[0]}, name="late")
    await change(client, "extensions/101", headers={"If-Match": seen[-1]}, name="in time")


async def test_a_new_password_of_a_user_or_trunk_is_a_change(
    operator: Client, tenant: Tenant
) -> None:
    of = f"?domain={tenant.domain.name}"
    trunk = {"name": "viettel", "auth": "digest", "host": "sip.vn", "username": "u"}
    for noun, fields in (
        ("users", {"username": "an"}),
        ("trunks", trunk | {"password": "Chosen-Secret.1"}),
    ):
        await operator.post(f"/v1/admin/{noun}{of}", fields, expect=201)
        path = f"/v1/admin/{noun}/{fields.get('username' if noun == 'users' else 'name')}{of}"
        before = (await operator.get(path)).headers["ETag"]
        changed = await operator.ask("PATCH", path, json={"password": "Other-Secret.2"})
        assert changed.headers["ETag"] != before
        late = {"json": {"enabled": False}, "headers": {"If-Match": before}}
        await operator.ask("PATCH", path, expect=412, **late)


async def test_what_is_taken_is_a_conflict(client: Client) -> None:
    await create(client, "extensions", extension="600")
    taken = await create(client, "ring-groups", 409, number="600")
    assert taken["error"] == "CONFLICT"


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
async def test_a_search_finds_accents_however_they_are_written(
    client: Client, stored: Form, asked: Form
) -> None:
    """macOS writes them as characters of their own (NFD)."""
    name = unicodedata.normalize(stored, "Nguyễn Thị Ánh")
    await create(client, "extensions", extension="101", name=name)
    search = quote(unicodedata.normalize(asked, "nguyễn thị á"))
    found = (await client.get(f"/v1/admin/extensions?search={search}")).json["data"]
    assert [one["extension"] for one in found] == ["101"]


async def test_lists_are_searched_sorted_and_continued(client: Client) -> None:
    names = {"101": "Ánh", "102": "Bình 100%", "103": "ánh_2", "104": "Châu"}
    for number, name in names.items():
        await create(client, "extensions", extension=number, name=name)

    async def listed(query: str) -> list[str]:
        found, cursor = list[str](), ""
        while True:
            path = f"/v1/admin/extensions?limit=2&{query}&cursor={cursor}"
            page = (await client.get(path)).json
            found += [one["extension"] for one in page["data"]]
            assert len(page["data"]) <= 2
            if not (cursor := page["next_cursor"]):
                return found

    assert await listed("") == ["101", "102", "103", "104"]
    assert await listed("sort=-number") == ["104", "103", "102", "101"]
    assert await listed("sort=name") == sorted(names, key=lambda one: names[one])
    assert await listed("search=00%25&") == ["102"]
    assert await listed("search=h_2") == ["103"], "no wildcard"
    assert await listed("search=nobody") == []
    for wrong in ("cursor=abc", "sort=password", "limit=0", "limit=501"):
        await client.get(f"/v1/admin/extensions?{wrong}", expect=422)


async def test_the_log_says_who_did_it(client: Client, tenant: Tenant) -> None:
    await create(client, "queues", number="700")
    await change(client, "queues/700", wrap_up_s=30)
    await change(client, "queues/700", wrap_up_s=30)
    log = (await client.get("/v1/admin/audit?noun=queue")).json
    first, second = log["data"]
    assert (first["before"], first["after"]) == ({"wrap_up_s": 0}, {"wrap_up_s": 30})
    assert second["action"] == "create"
    assert {one["actor"] for one in log["data"]} == {f"user:{tenant.username.partition('@')[0]}"}
    assert {one["address"] for one in log["data"]} == {"127.0.0.1"}
    page = (await client.get("/v1/admin/audit?noun=queue&limit=1")).json
    after = (await client.get(f"/v1/admin/audit?noun=queue&cursor={page['next_cursor']}")).json
    assert [*page["data"], *after["data"]] == log["data"]
    assert after["next_cursor"] is None


@pytest.fixture
async def operator(anybody: Client, database: db.Database, master_key: MasterKey) -> Client:
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    given = await anybody.post("/v1/auth/token", {"api_key": made.api_key})
    return Client(anybody._session, given.json["data"]["token"])


async def test_an_operator_administers_any_domain(operator: Client, tenant: Tenant) -> None:
    of = f"?domain={tenant.domain.name}"

    await create(operator, f"extensions{of}", extension="101", name="Ánh")
    assert (await tenant.client.get("/v1/admin/extensions/101")).json["name"] == "Ánh"
    assert (await operator.get(f"/v1/cdr{of}")).json["data"] == []
    (entry,) = (await operator.get(f"/v1/admin/audit{of}&noun=extension")).json["data"]
    assert re.fullmatch("operator:o[0-9a-f]{32}", entry["actor"])
    await operator.get("/v1/admin/extensions", expect=403)
    await operator.get("/v1/admin/extensions?domain=nowhere.example.vn", expect=404)


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("extensions/101", {"kind": "sip"}, "kind"),
        ("extensions/101", {"max_calls": 2**31}, "max_calls"),
        ("extensions/101", {"suspended_until": None}, "suspended_until"),
        ("ring-groups/600", {"members": ["101"] * 501}, "members"),
        ("ring-groups/600", {"timeout_s": 2**63}, "timeout_s"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    client: Client, path: str, fields: dict[str, Any], field: str
) -> None:
    await create(client, "extensions", extension="101")
    await create(client, "ring-groups", number="600")
    assert (await change(client, path, 422, **fields)).json["field"] == field


async def test_an_etag_is_of_what_clients_may_change(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    await create(client, "extensions", extension="101")
    await create(client, "ring-groups", number="600", strategy="round_robin", members=["101"])
    read = (await client.get("/v1/admin/ring-groups/600")).headers["ETag"]
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE ring_groups SET next_member = 7 WHERE domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
    await change(client, "ring-groups/600", 412, headers={"If-Match": f"W/{read}"}, name="x")
    await change(client, "ring-groups/600", headers={"If-Match": read}, name="x")


async def test_a_domain_that_is_being_changed_holds_up_no_other(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """As many changes as there are connections wait for one that is long under way."""
    other = await move_in(database, master_key, client._session)
    async with database.transaction() as tx:
        await tx.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('configuration ' || $1, 0))",
            str(tenant.domain.domain_uuid),
        )
        waiting = [
            asyncio.create_task(create(client, "extensions", 503, extension=f"2{n:02}"))
            for n in range(4)
        ]
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
        await create(other.client, "extensions", extension="101")
        assert asyncio.get_running_loop().time() - began < 2
        await asyncio.gather(*waiting)
    await create(client, "extensions", extension="201")


async def test_an_operator_reads_the_feed_of_a_domain(operator: Client, tenant: Tenant) -> None:
    read = await operator.get(f"/v1/event/feed?domain={tenant.domain.name}&wait=1")
    assert read.json["data"] == []


async def suspend(database: db.Database, tenant: Tenant, until: datetime) -> None:
    async with database.transaction() as tx:
        await extensions.suspend(tx, tenant.domain.domain_uuid, "101", until, "called +882")


async def test_only_an_operator_ends_a_suspension(
    client: Client, operator: Client, tenant: Tenant, database: db.Database
) -> None:
    """Nor does a new extension of the same number, which would not be suspended."""
    await create(client, "extensions", extension="101")
    await suspend(database, tenant, datetime.now(UTC) + timedelta(hours=1))
    refused = await change(client, "extensions/101", 403, unsuspend=True, name="x")
    assert (refused.json["error"], refused.json["field"]) == ("FORBIDDEN", "unsuspend")
    path = "/v1/admin/extensions/101"
    kept = await client.ask("DELETE", path, expect=409)
    assert "suspended until" in kept.json["message"]
    assert (await client.get(path)).json["suspended_until"]

    of = f"?domain={tenant.domain.name}"
    ended = await operator.ask("PATCH", f"{path}{of}", json={"unsuspend": True})
    assert ended.json["suspended_until"] is None
    await client.ask("DELETE", path)


async def test_a_suspension_that_is_over_keeps_nobody(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    await create(client, "extensions", extension="101")
    await suspend(database, tenant, datetime.now(UTC) - timedelta(seconds=1))
    await client.ask("DELETE", "/v1/admin/extensions/101")


async def test_a_domain_that_is_being_deleted_is_not_changed(
    operator: Client, tenant: Tenant, database: db.Database
) -> None:
    async with database.transaction() as tx:
        await deletion.begin(tx, tenant.domain.domain_uuid)
    of = f"?domain={tenant.domain.name}"
    hook = {"callback_url": "https://a.vn/", "event": "cdr"}
    for path, fields in (
        ("/v1/admin/extensions", {"extension": "101"}),
        ("/v1/admin/queues", {"number": "700"}),
        ("/v1/event", hook),
        ("/v3/extension", {"extension": "102", "password": "Chosen-Secret.1"}),
    ):
        refused = await operator.post(f"{path}{of}", fields, expect=409)
        assert "being deleted" in refused.json["message"], path
