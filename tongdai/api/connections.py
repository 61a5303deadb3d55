"""Connections of clients: limits on their number, on their silence, and on the size of a request's
head.

uvicorn has no such limits with httptools (its `limit_concurrency` counts requests, and its
keep-alive begins after the first response).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

import httptools
import msgspec
from prometheus_client import Counter as Metric
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tongdai import errors, messages
from tongdai.api import limits, problems

HEAD_S = 10.0  # seconds from the connection, or the first byte of a request, to the head's end
STUCK_S = 60.0  # seconds after which a client that reads nothing of its response is disconnected
MAX_HEAD = 64 * 1024  # bytes of target and headers
MAX_HEADERS = 100
LINGER_S, MAX_LINGER = 1.0, 4_000_000  # seconds, and bytes that are skipped, after a refusal
MOST, MOST_OF_ADDRESS = 2000, 200

_closed = Metric(
    "tongdai_http_connections_closed_total", "Connections that we closed, by reason.", ["why"]
)


class Connections:
    """The connections of one server: at most `most`, and `of_address` per client address.

    When there are too many, the one that has waited longest without a request is closed: first
    those that never sent one. `trusted` are reverse proxies, whose connections belong to many
    clients. A client that reads nothing of its response for `stuck_s` seconds is disconnected.
    """

    def __init__(
        self,
        most: int = MOST,
        of_address: int = MOST_OF_ADDRESS,
        trusted: Iterable[str] = (),
        stuck_s: float = STUCK_S,
    ) -> None:
        self._most, self._of_address, self.stuck_s = most, of_address, stuck_s
        self._trusted = tuple(ip_network(one) for one in trusted)
        self._open = 0
        self._by_address: Counter[str] = Counter()
        # both in the order in which they began to wait
        self._new: dict[Protocol, None] = {}
        self._idle: dict[Protocol, None] = {}

    def opened(self, one: "Protocol") -> errors.TongdaiError | None:
        """Counts one more connection. Returns the refusal if it is too many."""
        self._open += 1
        self._by_address[one.address] += 1
        if self._by_address[one.address] > self._of_address and not self._is_trusted(one.address):
            return errors.TooManyRequests(retry_after_s=1)
        self._new[one] = None
        if self._open > self._most:
            return self._make_room(one)
        return None

    def closed(self, one: "Protocol") -> None:
        """Counts the connection no longer."""
        self._open -= 1
        self._by_address[one.address] -= 1
        if not self._by_address[one.address]:
            del self._by_address[one.address]
        self.busy(one)

    def busy(self, one: "Protocol") -> None:
        """The connection has a request, and will not be closed for others."""
        self._new.pop(one, None)
        self._idle.pop(one, None)

    def idle(self, one: "Protocol") -> None:
        """The response is complete."""
        self._idle[one] = None

    def _make_room(self, newest: "Protocol") -> errors.TongdaiError | None:
        oldest = next((one for one in (*self._new, *self._idle) if one is not newest), None)
        if oldest is None:
            return errors.Unavailable(messages.TOO_MANY_CONNECTIONS)
        self.busy(oldest)
        oldest.give_way()
        return None

    def _is_trusted(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._trusted)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with limits. It refuses in JSON instead of plain text: requests that the
    parser cannot read (most have a Vietnamese name in their URL that is not percent-encoded),
    heads that are too large or too slow, and connections beyond the limit.

    It overrides undocumented parts of uvicorn: tests/api/test_uvicorn.py fails when an upgrade
    removes them.
    """

    among = Connections()
    head_s = HEAD_S

    @classmethod
    def within(cls, among: Connections, head_s: float = HEAD_S) -> "type[Protocol]":
        """The protocol of one server with these limits."""
        return type("Protocol", (cls,), {"among": among, "head_s": head_s})

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.address = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._head_bytes = self._headers_read = self._unread = 0
        self._is_begun = False  # a part of a request's head has arrived
        self._refusal: errors.TongdaiError | None = None
        self._is_refused = self._is_handed_over = False

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The connection counts, and is closed when no request arrives within `head_s`."""
        super().connection_made(transport)
        self.address = limits.client_key(self.client[0]) if self.client else ""
        if refusal := self.among.opened(self):
            _closed.labels("too many").inc()
            self.transport.write(_response(refusal))
            self.transport.close()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Its timers are cancelled."""
        self.among.closed(self)
        self._stop(self._head_timer)
        self._stop(self._stuck_timer)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Another protocol has the connection, which counts until it is closed."""
        self._is_handed_over = True
        super().handle_websocket_upgrade()
        self.transport.get_protocol().closed = lambda: self.among.closed(self)  # type: ignore[attr-defined]

    def give_way(self) -> None:
        """The connection is closed to make room for another."""
        _closed.labels("gave way").inc()
        self.transport.close()

    # --- received

    def data_received(self, data: bytes) -> None:
        """Limits the bytes that lead to no request, such as those of a head without end; the
        parser holds at most that number and one read.
        """
        self._unread += len(data)
        if self._is_refused:
            if self._unread > MAX_LINGER:
                self.transport.close()
            return
        super().data_received(data)
        if self._is_refused or self._is_handed_over or self.transport.is_closing():
            return
        if self._unread > MAX_HEAD:
            self._refuse(problems.HeadersTooLarge())
        elif not self._is_serving and not self.timeout_keep_alive_task:
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_begun = True
        self._head_bytes = self._headers_read = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._unread = 0
        self._headers_read += 1
        self._count(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unread, self._is_begun = 0, False
        self._stop(self._head_timer)
        self._head_timer = None
        self.among.busy(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_serving and not self.transport.is_closing():
            self.among.idle(self)

    # --- sent

    def pause_writing(self) -> None:
        """The client must continue to read within `Connections.stuck_s`."""
        super().pause_writing()
        self._stuck_timer = self.loop.call_later(self.among.stuck_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop(self._stuck_timer)
        self._stuck_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 uvicorn's signature
        """The connection ends: the beginning of a next request cannot be known."""
        self._refuse(self._refusal or problems.BadRequest(messages.NO_HTTP))

    # ---

    @property
    def _is_serving(self) -> bool:
        """Whether a request has no complete response yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _count(self, size: int) -> None:
        """Counts bytes of the head. Raises when there are too many, which ends the parsing."""
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD or self._headers_read > MAX_HEADERS:
            self._refusal = problems.HeadersTooLarge()
            raise httptools.HttpParserError("the head is too large")

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        """A client that sent nothing gets no response: it may open connections before it needs
        them.
        """
        _closed.labels("silent").inc()
        if self._is_begun:
            self._refuse(problems.RequestTimeout())
        else:
            self.transport.close()

    def _refuse(self, error: errors.TongdaiError) -> None:
        """Sends the refusal, unless a response has begun, and ends the connection a moment later:
        closing it with unread bytes would discard the refusal (RFC 9112 §9.6).
        """
        self._is_refused, self._unread = True, 0
        if not (self._is_serving and self.cycle.response_started):
            self.transport.write(_response(error))
        self._stop(self._head_timer)
        self._head_timer = self.loop.call_later(LINGER_S, self.transport.close)
        self.transport.write_eof()

    def _stop(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def _response(error: errors.TongdaiError) -> bytes:
    """The error as a whole HTTP response; the application has not seen the request."""
    body = msgspec.json.encode(problems.body(error, "en"))
    headers = problems.headers(error) | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"{name.lower()}: {value}" for name, value in headers.items()]
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"
    return "\r\n".join([status, *lines, "", ""]).encode() + body
