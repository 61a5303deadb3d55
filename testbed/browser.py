"""A browser phone without a browser: SIP over WebSocket, and a real WebRTC stack (aiortc).

async with browser.phone(url, "101", company.name, PASSWORD) as ann:
    call = await ann.calls("102")
    await call.answered()
    await call.ear.hears(BOB_HZ)
    await call.hang_up()
"""

import asyncio
import contextlib
import itertools
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from testbed import wire
from testbed.browser_audio import Ear, Tone
from testbed.until import until
from testbed.wire import Wire

PATIENCE_S = 15.0
_ids = itertools.count(1)


class Message:
    """A SIP message, in parts."""

    def __init__(self, raw: str) -> None:
        head, _, self.body = raw.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [(name.strip(), value.strip()) for name, _, value in _split(lines)]

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def header(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of a request, or of the one that a response is to."""
        return self.header("CSeq").split()[-1]


def _split(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


class Call:
    """One call of a browser phone."""

    def __init__(self, phone: "Phone", call_id: str, *, is_caller: bool) -> None:
        self._phone, self.call_id, self._is_caller = phone, call_id, is_caller
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ear = Ear()
        self.statuses: list[int] = []  # of responses to our INVITE
        self.notified: list[str] = []  # of a transfer
        self.is_over = self.is_answered = self.is_cancelled = False
        self.invite: Message  # that called us
        self.local = self.remote = ""  # From and To, with tags
        self.target = ""
        self.cseq = next(_ids) * 100
        self.peer.on("track", self.ear.listen)
        self.peer.addTrack(Tone(phone.hertz))

    # --- calling

    async def begin(self, to: str, headers: tuple[str, ...] = ()) -> None:
        """INVITE, with credentials when they are asked for."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self.target = f"sip:{to}"
        self.local, self.remote = f"{self._phone.aor};tag=b{self.call_id}", f"<sip:{to}>"
        self._offer = self.peer.localDescription.sdp
        self._more = headers
        await self._invite()

    async def _invite(self, credentials: str = "") -> None:
        self.cseq += 1
        more = [f"Authorization: {credentials}"] if credentials else []
        await self.send("INVITE", *more, *self._more, sdp=self._offer)

    async def responded(self, answer: Message) -> None:
        """A response to our INVITE."""
        if answer.status in (401, 407):
            await self.send("ACK", cseq=self.cseq)
            credentials = self._phone.credentials(answer, "INVITE", self.target)
            await self._invite(credentials)
            return
        self.statuses.append(answer.status)
        if answer.status < 200:
            return
        self.remote = answer.header("To")
        if answer.status >= 300:
            await self.send("ACK", cseq=self.cseq)
            self.is_over = True
            return
        self.target = _uri(answer.header("Contact")) or self.target
        await self.send("ACK", cseq=self.cseq)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer.body, "answer"))
        self.is_answered = True

    async def answered(self) -> None:
        """It is answered, and audio has a path."""
        await until(lambda: self.is_answered or self.is_over, PATIENCE_S)
        assert self.is_answered, self.statuses
        await until(lambda: self.peer.connectionState == "connected", PATIENCE_S)

    async def refused(self) -> int:
        await until(lambda: self.is_over, PATIENCE_S)
        return self.statuses[-1]

    # --- being called

    async def answer(self) -> None:
        """200, and audio has a path."""
        offer = RTCSessionDescription(self.invite.body, "offer")
        await self.peer.setRemoteDescription(offer)
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        await self._phone.reply(self.invite, "200 OK", self, self.peer.localDescription.sdp)
        self.is_answered = True
        await until(lambda: self.peer.connectionState == "connected", PATIENCE_S)

    async def reject(self) -> None:
        await self._phone.reply(self.invite, "486 Busy Here", self)
        self.is_over = True

    async def cancelled(self) -> None:
        await until(lambda: self.is_cancelled, PATIENCE_S)

    # --- talking

    async def hold(self) -> None:
        await self._renegotiate("sendonly")

    async def resume(self) -> None:
        await self._renegotiate("sendrecv")

    async def renew(self) -> None:
        """A re-INVITE that changes nothing: the switch learns where we are now."""
        await self._renegotiate("sendrecv")

    async def _renegotiate(self, direction: str) -> None:
        self.peer.getTransceivers()[0].direction = direction
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self._offer, self._more = self.peer.localDescription.sdp, ()
        self.is_answered = False
        await self._invite()
        await until(lambda: self.is_answered, PATIENCE_S)

    async def dial(self, digits: str) -> None:
        """The keys, as INFO: browsers' SIP clients send both kinds."""
        for digit in digits:
            self.cseq += 1
            body = f"Signal={digit}\r\nDuration=160\r\n"
            await self.send("INFO", "Content-Type: application/dtmf-relay", body=body)
            await asyncio.sleep(0.2)

    async def refer(self, to: str) -> None:
        """REFER to that URI."""
        self.cseq += 1
        await self.send("REFER", f"Refer-To: <{to}>", f"Referred-By: {self._phone.aor}")

    @property
    def replaces(self) -> str:
        """Value of Replaces by which another call takes this one's place, escaped for a URI."""
        ours, theirs = (one.partition("tag=")[2] for one in (self.local, self.remote))
        return f"{self.call_id}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}"

    async def hang_up(self) -> None:
        self.cseq += 1
        await self.send("BYE")
        await self.over()

    async def over(self) -> None:
        await until(lambda: self.is_over, PATIENCE_S)

    async def end(self) -> None:
        self.ear.close()
        await self.peer.close()

    # --- internal

    async def send(
        self, method: str, *more: str, sdp: str = "", body: str = "", cseq: int = 0
    ) -> None:
        lines = [
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
            f"Contact: <{self._phone.contact}>",
            *more,
            *(["Content-Type: application/sdp"] if sdp else []),
        ]
        await self._phone.send(f"{method} {self.target} SIP/2.0", lines, sdp or body)


