"""SIP messages written by hand, where SIPp cannot: over UDP, TCP, TLS and WebSocket, with digest
authentication.
"""

import asyncio
import hashlib
import itertools
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeAlias, cast

import aiohttp

Algorithm: TypeAlias = Literal["MD5", "SHA-256"]

ANSWER_S = 10.0
_calls = itertools.count(1)


class Wire(Protocol):
    """A transport to the switch. `address` is our host:port, `via` the transport's name in Via."""

    address: str
    via: str

    async def send(self, message: bytes) -> None: ...

    async def receive(self) -> bytes: ...


def _address(socket: tuple[str, int]) -> str:
    host, port = socket[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


class _Udp(asyncio.DatagramProtocol):
    via = "UDP"

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = _address(transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        self.came.put_nowait(data)

    async def send(self, message: bytes) -> None:
        self._transport.sendto(message)

    async def receive(self) -> bytes:
        return await self.came.get()


class _Stream:
    def __init__(
        self, via: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.via, self._reader, self._writer = via, reader, writer
        self.address = _address(writer.get_extra_info("sockname"))

    async def send(self, message: bytes) -> None:
        self._writer.write(message)
        await self._writer.drain()

    async def receive(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)^Content-Length:\s*(\d+)", head, re.MULTILINE)
        return head.lstrip() + await self._reader.readexactly(int(length[1]) if length else 0)


class _Socket:
    address, via = "browser.invalid", "WS"

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        self._socket = socket

    async def send(self, message: bytes) -> None:
        await self._socket.send_str(message.decode())

    async def receive(self) -> bytes:
        said = await self._socket.receive()
        assert said.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), said
        return said.data if isinstance(said.data, bytes) else said.data.encode()


@asynccontextmanager
async def udp(switch: str, address: str = "127.0.0.1", local_port: int = 0) -> AsyncIterator[Wire]:
    """A UDP socket at a port of the address, any by default."""
    host, port = _host_and_port(switch)
    transport, wire = await asyncio.get_running_loop().create_datagram_endpoint(
        _Udp, local_addr=(address, local_port), remote_addr=(host, int(port))
    )
    try:
        yield wire
    finally:
        transport.close()


@asynccontextmanager
async def tcp(
    switch: str, address: str = "127.0.0.1", trust: ssl.SSLContext | None = None
) -> AsyncIterator[Wire]:
    """A TCP connection from any port of the address; TLS where a context is given."""
    host, port = _host_and_port(switch)
    reader, writer = await asyncio.open_connection(
        host, int(port), ssl=trust, local_addr=(address, 0)
    )
    try:
        yield _Stream("TLS" if trust else "TCP", reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def websocket(
    url: str, trust: ssl.SSLContext | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Wire]:
    """A SIP WebSocket, as browsers use it (RFC 7118)."""
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(url, protocols=("sip",), ssl=trust or True) as socket,
    ):
        assert socket.protocol == "sip"
        yield _Socket(socket)


def request(
    wire: Wire,
    method: str,
    user: str,
    host: str,
    *,
    to: str = "",
    cseq: int = 1,
    call: str = "",
    credentials: str = "",
    contact: str = "",
    headers: Sequence[str] = (),
    body: Sequence[str] = (),
) -> bytes:
    """A request of user@host: a REGISTER, or any method to sip:`to`; with more `headers`, and an
    SDP `body`. `contact`: a URI that is not our own.
    """
    content = "".join(f"{line}\r\n" for line in body)
    target = f"sip:{to}" if to else f"sip:{host}"
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/{wire.via} {wire.address};branch=z9hG4bK{call}{cseq:03d};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{host}>;tag=f{call}",
        f"To: <{f'sip:{to}' if to else f'sip:{user}@{host}'}>",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        f"Contact: <{contact or f'sip:{user}@{wire.address};transport={wire.via.lower()}'}>",
        "User-Agent: wire",
        *([f"Authorization: {credentials}"] if credentials else []),
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*lines, "", content]).encode()


