"""Errors: one shape, right status, two languages, all documented."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from litestar.testing import RequestFactory

from tests.api.conftest import Client, Tenant
from tongdai import errors
from tongdai.api import problems, vietnamese

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
async def test_what_is_not_there(anybody: Client, *, method: str, path: str, status: int, code: str) -> None:
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
    ],
)
async def test_what_cannot_be_read(anybody: Client, *, data: bytes, kind: str, status: int, code: str) -> None:
    answer = await anybody.ask("POST", "/v1/auth", data=data, headers={"Content-Type": kind}, expect=status)

    assert answer.json["error"] == code


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"), ("vi", "vi"), ("vi-VN,vi;q=0.9,en-US;q=0.8", "vi"), ("en-US,en;q=0.9,vi;q=0.8", "en"),
        ("en;q=0.1,vi;q=0.2", "vi"), ("fr", "en"), ("*", "en"), ("vi;q=0", "en"), ("vi;q=many", "en"), ("VI", "vi"),
    ],
)  # fmt: skip
async def test_the_language_is_the_askers(anybody: Client, accept: str, language: str) -> None:
    answer = await anybody.get("/nowhere", headers={"Accept-Language": accept}, expect=404)

    assert answer.json["message"] == errors.NotFound.texts[language]


async def test_reasons_are_translated_too(anybody: Client, tenant: Tenant) -> None:
    headers = {"Accept-Language": "vi"}
    answer = await Client(anybody._session, "x.y.z").get("/v1/cdr", headers=headers, expect=401)
    assert answer.json["message"].endswith("Token không hợp lệ.")

    answer = await tenant.client.get("/v1/click2call", headers=headers, expect=422)
    assert answer.json["message"] == "ext không hợp lệ: bắt buộc phải có"


def test_a_mistake_of_ours_shows_nothing_of_itself() -> None:
    request = RequestFactory().get("/v1/cdr")
    answer = problems.answer(request, RuntimeError("password=hunter2"))

    assert answer.status_code == 500
    assert b"hunter2" not in msgspec.json.encode(answer.content)
    assert answer.content == {"status": "fail", "error": "ERROR", "message": "Something went wrong."}


def test_what_is_away_is_503_and_says_when_to_come_again() -> None:
    answer = problems.answer(RequestFactory().get("/v1/cdr"), errors.Unavailable("The database went away."))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_every_error_says_something_in_both_languages() -> None:
    for kind in problems.kinds():
        for language in ("en", "vi"):
            text = kind("why", field="phone").text(language)
            assert text
            assert "{why}" not in text, kind
        assert set(kind.texts) == {"en", "vi"}


def test_codes_are_all_different() -> None:
    codes = [kind.code for kind in problems.kinds()]

    assert len(set(codes)) == len(codes)


def test_every_code_is_documented_with_its_status() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| ([0-9]+|-) \|", DOCS.read_text("utf-8"), re.MULTILINE))
    known = {kind.code: str(kind.status) for kind in problems.kinds() if not issubclass(kind, errors.SetupError)}

    assert documented == known


def test_every_reason_that_is_translated_is_given_somewhere() -> None:
    """Else the English has changed, and nobody sees the Vietnamese any more."""
    root = Path(problems.__file__).parents[1]
    sources = "".join(path.read_text("utf-8") for path in root.rglob("*.py") if path.name != "vietnamese.py")

    for english in vietnamese.REASONS:
        assert english.replace("\\", "\\\\") in sources, english


@pytest.mark.parametrize(
    "target",
    [
        "/%ff%fe", "/v1/cdr?%ff=%fe&%00", "/v1/cdr?page=%ff", "/v1/cdr?" + "a=1&" * 5000, "/v1/cdr?=&&=&;", "/v1/cdr/%",
        "/v1/cdr/%zz", "//v1//cdr", "/v1/cdr/../../etc/passwd", "/v1/cdr/" + "a" * 5000, "/v1/event/%2e%2e",
        "/" + "a/" * 500,
        "/v1/click2call?ext=101&ext=102&phone[]=1", "/v1/cdr?start_date=%F0%9F%93%9E", "/v1/cdr?scroll_id=%00",
        "/recordings/%ff", "/recordings/", "/schema/%00", "/v1/cdr?extension=%D9%A1%D9%A2",
    ],
)  # fmt: skip
async def test_no_target_makes_us_fail(url: str, tenant: Tenant, target: str) -> None:
    """Sent byte by byte, as no client library would."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {tenant.client.token}\r\n"
    writer.write(head.encode() + b"Accept-Language: \xff\xfe;q=\xff\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4")), answer[:300]
