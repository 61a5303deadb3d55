"""One client's connection, and the connection to the switch that stands for it."""

import asyncio
import contextlib
import hashlib
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from prometheus_client import Counter
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from tongdai.edge import sip
from tongdai.edge.registry import REGISTRY

SIP = Subprotocol("sip")
MAX_MESSAGE = 64 * 1024  # bytes; an offer with many ICE candidates has some 10,000
REGISTER_S = 30.0  # seconds in which a client must register, or make a call
UNKNOWN_MESSAGES = 50  # most messages before that
OPEN_S, CLOSE_S = 5.0, 1.0
PORTS = range(20_000, 30_000)  # the first source port tried is computed, the next ones follow
PORT_TRIES = 32

_ended = Counter(
    "tongdai_sip_ws_closed_total",
    "Connections of SIP over WebSocket that ended, by reason.",
    ["why"],
    registry=REGISTRY,
)


class Target(msgspec.Struct, frozen=True):
    """The switch's URL, and the source address of the connections to it; "": any."""

    url: str
    source: str


class Session:
    """Passes messages on, between a client and the switch, until one of both closes.
    `unreachable` is called with the reason when the switch cannot be reached.
    """

    def __init__(
        self,
        client: ServerConnection,
        target: Target,
        unreachable: Callable[[str], None],
        register_s: float,
    ) -> None:
        self._client, self._target, self._register_s = client, target, register_s
        self._unreachable = unreachable
        self._contacts = sip.SentContacts()
        self._is_known = False  # the switch has accepted a REGISTER or INVITE
        self._sent = 0

    async def run(self) -> None:
        """Returns when both connections are closed. The connection to the switch is opened when
        the first message comes: its source port is computed from that.
        """
        deadline = asyncio.get_running_loop().time() + self._register_s
        try:
            async with asyncio.timeout_at(deadline):
                first = await self._client.recv(decode=False)
        except TimeoutError:
            return await self._close(CloseCode.POLICY_VIOLATION, "not registered")
        except ConnectionClosed:
            return _ended.labels("client").inc()
        try:
            switch = await self._open(first)
        except (OSError, InvalidHandshake, TimeoutError, ConnectionClosed) as reason:
            self._unreachable(str(reason) or type(reason).__name__)
            return await self._close(CloseCode.TRY_AGAIN_LATER, "no switch")
        try:
            await self._relay(switch, first, deadline)
        finally:
            await _hang_up(switch)

    async def _relay(self, switch: ClientConnection, first: bytes, deadline: float) -> None:
        with contextlib.suppress(ConnectionClosed):  # seen below
            await self._pass_on(switch, first)
        why = await _first_of(
            self._to_switch(switch), self._to_client(switch), self._until_unknown(deadline)
        )
        match why:
            case "switch":
                await self._close(CloseCode.SERVICE_RESTART, "the switch closed")
            case "client":
                _ended.labels("client").inc()
            case _:
                await self._close(CloseCode.POLICY_VIOLATION, why)

    async def _to_switch(self, switch: ClientConnection) -> str:
        while self._is_known or self._sent < UNKNOWN_MESSAGES:
            try:
                message = await self._client.recv(decode=False)
            except ConnectionClosed:
                return "client"
            try:
                await self._pass_on(switch, message)
            except ConnectionClosed:
                return "switch"
        return "not registered"

    async def _pass_on(self, switch: ClientConnection, message: bytes) -> None:
        self._sent += 1
        if message.startswith(b"REGISTER "):
            self._contacts.note(message)
        await switch.send(sip.to_switch(message))

    async def _to_client(self, switch: ClientConnection) -> str:
        while True:
            try:
                message = sip.to_client(await switch.recv(decode=False))
            except ConnectionClosed:
                return "switch"
            if sip.is_accepted(message):
                self._is_known = True
                if sip.method(message) == b"REGISTER":
                    message = self._contacts.restore(message)
            try:
                # as text, as RFC 7118 §5 has it; a browser closes on bytes that are not UTF-8
                await self._client.send(message.decode(errors="replace"))
            except ConnectionClosed:
                return "client"

    async def _until_unknown(self, deadline: float) -> str:
        """Returns at the deadline if the client is unknown then."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, deadline - loop.time()))
        if self._is_known:
            await loop.create_future()
        return "not registered"

    async def _close(self, code: CloseCode, why: str) -> None:
        _ended.labels(why).inc()
        await self._client.close(code, why)

    async def _open(self, first: bytes) -> ClientConnection:
        """The connection to the switch, from an address and port that are the same for the same
        client: then a call's requests reach it on a new connection. Raises OSError,
        InvalidHandshake, TimeoutError.
        """
        if not self._target.source:
            return await _connect(self._target.url)
        refused = OSError("no source port")
        for port in _ports(first):
            try:
                own = await _socket(self._target, port)
            except OSError as reason:
                refused = reason
                if isinstance(reason, ConnectionRefusedError):
                    break
                continue
            return await _connect(self._target.url, sock=own)
        raise refused


async def _connect(url: str, **more: Any) -> ClientConnection:
    return await connect(
        url,
        subprotocols=[SIP],
        compression=None,
        proxy=None,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        ping_interval=None,  # Asterisk sends keep-alives itself
        max_size=4 * MAX_MESSAGE,
        user_agent_header=None,
        **more,
    )


def _ports(first: bytes) -> Iterator[int]:
    """Source ports to try: from the Contact of the first message on, else from its first line."""
    named = sip.contacts(first)
    seed = named[0] if named else first.partition(b"\r\n")[0]
    start = int.from_bytes(hashlib.sha256(seed).digest()[:4])
    for offset in range(PORT_TRIES):
        yield PORTS[(start + offset) % len(PORTS)]


async def _socket(target: Target, port: int) -> socket.socket:
    """A socket connected to the switch, from that port of the client's source address. Raises
    OSError where it is taken.
    """
    known = urlsplit(target.url)
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        own.setblocking(False)  # noqa: FBT003 -- the standard library's
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # closed at once and without TIME_WAIT: the next connection may need the same port
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        own.bind((target.source, port))
        async with asyncio.timeout(OPEN_S):
            await asyncio.get_running_loop().sock_connect(
                own, (known.hostname or "", known.port or 80)
            )
    except BaseException:
        own.close()
        raise
    return own


async def _hang_up(switch: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed, OSError):
        await switch.close()


async def _first_of(*work: Coroutine[Any, Any, str]) -> str:
    """The result of the one that returns first; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
