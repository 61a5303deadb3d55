"""HTTP as the libraries of CRMs speak it: forms, compression, arrays, bodies of nothing, idle
connections.
"""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
import pytest

from testbed.samples import record
from tests.api.conftest import PASSWORD, Client, Tenant
from tests.api.test_cdrs import write
from tongdai.api.cdrs import Page
from tongdai.store import db

CALL = {"ext": "101", "phone": "0899098899"}


def form(**fields: Any) -> aiohttp.MultipartWriter:
    """A multipart form, as Postman, `curl -F` and a browser's FormData send it."""
    writer = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        part = writer.append(value if isinstance(value, bytes) else value.encode())
        if isinstance(value, bytes):
            part.set_content_disposition("form-data", name=name, filename="a.bin")
        else:
            part.set_content_disposition("form-data", name=name)
    return writer


async def test_multipart_forms_are_read(anybody: Client, tenant: Tenant) -> None:
    account = form(username=tenant.username, password=PASSWORD)
    await anybody.ask("POST", "/v1/auth", data=account)
    await anybody.ask("POST", "/v1/auth/token", data=form(api_key=tenant.api_key))


async def test_files_in_a_form_are_passed_over(anybody: Client, tenant: Tenant) -> None:
    await anybody.ask(
        "POST", "/v1/auth/token", data=form(photo=b"\x00" * 9000, api_key=tenant.api_key)
    )


async def test_a_multipart_form_of_a_call_is_read(client: Client) -> None:
    answer = await client.ask("POST", "/v1/click2call", data=form(ext="1", phone="x"), expect=422)

    assert answer.json["field"] in ("ext", "phone")
    nothing = await client.ask("POST", "/v1/click2call", data=form(other="1"), expect=422)
    assert nothing.json["message"] == "ext: is required"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--"),
    ],
)
async def test_what_is_no_form_is_400(client: Client, kind: str, body: bytes) -> None:
    headers = {"Content-Type": kind}
    answer = await client.ask("POST", "/v1/event", data=body, headers=headers, expect=400)

    assert answer.json["error"] == "BAD_REQUEST"


