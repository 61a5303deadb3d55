"""Extensions many at a time, and requests that are sent twice."""

import asyncio
import csv
import io
from typing import Any

import pytest

from tests.api.conftest import Client, Reply, Tenant
from tests.api.test_admin_accounts import logged_in
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import NODE
from tongdai.store import db, devices, idempotency_keys

BULK, CSV = "/v1/admin/extensions/bulk", "/v1/admin/extensions/csv"


async def numbers(client: Client) -> list[str]:
    listed = (await client.get("/v1/admin/extensions?limit=500")).json["data"]
    return [one["extension"] for one in listed]


async def upload(
    client: Client, text: str | bytes, query: str = "", expect: int = 201, **headers: str
) -> Any:
    content = text.encode() if isinstance(text, str) else text
    reply = await client.ask(
        "POST", CSV + query, data=io.BytesIO(content), expect=expect,
        headers={"Content-Type": "text/csv"} | headers,
    )  # fmt: skip
    return reply.json


async def test_five_hundred_are_made_in_one_request(tenant: Tenant, database: db.Database) -> None:
    new = [{"extension": str(number), "name": f"Số {number}"} for number in range(1000, 1500)]
    made = (await tenant.client.post(BULK, {"extensions": new}, expect=201)).json
    assert (made["created"], len(made["data"]), made["errors"]) == (500, 500, [])
    assert await numbers(tenant.client) == [one["extension"] for one in new]
    assert len({one["password"] for one in made["data"]}) == 500

    async with database.connection() as tx:
        known = await devices.list_for_provisioning(tx, NODE, tenant.domain.domain_uuid, "1499")
    _, digest = devices.digests("1499", tenant.domain.name, made["data"][-1]["password"])
    assert [one.digest_sha256 for one in known] == [digest], "the last one can register"


WRONG = [
    ({"extension": "101"}, None),
    ({"extension": "1"}, "extension"),
    ({"extension": "102", "max_calls": 0}, "max_calls"),
    ({"extension": "101"}, "extension"),
    ({"name": "Ánh"}, "extension"),
    ({"extension": "103", "hotline": "19009999"}, "hotline"),
    ({"extension": "104", "maxcalls": 1}, "maxcalls"),
    ({"extension": "113"}, "extension"),
    ({"extension": "105", "password": "a b"}, "password"),
    ({"extension": "106"}, None),
]


async def test_every_wrong_line_is_named_and_nothing_is_made(client: Client) -> None:
    wish = {"extensions": [fields for fields, _ in WRONG]}
    for language, word in (("en", "Nothing was made"), ("vi", "Không tạo gì cả")):
        headers = {"Accept-Language": language}
        refused = (await client.post(BULK, wish, expect=422, headers=headers)).json
        assert refused["error"] == "WRONG_LINES"
        assert word in refused["message"]
        assert [(one["line"], one["field"]) for one in refused["errors"]] == [
            (line, field) for line, (_, field) in enumerate(WRONG, 1) if field
        ]
        assert all(one["message"] for one in refused["errors"])
    assert await numbers(client) == []


async def test_with_partial_the_right_ones_are_made(client: Client) -> None:
    wish = {"extensions": [fields for fields, _ in WRONG], "partial": True}
    made = (await client.post(BULK, wish, expect=201)).json
    assert [(one["line"], one["extension"]) for one in made["data"]] == [(1, "101"), (10, "106")]
    assert [one["line"] for one in made["errors"]] == [*range(2, 10)]
    assert await numbers(client) == ["101", "106"]
    assert (await client.get("/v1/admin/audit?noun=extension")).json["data"][0]["name"] == "106"


