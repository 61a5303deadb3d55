"""SIP over WebSocket at the API's address: passed on to the edge proxy, with the client's address.

In place of the edge proxy is a server that returns what it is sent.
"""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from testbed.until import until
from tests.api.conftest import serve
from tongdai import api
from tongdai.ports import free_port

SIP = Subprotocol("sip")


class Echo:
    def __init__(self) -> None:
        self.address = ""
        self.forwarded: list[list[str]] = []
        self.open = 0

    async def serve(self, line: ServerConnection) -> None:
        assert line.request
        assert line.request.path == "/ws"
        self.forwarded.append(line.request.headers.get_all("X-Forwarded-For"))
        self.open += 1
        try:
            async for message in line:
                await line.send(message)
        finally:
            self.open -= 1


@pytest.fixture
async def edge() -> AsyncIterator[Echo]:
    echo = Echo()
    async with listen(echo.serve, "127.0.0.1", 0, subprotocols=[SIP]) as server:
        echo.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield echo


def at(url: str, path: str = "/ws", **headers: str) -> connect:
    return connect(
        url.replace("http", "ws") + path,
        subprotocols=[SIP],
        additional_headers=headers,
        proxy=None,
    )


async def test_bytes_pass_both_ways(deps: api.Deps, edge: Echo) -> None:
    async for url in serve(deps, ws=api.SipWebSocket.towards(edge.address)):
        async with at(url) as line, at(url, **{"X-Forwarded-For": "203.0.113.9"}) as proxied:
            for one in (line, proxied):
                assert one.subprotocol == "sip"
                big = "x" * 200_000
                for message in ("REGISTER", big, "y"):
                    await one.send(message)
                    assert await one.recv() == message
        assert edge.forwarded == [["127.0.0.1"], ["203.0.113.9", "127.0.0.1"]]
        await until(lambda: edge.open == 0)


@pytest.mark.parametrize("path", ["/", "/v1/cdr", "/ari"])
async def test_there_is_no_websocket_elsewhere(deps: api.Deps, edge: Echo, path: str) -> None:
    async for url in serve(deps, ws=api.SipWebSocket.towards(edge.address)):
        with pytest.raises(InvalidStatus) as refused:
            async with at(url, path):
                pass
        assert refused.value.response.status_code == 404
    assert edge.forwarded == []


@pytest.mark.parametrize(("address", "status"), [("", 404), ("free", 503)])
async def test_without_an_edge_proxy_it_is_refused(
    deps: api.Deps, address: str, status: int
) -> None:
    towards = address and f"127.0.0.1:{free_port('tcp', '127.0.0.1')}"
    async for url in serve(deps, ws=api.SipWebSocket.towards(towards)):
        with pytest.raises(InvalidStatus) as refused:
            async with at(url):
                pass
        assert refused.value.response.status_code == status


async def test_connections_count_among_those_of_http(deps: api.Deps, edge: Echo) -> None:
    among = api.Connections(of_address=2)
    options = {
        "ws": api.SipWebSocket.towards(edge.address),
        "http": api.Protocol.within(among, head_s=0.3),
    }
    async for url in serve(deps, **options):
        async with at(url) as one, at(url):
            with pytest.raises(InvalidStatus) as refused:
                async with at(url):
                    pass
            assert refused.value.response.status_code == 429
            await asyncio.sleep(0.5)  # longer than a head may take
            await one.send("x")
            assert await one.recv() == "x"
        async with aiohttp.ClientSession(url) as session:
            await until(lambda: _is_served(session))


async def _is_served(session: aiohttp.ClientSession) -> bool:
    async with session.get("/healthz") as reply:
        return reply.status == 200


async def test_they_end_with_the_server(deps: api.Deps, edge: Echo) -> None:
    async for url in serve(deps, ws=api.SipWebSocket.towards(edge.address)):
        line = await at(url)
        await line.send("x")
        assert await line.recv() == "x"
    with pytest.raises(ConnectionClosed):
        await line.recv()
    await until(lambda: edge.open == 0)
