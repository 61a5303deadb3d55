"""Clients that send nothing, too much or too slowly, and too many of them: others are served."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from testbed.until import until
from tests.api.conftest import Client, Tenant, serve
from tongdai import api
from tongdai.store import passwords

HEAD_S = 0.3


@pytest.fixture
async def among(deps: api.Deps) -> AsyncIterator[tuple[str, api.Connections]]:
    """A server with room for eight connections, four of an address, and little patience."""
    known = api.Connections(8, 4)
    factory = api.Protocol.within(known, HEAD_S)
    async for url in serve(deps, http=factory, timeout_keep_alive=1):
        yield url, known


class Raw:
    """A connection without a library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hears(self) -> bytes:
        """All that comes until the connection is closed."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


_open: list[asyncio.StreamWriter] = []


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """No connection of a test outlives it."""
    yield
    for writer in _open:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    _open.clear()


async def raw(url: str, address: str = "127.0.0.1") -> Raw:
    port = int(url.rpartition(":")[2])
    connection = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    _open.append(connection[1])
    return Raw(*connection)


def error(answer: bytes) -> tuple[int, str]:
    """Status and code of a refusal, which is whole."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert f"content-length: {len(body)}" in lines
    assert "connection: close" in lines
    return int(lines[0].split()[1]), msgspec.json.decode(body)["error"]


async def test_a_connection_that_sends_nothing_is_closed(
    among: tuple[str, api.Connections],
) -> None:
    silent = await raw(among[0])
    began = time.monotonic()

    assert await silent.hears() == b""
    assert HEAD_S * 0.9 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "sent", [b"G", b"GET ", b"GET /healthz HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: b"]
)
async def test_half_a_request_is_closed_however_it_drips(
    among: tuple[str, api.Connections], sent: bytes
) -> None:
    slow = await raw(among[0])
    await slow.says(sent)
    hearing = asyncio.create_task(slow.hears())
    for _ in range(20):
        if hearing.done():
            break
        slow.writer.write(b"x")
        await asyncio.sleep(HEAD_S / 4)

    status, code = error(await hearing)
    assert (status, code) in ((408, "REQUEST_TIMEOUT"), (400, "BAD_REQUEST"))


async def test_a_response_to_a_body_that_never_ends_ends_the_connection(
    among: tuple[str, api.Connections],
) -> None:
    """The token is missing, so nobody reads the body."""
    slow = await raw(among[0])
    await slow.says(b"POST /v1/event HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    hearing = asyncio.create_task(slow.hears())
    while not hearing.done():
        slow.writer.write(b"x")
        await asyncio.sleep(HEAD_S / 4)

    assert (await hearing).startswith(b"HTTP/1.1 401 ")


async def test_a_body_that_is_awaited_comes_in_time_or_is_refused(deps: api.Deps) -> None:
    async for url in serve(replace(deps, timing=api.Timing(body_s=0.2))):
        slow = await raw(url)
        await slow.says(
            b"POST /v1/auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )

        assert (await slow.hears()).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_without_a_request_is_kept_as_long_as_was_said(
    among: tuple[str, api.Connections],
) -> None:
    """Longer than a head may take."""
    kept = await raw(among[0])
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(2):
        await kept.says(ask)
        assert (await kept.reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(2 * HEAD_S)
    began = time.monotonic()

    assert await kept.hears() == b""
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 101,
        b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
        b"GET /healthz HTTP/1.1\r\nA: " + b"b" * 70_000,
        b"GET /healthz HTTP/1.1\r\nA: " + b"b" * 1_000_000,
        b"GET /healthz HTTP/1.1\r\n" + (b"A: " + b"b" * 1000 + b"\r\n") * 80,
        b"GET /healthz HTTP/1.1\r\n" + b"A" * 1_000_000,
        b"GET /" + b"a" * 1_000_000,
        b"GET /v1/cdr?" + b"a=1&" * 20_000 + b" HTTP/1.1",
    ],
    ids=[
        "101 headers",
        "headers without end",
        "70 kB",
        "1 MB",
        "80 of 1 kB",
        "a name",
        "a path",
        "a query",
    ],
)
async def test_a_large_head_is_refused_before_it_is_kept(
    among: tuple[str, api.Connections], head: bytes
) -> None:
    large = await raw(among[0])
    large.writer.write(head + b"\r\n\r\n")

    assert error(await large.hears()) == (431, "HEADERS_TOO_LARGE")


async def test_trailers_of_a_body_are_bounded_too(among: tuple[str, api.Connections]) -> None:
    large = await raw(among[0])
    large.writer.write(
        b"GET /v1/click2call?wait=x HTTP/1.1\r\nHost: x\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"b" * 1_000_000
    )

    await large.hears()  # until it is closed


async def test_a_hundred_headers_are_fine(url: str) -> None:
    usual = await raw(url)
    more = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 500) for number in range(97))
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more + b"\r\n"
    await usual.says(head)

    assert (await usual.hears()).startswith(b"HTTP/1.1 200 ")


