"""The listeners of the edge proxy, and the connections that come."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from prometheus_client import Gauge, generate_latest
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tongdai import files
from tongdai.asterisk import browser_addresses
from tongdai.edge.clients import Limits, Proxies
from tongdai.edge.config import EdgeConfig
from tongdai.edge.registry import REGISTRY
from tongdai.edge.session import MAX_MESSAGE, REGISTER_S, SIP, Session, Target

log = structlog.get_logger()

PATHS = ("/", "/ws")
METRICS = "metrics"
METRICS_EVERY_S = 5.0
HEAD_S = 10.0  # for the opening handshake, TLS included
PING_S = 20.0  # between pings, and for the answer to one
CERTIFICATE_EVERY_S = 60.0
WARN_EVERY_S = 10.0
# the library logs a traceback for each client that speaks no WebSocket
_SILENT = logging.getLogger("tongdai.edge.silent")
_SILENT.setLevel(logging.CRITICAL + 1)

_open = Gauge(
    "tongdai_sip_ws_connections", "Open connections of SIP over WebSocket.", registry=REGISTRY
)


async def serve(
    config: EdgeConfig, listening: asyncio.Event, register_s: float = REGISTER_S
) -> None:
    """Serves until cancelled, then closes all connections with 1012 (service restart). Sets
    `listening` when clients may connect. Raises OSError when an address cannot be used, or the
    certificate cannot be read.
    """
    edge = Edge(config, register_s)
    tls = _tls(config) if config.wss else None
    async with contextlib.AsyncExitStack() as stack:
        servers = [await edge.listen(config.ws)] if config.ws else []
        stack.push_async_callback(_closed, servers)
        if tls:
            servers.append(await edge.listen(config.wss, tls))
        listening.set()
        await asyncio.gather(edge.write_metrics(), _renewed(config, tls))


async def _closed(servers: Sequence[Server]) -> None:
    for server in servers:
        server.close(code=CloseCode.SERVICE_RESTART, reason="restart")
    for server in servers:
        await server.wait_closed()


class Edge:
    """All connections, whichever listener they came by."""

    def __init__(self, config: EdgeConfig, register_s: float) -> None:
        self._config, self._register_s = config, register_s
        self._proxies = Proxies(config.proxies)
        self._limits = Limits(config.connections, config.connections_address)
        self._clients = browser_addresses.ClientsWriter(Path(config.folder))
        self._is_near = _is_loopback(config.switch)
        self._warned_at = float("-inf")
        if not self._is_near:
            log.warning("edge.switch_is_remote", why="bans cannot tell its clients apart")

    async def listen(self, address: str, tls: ssl.SSLContext | None = None) -> Server:
        """A listener on host:port. Raises OSError."""
        host, _, port = address.rpartition(":")
        return await listen(
            self._handle,
            host.strip("[]"),
            int(port),
            ssl=tls,
            ssl_handshake_timeout=HEAD_S if tls else None,
            subprotocols=None,
            select_subprotocol=_subprotocol,
            process_request=self._refusal,
            compression=None,
            open_timeout=HEAD_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=2.0,
            max_size=MAX_MESSAGE,
            max_queue=8,
            server_header=None,
            logger=_SILENT,
            create_connection=self._connection_class(),
        )

    def _connection_class(self) -> type[ServerConnection]:
        limits, proxies, source = self._limits, self._proxies, self._source

        class Connection(ServerConnection):
            """A connection that counts from its first byte."""

            client = ""  # its address, once known
            key = ""  # by which it is counted

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                is_within = limits.opened()
                peer = transport.get_extra_info("peername")[0]
                if not proxies.trusts(peer):
                    is_within = self.belongs_to(peer) and is_within
                if not is_within:
                    self.transport.abort()

            def belongs_to(self, client: str) -> bool:
                """It is that client's. Returns whether the client has not too many."""
                self.client, self.key = client, source(client)
                return limits.taken(self.key)

            def connection_lost(self, exc: Exception | None) -> None:
                limits.closed()
                if self.key:
                    limits.given_back(self.key)
                super().connection_lost(exc)

        return Connection

    def _source(self, client: str) -> str:
        return browser_addresses.source(client, self._config.source_key)

    def _refusal(self, connection: Any, request: Request) -> Response | None:
        """The response to a request that does not become a WebSocket, or None."""
        if request.path.partition("?")[0] not in PATHS:
            return connection.respond(HTTPStatus.NOT_FOUND, "SIP over WebSocket is at /ws.\n")  # type: ignore[no-any-return]
        if not connection.key:
            peer = connection.remote_address[0]
            named = request.headers.get_all("X-Forwarded-For")
            if not connection.belongs_to(self._proxies.client(peer, named)):
                return connection.respond(  # type: ignore[no-any-return]
                    HTTPStatus.TOO_MANY_REQUESTS, "Too many connections.\n"
                )
        return None

    async def _handle(self, connection: Any) -> None:
        _open.inc()
        try:
            if self._is_near:
                with contextlib.suppress(OSError):  # a full volume stops no call
                    self._clients.note(connection.key, connection.client)
            target = Target(self._config.switch, connection.key if self._is_near else "")
            await Session(connection, target, self._unreachable, self._register_s).run()
        except Exception:
            log.exception("edge.failed")
        finally:
            _open.dec()

    def _unreachable(self, why: str) -> None:
        """Logs it, not once for each client that tries."""
        now = asyncio.get_running_loop().time()
        if now > self._warned_at + WARN_EVERY_S:
            self._warned_at = now
            log.warning("edge.switch_unreachable", why=why)

    async def write_metrics(self) -> None:
        """Writes the metrics to a file from time to time, until cancelled."""
        path = Path(self._config.folder) / METRICS
        while True:
            with contextlib.suppress(OSError):  # a full volume stops no call
                await asyncio.to_thread(files.write, path, generate_latest(REGISTRY))
            await asyncio.sleep(METRICS_EVERY_S)


def _subprotocol(_connection: object, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """`sip`, or none for clients that do not offer it."""
    return SIP if SIP in offered else None


def _is_loopback(url: str) -> bool:
    """Whether clients can have source addresses of their own towards the switch."""
    try:
        host = ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return host.version == 4 and host.is_loopback and url.startswith("ws:")


# --- TLS


def _tls(config: EdgeConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.certificate, config.private_key)
    return context


async def _renewed(config: EdgeConfig, context: ssl.SSLContext | None) -> None:
    """New connections get a renewed certificate, without a restart, until cancelled."""
    read = _mtimes(config)
    while True:
        await asyncio.sleep(CERTIFICATE_EVERY_S)
        if context is None or (now := _mtimes(config)) == read:
            continue
        try:
            context.load_cert_chain(config.certificate, config.private_key)
        except (OSError, ssl.SSLError) as reason:  # half written, perhaps: tried again
            log.warning("edge.certificate_unreadable", why=str(reason))
        else:
            read = now
            log.info("edge.certificate_renewed")


def _mtimes(config: EdgeConfig) -> list[int]:
    try:
        names = (config.certificate, config.private_key)
        return [Path(name).stat().st_mtime_ns for name in names if name]
    except OSError:
        return []
