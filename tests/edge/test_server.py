"""The edge proxy with real connections; in place of the switch a server that answers by script."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from testbed import certificate
from testbed.until import until
from tongdai import edge
from tongdai.asterisk import browser_addresses
from tongdai.edge.config import EdgeConfig
from tongdai.edge.session import MAX_MESSAGE, UNKNOWN_MESSAGES
from tongdai.ports import free_port

SIP = Subprotocol("sip")
KEY = b"k" * 32
REGISTER = (
    "REGISTER sip:a.vn SIP/2.0\r\nFrom: <sip:101@a.vn>\r\nTo: <sip:101@a.vn>\r\n"
    "CSeq: 1 REGISTER\r\nContact: <sip:7kq@x.invalid;transport=wss>\r\n\r\n"
)
ACCEPTED = (
    "SIP/2.0 200 OK\r\nTo: <sip:101-webrtc@a.vn>\r\nCSeq: 1 REGISTER\r\n"
    "Contact: <sip:7kq@x.invalid;transport=WS>\r\n\r\n"
)


class FakeSwitch:
    """It accepts every REGISTER, keeps what it is told, and says what a test says."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.peers: list[tuple[str, int]] = []
        self.lines: list[ServerConnection] = []
        self.url = ""

    async def serve(self, line: ServerConnection) -> None:
        assert line.request
        assert line.request.path == "/ws"
        self.peers.append(line.remote_address)
        self.lines.append(line)
        async for message in line:
            assert isinstance(message, str | bytes)
            text = message if isinstance(message, str) else message.decode()
            self.heard.append(text)
            if text.startswith("REGISTER"):
                await line.send(ACCEPTED)


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    async with listen(fake.serve, "127.0.0.1", 0, subprotocols=[SIP]) as server:
        fake.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        yield fake


Start = Callable[..., Awaitable[EdgeConfig]]


