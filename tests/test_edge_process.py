"""The edge proxy's process: it is started, outlives its parent, is adopted, and ends with 1012."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from testbed.until import until
from tongdai import edge_process, errors
from tongdai.edge import EdgeConfig
from tongdai.ports import free_port


@pytest.fixture
async def config(tmp_path: Path) -> AsyncIterator[EdgeConfig]:
    folder = tmp_path / "edge"
    yield EdgeConfig(
        version="1",
        folder=str(folder),
        switch="ws://127.0.0.1:1/ws",
        source_key=b"k" * 32,
        ws="",
    )
    if left := edge_process._remembered(folder):
        await left[0].end(signal.SIGKILL, 5)


async def test_the_next_start_adopts_it(config: EdgeConfig) -> None:
    first = await edge_process.start(config)
    assert not first.adopted
    assert edge_process.address(Path(config.folder)) == first.config.ws
    async with connect(f"ws://{first.config.ws}/ws", proxy=None) as line:
        again = await edge_process.start(config)
        assert (again.pid, again.adopted) == (first.pid, True)
        assert again.config.ws == first.config.ws
        assert await (await line.ping()) >= 0
        await again.stop()
        with pytest.raises(ConnectionClosed):
            await line.recv()
        assert line.close_code == 1012
    await first.wait()
    assert edge_process.address(Path(config.folder)) == ""


async def test_one_of_another_config_is_replaced(config: EdgeConfig) -> None:
    first = await edge_process.start(config)
    for changed in (
        msgspec.structs.replace(config, version="2"),
        msgspec.structs.replace(config, version="2", switch="ws://127.0.0.1:2/ws"),
    ):
        other = await edge_process.start(changed)
        assert not other.adopted
        assert other.pid != first.pid
        await first.wait()
        first = other
    await first.stop()


async def test_it_shows_its_metrics(config: EdgeConfig) -> None:
    running = await edge_process.start(config)
    assert await until(lambda: {metric.name for metric in running.collect()}) >= {
        "tongdai_sip_ws_connections",
        "tongdai_sip_ws_closed",
    }
    registry = CollectorRegistry(auto_describe=True)
    registry.register(running)
    registry.unregister(running)
    await running.stop()


async def test_an_address_that_is_taken_is_named(config: EdgeConfig) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    taken = "{}:{}".format(*server.sockets[0].getsockname())
    with pytest.raises(errors.SetupError, match=taken):
        await edge_process.start(msgspec.structs.replace(config, ws=taken))
    server.close()


async def test_a_start_that_fails_shows_the_end_of_the_log(config: EdgeConfig) -> None:
    address = f"127.0.0.1:{free_port('tcp', '127.0.0.1')}"
    broken = msgspec.structs.replace(config, wss=address, certificate="/nowhere.pem")
    with pytest.raises(errors.SetupError, match=r"(?s)ended at its start.*FileNotFoundError"):
        await edge_process.start(broken)


async def test_a_killed_one_is_noticed(config: EdgeConfig) -> None:
    running = await edge_process.start(config)
    os.kill(running.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        await running.wait()
    again = await edge_process.start(msgspec.structs.replace(config, ws=running.config.ws))
    assert again.config.ws == running.config.ws
    await again.stop()