async def test_an_address_has_so_many_connections(among: tuple[str, api.Connections]) -> None:
    url, _ = among
    mine = [await raw(url, "127.0.0.7") for _ in range(4)]
    refused = await raw(url, "127.0.0.7")

    assert error(await refused.hears()) == (429, "TOO_MANY_REQUESTS")
    other = await raw(url, "127.0.0.8")
    await other.says(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await other.hears()).startswith(b"HTTP/1.1 200 ")
    for one in mine:
        one.writer.close()


async def test_reverse_proxies_are_not_one_client(deps: api.Deps) -> None:
    known = api.Connections(100, 2, trusted=["127.0.0.0/30"])
    async for url in serve(deps, http=api.Protocol.within(known)):
        proxied = [await raw(url, "127.0.0.2") for _ in range(6)]
        for one in proxied:
            await one.says(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await one.hears()).startswith(b"HTTP/1.1 200 ")


async def test_when_all_are_taken_those_that_never_asked_give_way(deps: api.Deps) -> None:
    """One that made a request, and one whose request goes on, stay."""
    known = api.Connections(8, 100)
    async for url in serve(deps, http=api.Protocol.within(known)):
        idle = await raw(url)
        await idle.says(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle.reader.readuntil(b"}")
        flood = [await raw(url) for _ in range(50)]
        late = await raw(url)
        await late.says(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await late.reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        for one in flood[:40]:
            assert await one.hears() == b""
        await idle.says(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await idle.reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        for one in (*flood, idle, late):
            one.writer.close()


async def test_nothing_is_left_of_connections_that_ended(
    among: tuple[str, api.Connections],
) -> None:
    url, known = among
    for sent in (b"", b"GET ", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03"):
        one = await raw(url)
        await one.says(sent)
        await one.hears()

    await until(lambda: not known._open)
    assert [*known._by_address, *known._new, *known._idle] == []


async def test_a_client_that_takes_nothing_is_gone(deps: api.Deps) -> None:
    known = api.Connections(8, 8, stuck_s=0.3)
    async for url in serve(deps, http=api.Protocol.within(known)):
        port = int(url.rpartition(":")[2])
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.settimeout(0)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", port))
            ask = b"GET /schema/swagger-ui.js HTTP/1.1\r\nHost: x\r\n\r\n"
            await asyncio.get_running_loop().sock_sendall(deaf, 20 * ask)  # 28 MB
            await until(lambda: known._open == 1)
            await until(lambda: not known._open)


async def test_logins_wait_two_seconds_at_most(
    anybody: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come, each is answered soon; those beyond are told when to come again."""
    compare = passwords.compare

    def slow(password_hash: str, password: str) -> bool:
        time.sleep(0.2)
        return compare(password_hash, password)

    monkeypatch.setattr(passwords, "compare", slow)

    async def log_in(number: int) -> tuple[int, float, Any]:
        began = time.monotonic()
        given = {"username": f"u{number}@{tenant.domain.name}", "password": "guess guess"}
        answer = await anybody.post("/v1/auth", given, expect=None)
        return answer.status, time.monotonic() - began, answer.headers

    found = await asyncio.gather(*(log_in(number) for number in range(60)))

    assert {status for status, _, _ in found} == {401, 429}
    assert max(seconds for _, seconds, _ in found) < 4
    assert all(int(headers["Retry-After"]) >= 1 for status, _, headers in found if status == 429)


async def test_a_login_refused_for_others_counts_as_no_guess(
    anybody: Client, tenant: Tenant, deps: api.Deps
) -> None:
    given = {"username": tenant.username, "password": "guess guess"}
    full = replace(deps, timing=api.Timing(login_s=0.0), logins_at_once=0)
    async for url in serve(full):
        async with aiohttp.ClientSession(url) as session:
            for _ in range(7):
                answer = await Client(session).post("/v1/auth", given, expect=429)
                assert answer.headers["Retry-After"] == "1"
