"""Errors: one shape, right status, two languages, all documented."""

import ast
import asyncio
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from uuid import UUID

import msgspec
import pytest

from tests.api.conftest import Client, Tenant
from tongdai import api, errors, messages
from tongdai.api import problems

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/v1", 404, "NOT_FOUND"),
        ("GET", "/v1/auth", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/v1/event", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v1/event", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_what_is_not_there(
    anybody: Client, *, method: str, path: str, status: int, code: str
) -> None:
    answer = await anybody.ask(method, path, expect=status)

    assert {"status", "error", "message"} == set(answer.json)
    assert ("fail", code) == (answer.json["status"], answer.json["error"])
    assert answer.headers["Content-Type"].startswith("application/json")


async def test_a_wrong_method_is_told_the_right_ones(anybody: Client) -> None:
    answer = await anybody.get("/v1/auth", expect=405)

    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b"\xff\xfe", "application/json", 400, "BAD_REQUEST"),
        (b"[1]", "application/json", 422, "INVALID_FIELD"),
        (b"<x/>", "application/xml", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"x" * 70_000, "application/json", 413, "TOO_LARGE"),
        (b'"\\ud800"', "application/json", 400, "BAD_REQUEST"),
        (
            b'\xef\xbb\xbf{"username": "foo", "password": "x"}',
            "application/json",
            401,
            "WRONG_CREDENTIALS",
        ),
    ],
)
async def test_what_cannot_be_read(
    anybody: Client, *, data: bytes, kind: str, status: int, code: str
) -> None:
    answer = await anybody.ask(
        "POST", "/v1/auth", data=data, headers={"Content-Type": kind}, expect=status
    )

    assert answer.json["error"] == code


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en-US;q=0.8", "vi"),
        ("en-US,en;q=0.9,vi;q=0.8", "en"),
        ("en;q=0.1,vi;q=0.2", "vi"),
        ("fr", "en"),
        ("*", "en"),
        ("vi;q=0", "en"),
        ("vi;q=many", "en"),
        ("VI", "vi"),
    ],
)
async def test_the_language_is_the_askers(anybody: Client, accept: str, language: str) -> None:
    answer = await anybody.get("/nowhere", headers={"Accept-Language": accept}, expect=404)

    assert answer.json["message"] == errors.NotFound.texts[language]


async def test_reasons_are_translated_too(anybody: Client, tenant: Tenant) -> None:
    headers = {"Accept-Language": "vi"}
    answer = await Client(anybody._session, "x.y.z").get("/v1/cdr", headers=headers, expect=401)
    assert answer.json["message"].endswith("Token không hợp lệ.")

    answer = await tenant.client.get("/v1/click2call", headers=headers, expect=422)
    assert answer.json["message"] == "Thiếu tham số ext"

    answer = await tenant.client.get("/v1/cdr?page=x", headers=headers, expect=422)
    assert answer.json["message"] == "page không hợp lệ: phải là số từ 1 đến 1000000000"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/event", {"callback_url": 1, "event": "cdr"}, "callback_url: a text is needed"),
        ("/v1/event", {"callback_url": None, "event": "cdr"}, "callback_url: is required"),
        (
            "/v1/event",
            {"callback_url": "https://x.vn", "event": "cdr", "callback_apikey": 1},
            "callback_apikey: a text is needed",
        ),
        ("/v1/sandbox/inbound", {"talk_s": "5"}, "talk_s: a whole number is needed"),
        ("/v1/sandbox/inbound", {"talk_s": 0}, "talk_s: at least 1"),
        ("/v1/sandbox/inbound", {"talk_s": 3601}, "talk_s: at most 3600"),
        (f"/v1/event/{UUID(int=1)}/resend", {"webhook_id": "x"}, "webhook_id: a UUID is needed"),
        (f"/v1/event/{UUID(int=1)}/resend", {"webhook_id": 1}, "webhook_id: a UUID is needed"),
        (f"/v1/event/{UUID(int=1)}/resend", {"state": "x"}, "state: not one of the known values"),
    ],
)
async def test_a_wrong_type_is_told_in_words(
    client: Client, path: str, body: dict[str, object], reason: str
) -> None:
    answer = await client.post(path, body, expect=422)

    assert answer.json["message"] == reason


def test_a_mistake_of_ours_shows_nothing_of_itself() -> None:
    answer = problems.response(RuntimeError("password=hunter2"), "en", "/v1/cdr")

    assert answer.status_code == 500
    assert msgspec.json.decode(answer.body) == {
        "status": "fail",
        "error": "ERROR",
        "message": "Something went wrong.",
    }


def test_what_is_away_is_503_and_says_when_to_come_again() -> None:
    answer = problems.response(errors.Unavailable(messages.DATABASE_LOST), "en", "/v1/cdr")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_every_error_says_something_in_both_languages() -> None:
    for kind in errors.kinds():
        for language in ("en", "vi"):
            text = kind("why", field="phone").text(language)
            assert text
            assert "{why}" not in text, kind
        assert set(kind.texts) == {"en", "vi"}


def test_codes_are_all_different() -> None:
    codes = [kind.code for kind in errors.kinds()]

    assert len(set(codes)) == len(codes)


