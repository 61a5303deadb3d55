"""A process that serves the API beside others: `api_workers` starts it.

    python -m tongdai.api_worker SOCKET MEMORY

Both are file descriptors that it inherits.
"""

import asyncio
import contextlib
import signal
import socket
import sys

import uvloop
from prometheus_client import generate_latest

from tongdai import app, logs, process
from tongdai import settings as configuration
from tongdai.api import counts
from tongdai.api_workers import METRICS_EVERY_S


class Metrics:
    """The metrics of all processes, as we were told them last."""

    def __init__(self) -> None:
        self._told = b""

    def latest(self) -> bytes:
        """Those of all; before the first time, our own."""
        return self._told or generate_latest()

    async def hear(self) -> None:
        """Reads them until the end of standard input."""
        stream = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), sys.stdin
        )
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                size = int.from_bytes(await stream.readexactly(4))
                self._told = await stream.readexactly(size)

    async def tell(self) -> None:
        """Writes our own from time to time, unless the latest have not been read yet."""
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(
            asyncio.BaseProtocol, sys.stdout
        )
        while True:
            if not transport.get_write_buffer_size() and not transport.is_closing():
                text = generate_latest()
                transport.write(len(text).to_bytes(4) + text)
            await asyncio.sleep(METRICS_EVERY_S)


async def main(listening: socket.socket, memory: int) -> None:
    """Serves until standard input or SIGTERM ends it."""
    settings = configuration.load()
    logs.configure(settings)
    metrics = Metrics()
    shared = app.Shared(
        listening,
        counts.of_workers(memory, settings.rate_domain, settings.rate_address),
        metrics.latest,
    )
    serving = asyncio.create_task(app.serve_shared(settings, shared))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    telling = asyncio.create_task(metrics.tell())
    hearing = asyncio.create_task(metrics.hear())
    hearing.add_done_callback(lambda _: serving.cancel())
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        for task in (telling, hearing):
            task.cancel()
        await asyncio.gather(telling, hearing, return_exceptions=True)


if __name__ == "__main__":
    process.open_files()
    listener, shared_memory = map(int, sys.argv[1:])
    uvloop.run(main(socket.socket(fileno=listener), shared_memory))
