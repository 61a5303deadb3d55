"""A TCP proxy that fails as networks do: silent, cut off, closed."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Forwards what comes to `port` to wherever `connect` leads."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self._connect = connect
        self._flows = asyncio.Event()
        self._flows.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def hang(self) -> None:
        """Nothing passes any more, without FIN or RST. New connections are accepted, and get no
        answer.
        """
        self._flows.clear()

    def flow(self) -> None:
        """Everything passes again, also what has been waiting."""
        self._flows.set()

    def reset(self) -> None:
        """All connections are cut off (RST), on both sides."""
        for end in self._ends:
            if (wire := end.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()

    def close(self) -> None:
        """All connections are closed in order (FIN), on both sides."""
        for end in self._ends:
            end.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._ends.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            back, onward = await self._connect()
            self._ends.add(onward)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, onward))
                group.create_task(self._pump(back, writer))
        except* (OSError, RuntimeError, asyncio.CancelledError):
            pass  # RuntimeError: of uvloop, for a transport that has been aborted
        finally:
            self._tasks.discard(task)
            for end in filter(None, (writer, onward)):
                self._ends.discard(end)
                end.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._flows.wait()
            sink.write(data)
            await sink.drain()
        await self._flows.wait()  # an end is not passed on either
        sink.close()

    async def end(self) -> None:
        self.reset()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxy(connect: Callable[[], Awaitable[Streams]]) -> AsyncIterator[Proxy]:
    """One that listens on loopback meanwhile."""
    made = Proxy(connect)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()
        await server.wait_closed()