def test_every_code_is_documented_with_its_status() -> None:
    documented = dict(
        re.findall(r"^\| `([A-Z_]+)` \| ([0-9]+|-) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    )
    known = {
        kind.code: str(kind.status)
        for kind in errors.kinds()
        if not issubclass(kind, errors.SetupError)
    }

    assert documented == known


def names_in(text: str) -> set[str]:
    """The {names} of a template."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", messages.CATALOGUE)
def test_every_reason_is_in_both_languages(key: str) -> None:
    text = messages.CATALOGUE[key]

    assert text.en.strip()
    assert text.vi.strip()
    assert text.en != text.vi
    assert names_in(text.en) == names_in(text.vi)


def test_every_reason_is_given_somewhere_and_found_by_its_key() -> None:
    root = Path(problems.__file__).parents[1]
    sources = "".join(
        path.read_text("utf-8") for path in root.rglob("*.py") if path.name != "messages.py"
    )
    refusals = Path(messages.__file__).read_text("utf-8").partition("_OF_REFUSALS = ")[2]
    for key, text in messages.CATALOGUE.items():
        assert f"messages.{key}" in sources or f", {key})" in refusals, key
        assert messages.by_key(messages.key(text)) is text


def test_a_reason_of_no_catalogue_is_its_own_key() -> None:
    assert messages.by_key(messages.key("USER_BUSY")) == "USER_BUSY"
    assert messages.key(messages.AT_MOST(most=5)) == "at most 5"


ROOMS = ("api", "admin", "engine", "webhooks", "sandbox", "store", "pbx")


@pytest.mark.parametrize("room", ROOMS)
def test_every_reason_that_the_api_gives_is_in_the_catalogue(room: str) -> None:
    assert list(literal_reasons(room)) == []


def literal_reasons(room: str) -> Iterator[str]:
    """The texts that the room's errors are raised with, where they are no reasons of the
    catalogue.
    """
    kinds = {kind.__name__ for kind in errors.kinds()} - {"SetupError", "NotFound"}
    for path in Path(problems.__file__).parents[1].joinpath(room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).rpartition(".")[2] in kinds
                and node.args
                and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
            ):
                yield f"{path.name}:{node.lineno}"


async def told(url: str, request: bytes) -> bytes:
    """All that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "request_line",
    ["GET /v1/click2call?src_cid_name=Trần HTTP/1.1", "BREW /v1/cdr HTTP/1.1", "\x16\x03\x01"],
)
async def test_what_is_no_http_is_told_in_the_same_shape(url: str, request_line: str) -> None:
    head, _, body = (await told(url, f"{request_line}\r\nHost: x\r\n\r\n".encode())).partition(
        b"\r\n\r\n"
    )

    assert head.startswith(b"HTTP/1.1 400 ")
    assert {"content-type: application/json", "connection: close"} <= set(
        head.decode().splitlines()
    )
    assert f"content-length: {len(body)}" in head.decode()
    assert msgspec.json.decode(body)["error"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "target",
    [
        "/%ff%fe",
        "/v1/cdr?%ff=%fe&%00",
        "/v1/cdr?page=%ff",
        "/v1/cdr?" + "a=1&" * 5000,
        "/v1/cdr?=&&=&;",
        "/v1/cdr/%",
        "/v1/cdr/%zz",
        "//v1//cdr",
        "/v1/cdr/../../etc/passwd",
        "/v1/cdr/" + "a" * 5000,
        "/v1/event/%2e%2e",
        "/" + "a/" * 500,
        "/v1/click2call?ext=101&ext=102&phone[]=1",
        "/v1/cdr?start_date=%F0%9F%93%9E",
        "/v1/cdr?scroll_id=%00",
        "/recordings/%ff",
        "/recordings/",
        "/schema/%00",
        "/v1/cdr?extension=%D9%A1%D9%A2",
    ],
)
async def test_no_target_makes_us_fail(url: str, tenant: Tenant, target: str) -> None:
    """Sent byte by byte, as no client library would."""
    bearer = f"Authorization: Bearer {tenant.client.token}"
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{bearer}\r\n"
    answer = await told(url, head.encode() + b"Accept-Language: \xff\xfe;q=\xff\r\n\r\n")

    assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4")), answer[:300]


SHAPES: tuple[object, ...] = (
    None,
    True,
    5,
    5.5,
    -1,
    "",
    "x",
    "x" * 5000,
    [],
    [5],
    [None],
    {},
    {"x": 5},
    {"x": []},
)
BODIES = sorted(
    {one.takes["body"] for one in api.OPERATIONS if "body" in one.takes},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("is_strict", [True, False])
def test_every_wrong_shape_is_refused_in_words(
    kind: type[msgspec.Struct], *, is_strict: bool
) -> None:
    """Of every field of every body: never in msgspec's own words, which are English and name
    Python's types.
    """
    refused = 0
    for name, shape in itertools.product(kind.__struct_fields__, SHAPES):
        try:
            msgspec.convert({name: shape}, kind, strict=is_strict)
        except msgspec.ValidationError as reason:
            said = problems.invalid(reason, kind)
            refused += 1
            for language in ("en", "vi"):
                text = said.text(language)
                assert not re.search(r"`|Expected|Invalid |Object ", text), (name, shape, text)
                assert language == "en" or text != said.text("en"), (name, shape, text)
    assert refused
