"""SIP over WebSocket at /ws of the API's address: the bytes of such connections are passed on to
the edge proxy, both ways.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

PATH = b"/ws"
OPEN_S = 5.0


class SipWebSocket(asyncio.Protocol):
    """One connection that asked for a WebSocket; uvicorn hands it over with the head of its
    request. It is closed when the server stops. `closed` is called at its end.
    """

    edge = ""  # host:port of the edge proxy; "": there is none
    closed: Callable[[], None]

    @classmethod
    def towards(cls, edge: str) -> "type[SipWebSocket]":
        """The protocol of one server."""
        return type("SipWebSocket", (cls,), {"edge": edge})

    def __init__(self, config: Any, server_state: Any, app_state: Any = None) -> None:  # noqa: ARG002 -- uvicorn's
        self._connections: set[Any] = server_state.connections
        self._client: asyncio.Transport
        self._edge: asyncio.Transport | None = None
        self._early: list[bytes] = []  # received before the edge proxy has answered
        self._opening: asyncio.Task[None] | None = None

    # --- the client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connections.discard(self)
        self.closed()
        if self._opening:
            self._opening.cancel()
        if self._edge:
            self._edge.close()

    def data_received(self, data: bytes) -> None:
        """The first call has the head of the request."""
        if self._edge:
            self._edge.write(data)
        elif self._opening:
            self._early.append(data)
            self._client.pause_reading()
        elif not self._is_for_us(data):
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._early.append(self._with_client(data))
            self._opening = asyncio.create_task(self._open())

    def pause_writing(self) -> None:
        if self._edge:
            self._edge.pause_reading()

    def resume_writing(self) -> None:
        if self._edge:
            self._edge.resume_reading()

    def shutdown(self) -> None:
        """The server stops."""
        self._client.close()

    # --- the edge proxy

    async def _open(self) -> None:
        host, _, port = self.edge.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN_S):
                self._edge, _ = await loop.create_connection(
                    lambda: _Towards(self._client), host.strip("[]"), int(port)
                )
        except (OSError, TimeoutError):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._edge.writelines(self._early)
        self._early.clear()
        self._client.resume_reading()

    def _is_for_us(self, head: bytes) -> bool:
        """Whether the request is for this path, and there is an edge proxy."""
        target = head.partition(b"\r\n")[0].split(b" ")[1]
        return bool(self.edge) and target.partition(b"?")[0] == PATH

    def _with_client(self, head: bytes) -> bytes:
        """The head with our client's address behind those that it names."""
        peer = self._client.get_extra_info("peername")[0]
        line, gap, rest = head.partition(b"\r\n")
        return line + gap + rest[:-2] + f"x-forwarded-for: {peer}\r\n\r\n".encode()

    def _refuse(self, status: HTTPStatus) -> None:
        line = f"HTTP/1.1 {status} {status.phrase}\r\n"
        self._client.write(f"{line}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        self._client.close()


class _Towards(asyncio.Protocol):
    """The connection to the edge proxy: its bytes go to the client."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._client.close()

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        self._client.resume_reading()
