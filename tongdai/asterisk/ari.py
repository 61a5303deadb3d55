"""The WebSocket to Asterisk: requests out, responses and events in (docs.asterisk.org, "ARI REST
over WebSockets").

`translate` gives events their meaning; `reconnect` decides when to connect again (the back-off).
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from tongdai import errors

REQUEST_S = 5.0
HANDSHAKE_S = 5.0
BACKLOG = 50_000  # events read but not yet taken; with more of them a new link is faster


class Response(msgspec.Struct, frozen=True):
    """Asterisk's answer to one request. `status` is an HTTP status, `body` JSON or empty."""

    request_id: str
    status_code: int
    message_body: str = ""

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status_code < 300

    def json(self) -> Any:
        return msgspec.json.decode(self.message_body)


class _Frame(msgspec.Struct):
    type: str


class Link:
    """One open connection of the application. It closes once; `connect` opens a new one. A request
    waits `request_s` for its response; with more than `backlog` events untaken the link closes.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        request_s: float = REQUEST_S,
        backlog: int = BACKLOG,
    ) -> None:
        self._session, self._socket = session, socket
        self.request_s, self._backlog = request_s, backlog
        self.last_frame_at = datetime.now(UTC)
        self._numbers = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Response]] = {}
        self._events: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(), name="ari-reader")

    async def request(
        self, method: str, uri: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> Response:
        """Sends the request and waits for the response. Asterisk executes requests in the order in
        which they are sent.

        Raises errors.SwitchDown when the link is closed or Asterisk does not respond in time.
        """
        number = str(next(self._numbers))
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            await self._socket.send_str(_request(number, method, uri, query, body))
            async with asyncio.timeout(self.request_s):
                return await answer
        except TimeoutError as reason:
            raise errors.SwitchDown(f"no answer to {method} {uri}") from reason
        except (ConnectionError, aiohttp.ClientError) as reason:
            raise errors.SwitchDown(str(reason)) from reason
        finally:
            self._asked.pop(number, None)

    async def events(self) -> AsyncIterator[tuple[str, bytes]]:
        """Type and JSON of each event, in order, until the link closes."""
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()
        await self._session.close()

    async def _read(self) -> None:
        """Reads frames and queues events, no more: Asterisk disconnects a slow reader
        (websocket_write_timeout).
        """
        try:
            async for message in self._socket:
                self.last_frame_at = datetime.now(UTC)
                if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    continue
                self._handle(
                    message.data.encode() if isinstance(message.data, str) else message.data
                )
                if self._events.qsize() > self._backlog:
                    return
        finally:
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(errors.SwitchDown("the link to Asterisk was lost"))
            self._events.put_nowait(None)

    def _handle(self, data: bytes) -> None:
        try:
            frame = _FRAME.decode(data)
            response = _RESPONSE.decode(data) if frame.type == "RESTResponse" else None
        except (msgspec.DecodeError, UnicodeDecodeError):  # one bad frame must not end the reader
            return
        if response is None:
            self._events.put_nowait((frame.type, data))
        elif (answer := self._asked.get(response.request_id)) and not answer.done():
            answer.set_result(response)


async def connect(
    url: str,
    user: str,
    password: str,
    app: str,
    *,
    handshake_s: float = HANDSHAKE_S,
    request_s: float = REQUEST_S,
    backlog: int = BACKLOG,
) -> Link:
    """An open link for the application. The URL has no subscription: one kind of it can deadlock
    Asterisk 22.10.1. `reconnect` subscribes later, to the endpoints of PJSIP only.

    No WebSocket pings: Asterisk does not answer those without a payload, and answers others even
    if the application is dead; `reconnect` asks for an echo instead.

    Raises errors.SwitchDown.
    """
    session = aiohttp.ClientSession(
        headers={"Authorization": aiohttp.encode_basic_auth(user, password)}
    )
    try:
        async with asyncio.timeout(handshake_s):
            socket = await session.ws_connect(
                f"{url}/ari/events", params={"app": app}, max_msg_size=0, compress=0
            )
    except (aiohttp.ClientError, OSError, TimeoutError) as reason:
        await session.close()
        raise errors.SwitchDown(f"ARI at {url}: {reason}") from reason
    return Link(session, socket, request_s, backlog)


def _request(
    number: str, method: str, uri: str, query: Mapping[str, str] | None, body: object
) -> str:
    asked: dict[str, object] = {
        "type": "RESTRequest",
        "request_id": number,
        "method": method,
        "uri": uri,
    }
    if query:
        asked["query_strings"] = [{"name": name, "value": value} for name, value in query.items()]
    if body is not None:
        asked["content_type"] = "application/json"
        asked["message_body"] = msgspec.json.encode(body).decode()
    return msgspec.json.encode(asked).decode()


_FRAME = msgspec.json.Decoder(_Frame)
_RESPONSE = msgspec.json.Decoder(Response)