@pytest.mark.parametrize("body", [b"null", b"[]", b" [ ] ", b"{}"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_body_of_nothing_is_no_body(client: Client, method: str, body: bytes) -> None:
    """PHP encodes an empty array as [], and what is not set as null."""
    headers = {"Content-Type": "application/json"}
    path = "/v1/click2call?ext=101&phone=x"
    answer = await client.ask(method, path, data=body, headers=headers, expect=422)

    assert answer.json["field"] == "phone"


@pytest.mark.parametrize("body", [b"null", b"[]"])
async def test_a_struct_of_nothing_has_its_defaults(client: Client, body: bytes) -> None:
    hook = {"callback_url": "https://crm.example.vn/", "event": "cdr"}
    made = (await client.post("/v1/event", hook)).json["id"]
    answer = await client.ask(
        "POST",
        f"/v1/event/{made}/resend",
        data=body,
        headers={"Content-Type": "application/json"},
        expect=None,
    )

    empty = await client.post(f"/v1/event/{made}/resend", {}, expect=None)
    assert (answer.status, answer.json) == (empty.status, empty.json)


def nested(levels: int, kind: str) -> bytes:
    """A body of arrays, or objects, one in the other."""
    opened, closed = (b"[", b"]") if kind == "list" else (b'{"a":', b"}")
    inmost = b"" if kind == "list" else b"1"
    return b'{"username": ' + opened * levels + inmost + closed * levels + b"}"


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("levels", [1, 50, 200, 500, 800, 950, 1000, 5000, 9000])
@pytest.mark.parametrize("path", ["/v1/auth/token", "/v1/event", "/v1/click2call"])
async def test_json_of_any_depth_is_no_fault_of_ours(
    client: Client, path: str, kind: str, levels: int
) -> None:
    headers = {"Content-Type": "application/json"}
    body = nested(levels, kind)
    answer = await client.ask("POST", path, data=body, headers=headers, expect=422)

    assert answer.json["error"] in ("INVALID_FIELD", "INVALID_EXTENSION")


async def test_a_compressed_body_is_inflated(anybody: Client, tenant: Tenant) -> None:
    body = json.dumps({"api_key": tenant.api_key}).encode()
    for name in ("gzip", "x-gzip", "GZIP"):
        headers = {"Content-Encoding": name, "Content-Type": "application/json"}
        await anybody.ask("POST", "/v1/auth/token", data=gzip.compress(body), headers=headers)
    plain = {"Content-Encoding": "identity", "Content-Type": "application/json"}
    await anybody.ask("POST", "/v1/auth/token", data=body, headers=plain)


@pytest.mark.parametrize(
    ("encoding", "body", "status", "code"),
    [
        ("br", b"x", 415, "UNSUPPORTED_ENCODING"),
        ("deflate", b"x", 415, "UNSUPPORTED_ENCODING"),
        ("gzip", b"x", 400, "BAD_REQUEST"),
        ("gzip", gzip.compress(b"{}")[:-3], 400, "BAD_REQUEST"),
        ("gzip", gzip.compress(b"{}") + b"x", 400, "BAD_REQUEST"),
        ("gzip", gzip.compress(b" " * 70_000), 413, "TOO_LARGE"),
        ("gzip", gzip.compress(b" " * 50_000_000), 413, "TOO_LARGE"),
    ],
    ids=["br", "deflate", "no gzip", "cut", "more than one", "large", "very large"],
)
async def test_what_cannot_be_inflated(
    anybody: Client, *, encoding: str, body: bytes, status: int, code: str
) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    answer = await anybody.ask("POST", "/v1/auth", data=body, headers=headers, expect=status)

    assert answer.json["error"] == code
    assert answer.headers.get("Accept-Encoding") == ("gzip" if status == 415 else None)


@pytest.fixture
async def many(database: db.Database, tenant: Tenant) -> Sequence[str]:
    """The ids of 25 calls."""
    records = [record(tenant.domain.domain_uuid) for _ in range(25)]
    await write(database, *records)
    return [str(one.cdr_uuid) for one in records]


async def test_a_long_answer_is_compressed_for_who_asks_for_that(
    client: Client, many: Sequence[str]
) -> None:
    path = "/v1/cdr?limit=25"
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    asked = await client.get(path, headers={"Accept-Encoding": "gzip, deflate"})

    assert "Content-Encoding" not in plain.headers
    assert asked.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in asked.headers["Vary"]
    assert int(asked.headers["Content-Length"]) < len(plain.body) / 4
    assert asked.json == plain.json


async def test_recordings_and_streams_are_never_compressed(
    anybody: Client, client: Client, url: str
) -> None:
    headers = {"Accept-Encoding": "gzip", "Accept": "text/event-stream"}
    headers["Authorization"] = f"Bearer {client.token}"
    async with (
        asyncio.timeout(5),
        aiohttp.ClientSession(url) as session,
        session.get("/v1/event/feed", headers=headers) as stream,
    ):
        assert "Content-Encoding" not in stream.headers
        assert (await stream.content.readline()).startswith(b"retry:")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/click2call", "/v1/click2call/async"])
async def test_no_head_places_a_call(client: Client, method: str, path: str) -> None:
    answer = await client.ask(method, path, params=CALL, expect=405)

    assert answer.headers["Allow"] == "GET, POST, OPTIONS"


async def test_the_list_of_subscriptions_says_how_many(client: Client) -> None:
    hook = {"callback_url": "https://crm.example.vn/", "event": "cdr"}
    for count in (1, 2):
        await client.post("/v1/event", hook)
        listed = (await client.get("/v1/event")).json
        assert (listed["total"], len(listed["data"])) == (count, count)


def test_pages_have_an_offset_only_where_it_was_asked() -> None:
    assert msgspec.json.encode(Page([], 10, 1, 0)) == b'{"data":[],"limit":10,"page":1,"total":0}'