def within(wire: Wire, answer: str, method: str, cseq: int, *, branch: str = "") -> bytes:
    """A request in the dialog that the answer to our INVITE made."""
    kept = {
        name: re.findall(rf"(?im)^{name}: (.*?)\r?$", answer)[0]
        for name in ("From", "To", "Call-ID")
    }
    contact = re.findall(r"(?im)^Contact: <(.*?)>", answer)
    target = contact[0] if contact else "sip:refused"
    branch = branch or f"w{kept['Call-ID']}{cseq}"
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/{wire.via} {wire.address};branch=z9hG4bK{branch};rport",
        "Max-Forwards: 70",
        *(f"{name}: {value}" for name, value in kept.items()),
        f"CSeq: {cseq} {method}",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def acknowledge(wire: Wire, answer: str) -> None:
    """ACK for a 200 to our INVITE."""
    cseq = int(re.findall(r"(?im)^CSeq: ([0-9]+)", answer)[0])
    await wire.send(within(wire, answer, "ACK", cseq))


async def ask(wire: Wire, message: bytes) -> str:
    """The first final response to it."""
    await wire.send(message)
    async with asyncio.timeout(ANSWER_S):
        while True:
            answer = (await wire.receive()).decode(errors="replace")
            if answer.startswith("SIP/2.0 ") and status(answer) >= 200:
                return answer


async def authenticated(
    wire: Wire,
    method: str,
    user: str,
    host: str,
    password: str,
    *,
    login: str = "",
    to: str = "",
    call: str = "",
    cseq: int = 1,
    algorithm: Algorithm = "MD5",
    contact: str = "",
    headers: Sequence[str] = (),
    body: Sequence[str] = (),
) -> list[str]:
    """The responses to the request without credentials, and then with them. `call`: its Call-ID,
    where it is not a new one; `cseq` is that of the first request.
    """
    call = call or f"{next(_calls):06d}"

    def made(cseq: int, credentials: str = "") -> bytes:
        return request(
            wire, method, user, host, to=to, call=call, cseq=cseq,
            credentials=credentials, contact=contact, headers=headers, body=body,
        )  # fmt: skip

    challenge = await ask(wire, made(cseq))
    if status(challenge) != 401:
        return [challenge]
    credentials = digest(
        challenge, method, f"sip:{to or host}", login or user, password, algorithm=algorithm
    )
    if method == "INVITE":  # of the same transaction (RFC 3261 §17.1.1.3)
        await wire.send(within(wire, challenge, "ACK", cseq, branch=f"{call}{cseq:03d}"))
    return [challenge, await ask(wire, made(cseq + 1, credentials))]


async def called(wire: Wire) -> str:
    """The next INVITE."""
    return await next_request(wire, "INVITE")


async def next_request(wire: Wire, method: str) -> str:
    """The next request of that method; others are not answered."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            message = (await wire.receive()).decode()
            if message.startswith(f"{method} "):
                return message


async def reply(
    wire: Wire, request: str, status: str, *headers: str, body: Sequence[str] = ()
) -> None:
    """Sends a response to the request; `status` is such as "486 Busy Here", `body` SDP."""
    content = "".join(f"{line}\r\n" for line in body)
    kept = re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq): .*", request)
    to = re.search(r"(?im)^To: .*", request)
    assert to
    lines = [
        f"SIP/2.0 {status}",
        *(line.strip() for line in kept),
        f"{to[0].strip()};tag=wire",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(content)}",
    ]
    await wire.send("\r\n".join([*lines, "", content]).encode())


def digest(
    challenge: str,
    method: str,
    uri: str,
    user: str,
    password: str,
    *,
    algorithm: Algorithm = "MD5",
) -> str:
    """The value of Authorization (RFC 7616), for the challenge by that algorithm."""
    headers = re.findall(r"(?im)^WWW-Authenticate: (.*)$", challenge)
    asked = next(
        fields
        for fields in (dict(re.findall(r'(\w+)="?([^",\s]+)"?', header)) for header in headers)
        if fields.get("algorithm", "MD5").upper() == algorithm
    )
    make = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

    def hashed(*parts: str) -> str:
        return make(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret, what = hashed(user, asked["realm"], password), hashed(method, uri)
    response = hashed(secret, asked["nonce"], "00000001", "c0", "auth", what)
    return (
        f'Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={algorithm}, qop=auth, nc=00000001, '
        f'cnonce="c0", opaque="{asked["opaque"]}"'
    )


def status(answer: str) -> int:
    return int(answer.split()[1])