async def test_a_file_comes_back_as_it_was_written(client: Client) -> None:
    names = {"101": "Ánh, Sales", "102": "=1+1", "103": "'quoted"}
    for number, name in names.items():
        new = {"extension": number, "name": name, "recording": number == "101" or None}
        await client.ask("POST", "/v1/admin/extensions", json=new, expect=201)
    written = await client.get(CSV)
    assert written.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert written.body.startswith(b"\xef\xbb\xbf"), "spreadsheets take it for UTF-8"
    assert b",'=1+1," in written.body, "no spreadsheet calculates it"
    before = (await client.get("/v1/admin/extensions")).json
    for number in await numbers(client):
        await client.ask("DELETE", f"/v1/admin/extensions/{number}")

    made = await upload(client, written.body)
    assert [(one["line"], one["extension"]) for one in made["data"]] == [
        (2, "101"), (3, "102"), (4, "103"),
    ]  # fmt: skip
    assert (await client.get("/v1/admin/extensions")).json == before


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_spreadsheets_of_all_countries_are_read(client: Client, delimiter: str) -> None:
    rows = [
        ["Extension", "name", "enabled", "max_calls", "recording", "password"],
        ["101", "Nguyễn Thị Ánh", "yes", "3", "", "chosen-secret-1"],
        [],
        ["102", "", "0", "", "true", ""],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    made = await upload(client, text.getvalue())
    assert [(one["line"], one["extension"]) for one in made["data"]] == [(2, "101"), (4, "102")]
    assert made["data"][0]["password"] == "chosen-secret-1"
    first, second = (await client.get("/v1/admin/extensions")).json["data"]
    assert (first["name"], first["enabled"], first["max_calls"], first["recording"]) == (
        "Nguyễn Thị Ánh", True, 3, None,
    )  # fmt: skip
    assert (second["enabled"], second["max_calls"], second["recording"]) == (False, 2, True)


async def test_the_wrong_lines_of_a_file_are_named_by_their_place_in_it(client: Client) -> None:
    text = (
        "extension,name,enabled,max_calls\n"
        '101,"two\nlines",,\n'
        "102,x,perhaps,\n"
        "\n"
        "103,x,,many\n"
        "104,x,,1,too much\n"
        "105\n"
    )
    refused = await upload(client, text, expect=422)
    assert [(one["line"], one["field"]) for one in refused["errors"]] == [
        (2, "name"), (4, "enabled"), (6, "max_calls"), (7, "max_calls"),
    ]  # fmt: skip
    assert await numbers(client) == []
    made = await upload(client, text, "?partial=true")
    assert [one["extension"] for one in made["data"]] == ["105"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "extension"),
        ("name\nÁnh\n", "extension"),
        ("extension,surname\n101,x\n", "surname"),
        ("extension,name,name\n101,x,y\n", "name"),
        ("extension\n" + "".join(f"{n}\n" for n in range(10_000, 11_001)), "body"),
        ('extension\n"101"x\n', "body"),
        ("extension\n10\0\n", "body"),
        (b"extension,name\n101,\xff\n", "body"),
    ],
)
async def test_a_file_that_is_none_is_refused(
    client: Client, text: str | bytes, field: str
) -> None:
    refused = await upload(client, text, expect=422)
    assert refused["field"] == field
    assert await numbers(client) == []


async def test_a_body_is_not_without_end(client: Client) -> None:
    await upload(client, "extension,name\n" + "x" * (1 << 20), expect=413)
    long = {"extension": "101", "name": "x" * (64 << 10)}
    await client.ask("POST", "/v1/admin/extensions", json=long, expect=413)


# --- Idempotency-Key


async def post(client: Client, path: str, key: str, body: Any, expect: int | None = 201) -> Reply:
    return await client.post(path, body, headers={"Idempotency-Key": key}, expect=expect)


async def test_a_request_that_is_sent_again_does_its_work_once(client: Client) -> None:
    new = {"extension": "101"}
    first = await post(client, "/v1/admin/extensions", "a", new)
    again = await post(client, "/v1/admin/extensions", "a", new)
    assert again.body == first.body, "the password too"
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    await post(client, "/v1/admin/extensions", "b", new, 409)

    wish = {"extensions": [{"extension": "102"}]}
    first, again = [await post(client, BULK, "c", wish) for _ in range(2)]
    assert first.body == again.body


async def test_keys_secrets_and_subscriptions_are_made_once(client: Client) -> None:
    """The secret that an answer shows is in the same answer again; nothing is replaced twice."""
    wish = {"username": "foo", "name": "CRM"}
    key, _ = [await post(client, "/v1/admin/api-keys", "a", wish, 200) for _ in range(2)]
    hook = {"event": "cdr", "callback_url": "https://crm.example.vn/hook"}
    subscription, _ = [await post(client, "/v1/event", "b", hook, 200) for _ in range(2)]
    assert (await client.get("/v1/event")).json["total"] == 1
    for name, path in (
        ("c", f"/v1/admin/api-keys/{key.json['id']}/rotate"),
        ("d", f"/v1/event/{subscription.json['id']}/rotate_secret"),
    ):
        first, again = [await post(client, path, name, None, 200) for _ in range(2)]
        assert first.body == again.body
        assert again.headers["Idempotency-Replayed"] == "true"
    entry = {"extension": "105", "password": "Chosen-Secret.1"}
    made, again = [await post(client, "/v3/extension", "e", entry, 200) for _ in range(2)]
    assert made.body == again.body


