"""Receivers of webhooks on loopback: a real HTTP server, and raw sockets that misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from multidict import CIMultiDictProxy

from tongdai.dialects import v1


class Received(msgspec.Struct, frozen=True):
    """One POST."""

    path: str
    headers: CIMultiDictProxy[str]
    body: bytes
    target: str  # path and query, byte for byte

    @property
    def event(self) -> v1.CallEvent:
        return msgspec.json.decode(self.body, type=v1.CallEvent)


Answer = web.Response | int
Script = Callable[[Received], Answer | Awaitable[Answer]]


class Receiver:
    """Responds as `answer` says. `requests` are those that came, `busiest` is how many were open
    at a time.
    """

    def __init__(self, answer: Script) -> None:
        self.answer = answer
        self.requests: list[Received] = []
        self.port = self.connections = self.busy = self.busiest = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def states(self, path: str = "/hook") -> list[str]:
        """The events' names in the order in which they came."""
        return [request.event.state for request in self.requests if request.path == path]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        received = Received(request.path, request.headers, body, request.raw_path)
        self.requests.append(received)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            answer = self.answer(received)
            if isinstance(answer, Awaitable):
                answer = await answer
        finally:
            self.busy -= 1
        return web.Response(status=answer) if isinstance(answer, int) else answer


@asynccontextmanager
async def receiving(
    answer: Script = lambda _: 200,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """A receiver that listens meanwhile."""
    receiver = Receiver(answer)
    server = web.Server(receiver.handle)

    def connected() -> web.RequestHandler:
        receiver.connections += 1
        return server()

    listening = await asyncio.get_running_loop().create_server(connected, host, port, ssl=tls)
    receiver.port = listening.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        listening.close()
        await server.shutdown(0.1)
        await listening.wait_closed()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Socket:
    """A raw listener that counts connections."""

    def __init__(self) -> None:
        self.port = self.connections = self.bytes = 0
        self.is_cut_off = asyncio.Event()  # the other side closed a connection

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Reads, and never responds."""
    while await reader.read(65536):
        pass


@asynccontextmanager
async def listening(
    behaviour: Behaviour = silence, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Socket]:
    """A raw listener that treats every connection alike."""
    found, tasks = Socket(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            found.is_cut_off.set()
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, port)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