class Phone:
    """A browser phone. `contact` is its own and stays the same on a new connection. `account`
    authenticates it; "": the user.
    """

    def __init__(
        self, user: str, domain: str, password: str, hertz: int, account: str = ""
    ) -> None:
        self.user, self.domain, self.password, self.hertz = user, domain, password, hertz
        self.account = account or user
        self.aor = f"<sip:{user}@{domain}>"
        self.contact = f"sip:b{next(_ids)}x{user}@browser.invalid;transport=ws"
        self.is_closed = asyncio.Event()
        self.register_statuses: list[int] = []
        self.calls_by_id: dict[str, Call] = {}
        self._rung: asyncio.Queue[Call] = asyncio.Queue()
        self._wire: Wire
        self._cseq = 0

    def credentials(self, challenge: Message, method: str, uri: str) -> str:
        text = f"WWW-Authenticate: {challenge.header('WWW-Authenticate')}\r\n"
        return wire.digest(text, method, uri, self.account, self.password)

    async def register(self) -> int:
        """The final status."""
        before = len(self.register_statuses)
        await self._register()
        await until(lambda: len(self.register_statuses) > before, PATIENCE_S)
        return self.register_statuses[-1]

    async def _register(self, *more: str) -> None:
        self._cseq += 1
        lines = [
            f"From: {self.aor};tag=r{self.user}",
            f"To: {self.aor}",
            f"Call-ID: register-{self.contact}",
            f"CSeq: {self._cseq} REGISTER",
            f"Contact: <{self.contact}>",
            "Expires: 300",
            *more,
        ]
        await self.send(f"REGISTER sip:{self.domain} SIP/2.0", lines)

    async def calls(self, number: str, *headers: str) -> Call:
        call = self._keep(Call(self, f"browser-{next(_ids)}-{self.user}", is_caller=True))
        await call.begin(f"{number}@{self.domain}", headers)
        return call

    async def rings(self) -> Call:
        """The next call that comes in; it rings."""
        async with asyncio.timeout(PATIENCE_S):
            call = await self._rung.get()
        await self.reply(call.invite, "180 Ringing", call)
        return call

    # --- the connection

    async def send(self, start: str, lines: list[str], body: str = "") -> None:
        via = f"Via: SIP/2.0/WS browser.invalid;branch=z9hG4bK{next(_ids)}"
        length = f"Content-Length: {len(body.encode())}"
        text = "\r\n".join([start, via, "Max-Forwards: 70", *lines, length, "", ""]) + body
        await self._wire.send(text.encode())

    async def reply(self, request: Message, status: str, call: Call | None, sdp: str = "") -> None:
        to = request.header("To")
        if "tag=" not in to:
            to += f";tag=b{request.header('Call-ID')[:8]}"
        if call:
            call.local = to
        lines = [
            *(f"Via: {value}" for value in request.all("Via")),
            f"From: {request.header('From')}",
            f"To: {to}",
            f"Call-ID: {request.header('Call-ID')}",
            f"CSeq: {request.header('CSeq')}",
            f"Contact: <{self.contact}>",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp.encode())}",
        ]
        await self._wire.send(("\r\n".join([f"SIP/2.0 {status}", *lines, "", ""]) + sdp).encode())

    @asynccontextmanager
    async def connected(
        self, url: str, trust: ssl.SSLContext | None = None
    ) -> AsyncIterator[None]:
        """It is connected and registered; calls go on from connection to connection."""
        async with wire.websocket(url, trust) as self._wire:
            self.is_closed.clear()
            listening = asyncio.create_task(self._listen(self._wire))
            try:
                assert await self.register() == 200
                yield
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, line: Wire) -> None:
        with contextlib.suppress(AssertionError):  # it closed
            while True:
                raw = (await line.receive()).decode()
                if raw.strip():
                    await self._heard(Message(raw))
        self.is_closed.set()

    async def _heard(self, message: Message) -> None:
        call = self.calls_by_id.get(message.header("Call-ID"))
        if not message.status:
            await self._requested(message, call)
        elif message.method == "REGISTER":
            await self._registered(message)
        elif call and message.method == "INVITE":
            await call.responded(message)
        elif call and message.method == "BYE":
            call.is_over = True

    async def _registered(self, answer: Message) -> None:
        if answer.status == 401 and "Authorization" not in self._asked(answer):
            credentials = self.credentials(answer, "REGISTER", f"sip:{self.domain}")
            await self._register(f"Authorization: {credentials}")
        elif answer.status >= 200:
            assert answer.status != 200 or f"<{self.contact}>" in str(answer.all("Contact"))
            self.register_statuses.append(answer.status)

    def _asked(self, answer: Message) -> str:
        """Whether the request that this answers had credentials: only every second one has."""
        return "Authorization" if int(answer.header("CSeq").split()[0]) % 2 == 0 else ""

    async def _requested(self, message: Message, call: Call | None) -> None:
        match message.method:
            case "INVITE" if call is None:
                call = self._keep(Call(self, message.header("Call-ID"), is_caller=False))
                call.invite, call.remote = message, message.header("From")
                call.target = _uri(message.header("Contact"))
                self._rung.put_nowait(call)
            case "INVITE" if call:
                offer = RTCSessionDescription(message.body, "offer")
                await call.peer.setRemoteDescription(offer)
                await call.peer.setLocalDescription(await call.peer.createAnswer())
                await self.reply(message, "200 OK", None, call.peer.localDescription.sdp)
            case "ACK":
                pass
            case "CANCEL" if call:
                await self.reply(message, "200 OK", None)
                await self.reply(call.invite, "487 Request Terminated", call)
                call.is_cancelled = call.is_over = True
            case _:
                await self.reply(message, "200 OK", None)
                if call and message.method == "BYE":
                    call.is_over = True
                if call and message.method == "NOTIFY":
                    call.notified.append(message.body.strip())

    def _keep(self, call: Call) -> Call:
        self.calls_by_id[call.call_id] = call
        return call

    async def end(self) -> None:
        for call in self.calls_by_id.values():
            await call.end()


def _uri(header: str) -> str:
    found = re.search(r"<([^>]+)>", header)
    return found[1] if found else header


@asynccontextmanager
async def phone(
    url: str, user: str, domain: str, password: str, *, hertz: int, account: str = ""
) -> AsyncIterator[Phone]:
    """A browser phone, registered."""
    made = Phone(user, domain, password, hertz, account)
    try:
        async with made.connected(url):
            yield made
    finally:
        await made.end()
