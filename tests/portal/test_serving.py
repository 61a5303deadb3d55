"""The portal's files before the API, on a real port."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from testbed.until import until
from tongdai import portal

SCRIPT = b"console.log('portal');" * 100


async def api(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"API {scope['path']}")(scope, receive, send)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the portal with these files, before that API."""
    config = uvicorn.Config(portal.create(api, folder), log_config=None, lifespan="off")
    server, listener = uvicorn.Server(config), socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        await until(lambda: server.started, 10)
        async with aiohttp.ClientSession(url, auto_decompress=False) as session:
            yield session
    finally:
        server.should_exit = True
        await running


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>tongdai</title>")
    (tmp_path / ".built").write_text("digest")
    (tmp_path / "assets" / "index-12ab.js").write_bytes(SCRIPT)
    async with served(tmp_path) as session:
        yield session


@pytest.mark.parametrize("page", sorted(portal.PAGES))
async def test_each_page_is_the_index_at_its_path(
    client: aiohttp.ClientSession, page: str
) -> None:
    for path in (f"/{page}", f"/{page}/further") if page else ("/",):
        async with client.get(path) as found:
            assert found.status == 200
            assert found.content_type == "text/html"
            assert found.headers["Cache-Control"] == "no-cache"


async def test_a_page_of_its_own_is_found_by_its_name(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    (tmp_path / "phone.html").write_text("<!doctype html><title>phone</title>")
    async with served(tmp_path) as session:
        for path in ("/phone", "/phone?extension=101"):
            async with session.get(path) as found:
                assert "<title>phone</title>" in await found.text()
                assert "connect-src 'self'" in found.headers["Content-Security-Policy"]
    async with client.get("/phone") as found:
        assert await found.text() == "API /phone"


@pytest.mark.parametrize("path", ["/v1/cdr", "/schema", "/.built", "/index.html", "/favicon.ico"])
async def test_all_else_is_the_apis(client: aiohttp.ClientSession, path: str) -> None:
    for method in ("GET", "POST"):
        async with client.request(method, path) as found:
            assert await found.text() == f"API {path}"


async def test_pages_run_scripts_of_their_own_origin_only(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as found:
        headers = found.headers

    parts = headers["Content-Security-Policy"].split(";")
    policy = dict(part.strip().split(" ", 1) for part in parts)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_files_with_a_hash_in_their_name_are_kept_by_browsers(
    client: aiohttp.ClientSession,
) -> None:
    path = "/assets/index-12ab.js"
    async with client.get(path, headers={"Accept-Encoding": "gzip"}) as found:
        assert gzip.decompress(await found.read()) == SCRIPT
        assert found.headers["Content-Encoding"] == "gzip"
        assert "javascript" in found.content_type
        assert "immutable" in found.headers["Cache-Control"]
    async with client.get(path, headers={"Accept-Encoding": "identity"}) as plain:
        assert await plain.read() == SCRIPT
        assert "Content-Encoding" not in plain.headers
    async with client.head(path) as head:
        assert head.headers["ETag"] == plain.headers["ETag"]


async def test_a_page_that_is_known_is_not_sent_again(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as first:
        known = {"If-None-Match": first.headers["ETag"]}
    async with client.get("/", headers=known) as again:
        assert (again.status, await again.read()) == (304, b"")
    async with client.post("/") as refused:
        assert refused.status == 405


async def test_where_it_is_not_built_the_first_page_says_why_and_the_api_runs(
    tmp_path: Path,
) -> None:
    async with served(tmp_path / "nothing") as client:
        async with client.get("/") as page:
            assert page.status == 503
            text = await page.text()
            assert "bin/setup" in text
            assert "Node.js" in text
        async with client.get("/v1/cdr") as found:
            assert await found.text() == "API /v1/cdr"