@pytest.fixture
async def start(switch: FakeSwitch, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts an edge proxy."""
    running: list[asyncio.Task[None]] = []

    async def started(register_s: float = 30.0, **changes: object) -> EdgeConfig:
        config = EdgeConfig(
            version="1",
            folder=str(tmp_path),
            switch=switch.url,
            source_key=KEY,
            ws=f"127.0.0.1:{free_port('tcp', '127.0.0.1')}",
        )
        config = msgspec.structs.replace(config, **changes)
        listening = asyncio.Event()
        running.append(asyncio.create_task(edge.serve(config, listening, register_s)))
        await listening.wait()
        return config

    yield started
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def opened(config: EdgeConfig, path: str = "/ws", **more: object) -> connect:
    return connect(f"ws://{config.ws}{path}", **({"subprotocols": [SIP], "proxy": None} | more))  # type: ignore[arg-type]


async def registered(line: ClientConnection) -> None:
    await line.send(REGISTER)
    assert "200 OK" in str(await line.recv())


async def test_it_marks_and_unmarks_and_gives_the_contact_back(
    start: Start, switch: FakeSwitch
) -> None:
    async with opened(await start()) as line:
        assert line.subprotocol == "sip"
        await line.send(REGISTER)
        answer = await line.recv()
        assert isinstance(answer, str)
        assert "To: <sip:101@a.vn>" in answer
        assert "transport=wss" in answer
    assert "From: <sip:101-webrtc@a.vn>" in switch.heard[0]
    assert "To: <sip:101-webrtc@a.vn>" in switch.heard[0]


@pytest.mark.parametrize("path", ["/", "/ws", "/ws?token=1"])
@pytest.mark.parametrize("protocols", [[SIP], [Subprotocol("x"), SIP], None])
async def test_any_host_and_origin_at_both_paths(
    start: Start, path: str, protocols: list[Subprotocol] | None
) -> None:
    headers = {"Host": "somewhere.example.vn"}
    origin = Origin("https://crm.example.vn")
    async with opened(
        await start(), path, subprotocols=protocols, origin=origin, additional_headers=headers
    ) as line:
        assert line.subprotocol == ("sip" if protocols else None)
        await registered(line)


async def test_binary_frames_and_bytes_that_are_no_utf8(start: Start, switch: FakeSwitch) -> None:
    async with opened(await start()) as line:
        await line.send(REGISTER.encode())
        assert isinstance(await line.recv(), str)
        await switch.lines[0].send(b'INVITE x SIP/2.0\r\nFrom: "\xe1n" <sip:102@a.vn>\r\n\r\n')
        assert "\ufffdn" in str(await line.recv()), "a browser would close on it"


@pytest.mark.parametrize("path", ["/ari", "/ari/channels", "/ws/", "/metrics", "/ws/../ari"])
async def test_nothing_else_is_behind_it(start: Start, switch: FakeSwitch, path: str) -> None:
    config = await start()
    with pytest.raises(InvalidStatus) as refused:
        async with opened(config, path):
            pass
    assert refused.value.response.status_code == 404
    assert switch.lines == []


async def test_a_plain_request_is_told_to_upgrade(start: Start) -> None:
    host, port = (await start()).ws.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"426" in await reader.readline()
    writer.close()


async def test_a_client_has_a_source_address_and_port_of_its_own(
    start: Start, switch: FakeSwitch, tmp_path: Path
) -> None:
    config = await start()
    for client in ("203.0.113.9", "203.0.113.8", "203.0.113.9"):
        async with opened(config, additional_headers={"X-Forwarded-For": client}) as line:
            await registered(line)
    first, second, again = switch.peers
    assert first[0] == browser_addresses.source("203.0.113.9", KEY)
    assert second[0] == browser_addresses.source("203.0.113.8", KEY)
    assert again == first, "so that requests of a call still reach the client"
    known = browser_addresses.Clients(tmp_path)
    assert known.real(first[0]) == "203.0.113.9"


async def test_two_with_the_same_contact_get_different_ports(
    start: Start, switch: FakeSwitch
) -> None:
    config = await start()
    async with opened(config) as one, opened(config) as other:
        await registered(one)
        await registered(other)
        assert len(set(switch.peers)) == 2


async def test_a_client_that_does_not_register_is_closed(start: Start) -> None:
    config = await start(register_s=0.2)
    async with opened(config) as silent, opened(config) as talking, opened(config) as good:
        await registered(good)
        await talking.send("OPTIONS sip:a.vn SIP/2.0\r\n\r\n")
        for line in (silent, talking):
            with pytest.raises(ConnectionClosed):
                await line.recv()
            assert (line.close_code, line.close_reason) == (1008, "not registered")
        await registered(good)


async def test_a_client_that_does_not_register_may_send_little(start: Start) -> None:
    async with opened(await start()) as line:
        with pytest.raises(ConnectionClosed):
            for _ in range(10 * UNKNOWN_MESSAGES):
                await line.send("OPTIONS sip:a.vn SIP/2.0\r\n\r\n")
                await asyncio.sleep(0)
            await line.recv()
        assert line.close_code == 1008


async def test_messages_are_bounded(start: Start, switch: FakeSwitch) -> None:
    async with opened(await start()) as line:
        await registered(line)
        with contextlib.suppress(ConnectionClosed):
            await line.send("x" * (MAX_MESSAGE + 1))
            await line.recv()
        assert line.close_code == 1009
    assert len(switch.heard) == 1


async def test_connections_of_a_client_and_in_all_are_bounded(start: Start) -> None:
    config = await start(connections=4, connections_address=2)
    async with contextlib.AsyncExitStack() as stack:

        async def another(client: str) -> None:
            headers = {"X-Forwarded-For": client}
            line = await stack.enter_async_context(opened(config, additional_headers=headers))
            await registered(line)

        await another("203.0.113.9")
        await another("203.0.113.9")
        with pytest.raises(InvalidStatus) as refused:
            await another("203.0.113.9")
        assert refused.value.response.status_code == 429
        await another("203.0.113.8")
        await another("203.0.113.7")
        with pytest.raises((InvalidHandshake, OSError, EOFError)):
            await another("203.0.113.6")
    async with opened(config) as line:  # they count no longer
        await registered(line)


async def test_at_its_end_clients_are_told_to_come_back(
    switch: FakeSwitch, tmp_path: Path
) -> None:
    config = EdgeConfig(
        version="1",
        folder=str(tmp_path),
        switch=switch.url,
        source_key=KEY,
        ws=f"127.0.0.1:{free_port('tcp', '127.0.0.1')}",
    )
    listening = asyncio.Event()
    serving = asyncio.create_task(edge.serve(config, listening))
    await listening.wait()
    async with opened(config) as line:
        await registered(line)
        serving.cancel()
        with pytest.raises(ConnectionClosed):
            await line.recv()
        assert line.close_code == 1012
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    await until(lambda: all(line.state.name == "CLOSED" for line in switch.lines))


async def test_the_end_of_the_switch_closes_its_clients(start: Start, switch: FakeSwitch) -> None:
    async with opened(await start()) as line:
        await registered(line)
        await switch.lines[0].close()
        with pytest.raises(ConnectionClosed):
            await line.recv()
        assert line.close_code == 1012


async def test_without_a_switch_clients_may_try_again(start: Start) -> None:
    config = await start(switch=f"ws://127.0.0.1:{free_port('tcp', '127.0.0.1')}/ws")
    async with opened(config) as line:
        await line.send(REGISTER)
        with pytest.raises(ConnectionClosed):
            await line.recv()
        assert line.close_code == 1013


async def test_the_end_of_a_client_ends_its_line_to_the_switch(
    start: Start, switch: FakeSwitch
) -> None:
    async with opened(await start()) as line:
        await registered(line)
    await until(lambda: switch.lines[0].state.name == "CLOSED")


async def test_wss(start: Start, tmp_path: Path) -> None:
    made = certificate.write(tmp_path)
    address = f"127.0.0.1:{free_port('tcp', '127.0.0.1')}"
    await start(wss=address, certificate=made["sip_tls_cert"], private_key=made["sip_tls_key"])
    trust = certificate.trust(made)
    async with connect(f"wss://{address}/", subprotocols=[SIP], ssl=trust, proxy=None) as line:
        await registered(line)
    with pytest.raises(ssl.SSLCertVerificationError):
        async with connect(f"wss://{address}/", ssl=ssl.create_default_context(), proxy=None):
            pass


async def test_its_metrics_are_in_a_file(start: Start, tmp_path: Path) -> None:
    await start()
    await until(lambda: "tongdai_sip_ws_connections" in _read(tmp_path / "metrics"))


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