async def test_a_key_of_another_request_is_refused(client: Client) -> None:
    await post(client, "/v1/admin/extensions", "a", {"extension": "101"})
    for path, new in (
        ("/v1/admin/extensions", {"extension": "102"}),
        ("/v1/admin/queues", {"number": "700"}),
    ):
        refused = await post(client, path, "a", new, 409)
        assert refused.json["field"] == "Idempotency-Key"
    refused = await post(client, "/v1/admin/extensions", "", {"extension": "103"}, 422)
    assert refused.json["field"] == "Idempotency-Key"
    assert await numbers(client) == ["101"]


async def test_what_was_refused_may_be_tried_again(client: Client) -> None:
    group = {"number": "600", "members": ["101"]}
    await post(client, "/v1/admin/ring-groups", "a", group, 422)
    await post(client, "/v1/admin/extensions", "b", {"extension": "101"})
    await post(client, "/v1/admin/ring-groups", "a", group)


async def test_two_at_the_same_time_are_one(client: Client) -> None:
    new = {"extension": "101"}
    replies = await asyncio.gather(
        *(post(client, "/v1/admin/extensions", "a", new) for _ in range(4))
    )
    assert len({reply.body for reply in replies}) == 1
    assert sum("Idempotency-Replayed" in reply.headers for reply in replies) == 3


async def test_keys_of_two_users_do_not_meet(tenant: Tenant, anybody: Client) -> None:
    made = await tenant.client.ask(
        "POST", "/v1/admin/users", json={"username": "an", "level": "admin"}, expect=201
    )
    login = {"username": f"an@{tenant.domain.name}", "password": made.json["password"]}
    account = (await anybody.post("/v1/auth", login)).json["data"]
    other = await logged_in(anybody, account["api_key"])
    await post(tenant.client, "/v1/admin/extensions", "a", {"extension": "101"})
    await post(other, "/v1/admin/extensions", "a", {"extension": "101"}, 409)


async def test_answers_are_kept_for_a_day_and_nobody_reads_them(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    new = {"extension": "101"}
    first = await post(tenant.client, "/v1/admin/extensions", "a", new)
    async with database.transaction() as tx:
        (kept,) = await tx.fetch(
            "SELECT * FROM idempotency_keys WHERE domain_uuid = $1", tenant.domain.domain_uuid
        )
        assert first.json["password"].encode() not in kept["answer_encrypted"]
        await tx.execute(
            "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"
            " WHERE domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
    await post(tenant.client, "/v1/admin/extensions", "a", new, 409)
    async with database.transaction() as tx:
        await idempotency_keys.purge(tx, 1000)
        left = "SELECT count(*) FROM idempotency_keys WHERE domain_uuid = $1"
        assert await tx.fetchval(left, tenant.domain.domain_uuid) == 0


CALLERS = "/v1/admin/callers/bulk"


async def test_callers_are_written_whether_they_were_there_or_not(client: Client) -> None:
    await client.post("/v1/admin/extensions", {"extension": "101"}, expect=201)
    wish: dict[str, Any] = {"caller": "0912345678", "action": "route", "destination": "101"}
    many = [{"caller": f"09{number}"} for number in range(10_000_000, 10_000_500)]
    assert (await client.post(CALLERS, {"callers": [wish, *many]})).json == {"written": 501}
    again = {"callers": [{"caller": "+84 912 345 678", "action": "allow"}]}
    assert (await client.post(CALLERS, again)).json == {"written": 1}
    kept = (await client.get("/v1/admin/callers/0912345678")).json
    assert (kept["caller"], kept["action"], kept["destination"]) == ("84912345678", "allow", "")


async def test_all_callers_are_written_or_none(client: Client) -> None:
    lines = [{"caller": "0912345678"}, {"caller": "0*1"}, {"caller": "0*", "action": "route"}]
    refused = (await client.post(CALLERS, {"callers": lines}, expect=422)).json
    assert [(one["line"], one["field"]) for one in refused["errors"]] == [
        (2, "caller"),
        (3, "destination"),
    ]
    await client.get("/v1/admin/callers/0912345678", expect=404)
    await client.post(CALLERS, {"callers": [{"caller": "0912345678"}] * 1001}, expect=422)
