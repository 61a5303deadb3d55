"""A small SIP phone in Python (RFC 3261 over UDP) for what SIPp cannot: several dialogs at once, hold, and transfers.

Only what the tests need: digest, INVITE both ways, re-INVITE, REFER with and without Replaces (RFC 3515, 3891), and
a tone sent as RTP so that recordings tell who was heard.
"""

import asyncio
import hashlib
import math
import os
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.until import until

SAMPLE_RATE = 8000
FRAME = 160  # samples: 20 ms


class Message:
    """A SIP message, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.decode(errors="replace").partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [
            (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/") else 0

    @property
    def method(self) -> str:
        return self.get("cseq").split()[-1] if self.status else self.start.split()[0]


class Dialog:
    """One call of the phone. `state`: ringing, talking, ended."""

    def __init__(self, phone: "Softphone", call_id: str, *, is_caller: bool) -> None:
        self.phone, self.call_id, self.is_caller = phone, call_id, is_caller
        self.local = self.remote = self.target = ""
        self.state, self.status = "ringing", 0
        self.cseq = 100
        self.invite: Message | None = None
        self.ringing_seen = False
        self.refer_status = 0

    def _next(self) -> int:
        self.cseq += 1
        return self.cseq

    async def answer(self) -> None:
        """The phone picks up."""
        assert self.invite is not None
        self.phone.reply(self.invite, 200, "OK", to_tag=True, sdp=True)
        self.state = "talking"
        self.phone.hear(self.invite.body)

    def ring(self) -> None:
        assert self.invite is not None
        self.phone.reply(self.invite, 180, "Ringing", to_tag=True)

    async def talks(self) -> None:
        await until(lambda: self.state == "talking")

    async def ended(self) -> None:
        await until(lambda: self.state == "ended", 15)

    async def hold(self) -> None:
        """The other side hears music (re-INVITE, sendonly; RFC 3264 §8.4)."""
        await self.phone.request(self, "INVITE", sdp="sendonly")

    async def resume(self) -> None:
        await self.phone.request(self, "INVITE", sdp="sendrecv")

    async def hang_up(self) -> None:
        await self.phone.request(self, "BYE")
        self.state = "ended"

    async def transfer(self, number: str) -> None:
        """Blind: the other party is sent on to the number."""
        await self._refer(f"<sip:{number}@{self.phone.domain}>")

    async def transfer_to(self, other: "Dialog") -> None:
        """Attended: the other party is joined with the other dialog's."""
        replaces = f"{other.call_id}%3Bto-tag%3D{_tag(other.remote)}%3Bfrom-tag%3D{_tag(other.local)}"
        target = re.sub(r"[<>]", "", other.target).split(";")[0]
        await self._refer(f"<{target}?Replaces={replaces}>")

    async def _refer(self, to: str) -> None:
        headers = [f"Refer-To: {to}", f"Referred-By: <sip:{self.phone.extension}@{self.phone.domain}>"]
        answer = await self.phone.request(self, "REFER", headers=headers)
        assert answer.status == 202, answer.start


class Softphone(asyncio.DatagramProtocol):
    """A registered phone. `calls` are its dialogs, in order."""

    def __init__(self, extension: str, domain: str, password: str, proxy: tuple[str, int], tone: int) -> None:
        self.extension, self.domain, self.password, self.proxy, self.tone = extension, domain, password, proxy, tone
        self.calls: list[Dialog] = []
        self._transport: asyncio.DatagramTransport
        self._media: asyncio.DatagramTransport
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._hears: tuple[str, int] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- life

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self._media, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        self._tasks.append(asyncio.create_task(self._sound()))
        registered = await self._register(120)
        assert registered.status == 200, registered.start

    async def stop(self) -> None:
        for call in self.calls:
            if call.state == "talking":
                with suppress(AssertionError, TimeoutError):
                    await call.hang_up()
        await self._register(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._transport.close()
        self._media.close()

    @property
    def _port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def _contact(self) -> str:
        return f"<sip:{self.extension}@127.0.0.1:{self._port}>"

    async def _register(self, expires: int) -> Message:
        me = f"<sip:{self.extension}@{self.domain}>"
        headers = [f"Contact: {self._contact}", f"Expires: {expires}"]
        return await self._ask("REGISTER", f"sip:{self.domain}", f"{me};tag={_new()}", me, _new(), 1, headers)

    # --- calls

    async def dial(self, number: str) -> Dialog:
        """Calls a number; the dialog is ringing, talking or ended as it goes."""
        call = Dialog(self, _new(), is_caller=True)
        call.local = f"<sip:{self.extension}@{self.domain}>;tag={_new()}"
        call.remote = f"<sip:{number}@{self.domain}>"
        call.target = f"sip:{number}@{self.domain}"
        self.calls.append(call)
        self._tasks.append(asyncio.create_task(self._call(call)))
        return call

    async def rings(self) -> Dialog:
        """The newest incoming call."""
        return await until(
            lambda: next(
                (call for call in reversed(self.calls) if not call.is_caller and call.state == "ringing"), None
            )
        )

    async def _call(self, call: Dialog) -> None:
        headers = [f"Contact: {self._contact}"]
        answer = await self._ask(
            "INVITE", call.target, call.local, call.remote, call.call_id, call._next(), headers, self.sdp(), call=call
        )
        call.status = answer.status
        if answer.status >= 300:
            call.state = "ended"
            return
        call.remote, call.target = answer.get("to"), _uri(answer.get("contact"))
        self._ack(call, answer)
        call.state = "talking"
        self.hear(answer.body)

    async def request(self, call: Dialog, method: str, *, sdp: str = "", headers: list[str] | None = None) -> Message:
        """A request inside the dialog, and its final answer."""
        body = self.sdp(sdp) if sdp else ""
        lines = [f"Contact: {self._contact}", *(headers or [])]
        answer = await self._ask(method, call.target, call.local, call.remote, call.call_id, call._next(), lines, body)
        if method == "INVITE":
            self._ack(call, answer)
        return answer

    def _ack(self, call: Dialog, answer: Message) -> None:
        cseq = answer.get("cseq").split()[0]
        self._send(self._text("ACK", call.target, call.local, call.remote, call.call_id, int(cseq), [], ""))

    # --- messages

    async def _ask(
        self,
        method: str,
        uri: str,
        local: str,
        remote: str,
        call_id: str,
        cseq: int,
        headers: list[str],
        body: str = "",
        call: Dialog | None = None,
    ) -> Message:
        """The final answer; a challenge is answered once."""
        answer = await self._once(method, uri, local, remote, call_id, cseq, headers, body)
        if answer.status in (401, 407):
            if method == "INVITE":
                self._send(
                    self._text("ACK", uri, local, answer.get("to"), call_id, cseq, [], "", branch=answer.get("via"))
                )
            name = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            challenge = answer.get("www-authenticate") or answer.get("proxy-authenticate")
            credentials = f"{name}: {self._digest(challenge, method, uri)}"
            if call:
                call.cseq += 1
            answer = await self._once(method, uri, local, remote, call_id, cseq + 1, [*headers, credentials], body)
        return answer

    async def _once(
        self, method: str, uri: str, local: str, remote: str, call_id: str, cseq: int, headers: list[str], body: str
    ) -> Message:
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[f"{call_id}/{cseq}/{method}"] = answered
        self._send(self._text(method, uri, local, remote, call_id, cseq, headers, body))
        async with asyncio.timeout(40):
            return await answered

    def _text(
        self,
        method: str,
        uri: str,
        local: str,
        remote: str,
        call_id: str,
        cseq: int,
        headers: list[str],
        body: str,
        branch: str = "",
    ) -> str:
        via = branch or f"SIP/2.0/UDP 127.0.0.1:{self._port};rport;branch=z9hG4bK{_new()}"
        lines = [
            f"{method} {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", f"From: {local}", f"To: {remote}",
            f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", *headers,
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}",
        ]  # fmt: skip
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def reply(self, request: Message, status: int, reason: str, *, to_tag: bool = False, sdp: bool = False) -> None:
        call = self._dialog(request)
        to = request.get("to")
        if to_tag and call and "tag=" not in to:
            to = call.local
        body = self.sdp() if sdp else ""
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.all("via")),
            f"From: {request.get('from')}",
        ]
        lines += [
            f"To: {to}",
            f"Call-ID: {request.get('call-id')}",
            f"CSeq: {request.get('cseq')}",
            f"Contact: {self._contact}",
        ]
        lines += [f"Record-Route: {route}" for route in request.all("record-route")]
        lines += ["Content-Type: application/sdp"] if body else []
        self._send("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body)

    def _send(self, text: str) -> None:
        self._transport.sendto(text.encode(), self.proxy)

    def _dialog(self, message: Message) -> Dialog | None:
        return next((call for call in self.calls if call.call_id == message.get("call-id")), None)

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        message = Message(data)
        if not message.start.strip():
            return
        if message.status:
            self._answered(message)
        else:
            self._requested(message)

    def _answered(self, message: Message) -> None:
        if message.status < 200:
            if (call := self._dialog(message)) and message.status in (180, 183):
                call.ringing_seen = True
                call.remote = message.get("to")  # an early dialog (RFC 3261 §12.1)
            return
        key = f"{message.get('call-id')}/{message.get('cseq').split()[0]}/{message.method}"
        if (waiting := self._waiting.pop(key, None)) and not waiting.done():
            waiting.set_result(message)

    def _requested(self, message: Message) -> None:
        call = self._dialog(message)
        match message.method:
            case "INVITE" if call is None:
                self._invited(message)
            case "INVITE" if "tag=" in message.get("to"):
                self.reply(message, 200, "OK", sdp=True)
                self.hear(message.body)
            case "BYE" | "CANCEL":
                self.reply(message, 200, "OK")
                if call and message.method == "CANCEL" and call.state == "ringing" and call.invite:
                    self.reply(call.invite, 487, "Request Terminated", to_tag=True)
                if call:
                    call.state = "ended"
            case "NOTIFY" if call:
                self.reply(message, 200, "OK")
                call.refer_status = int(message.body.split()[1]) if message.body.startswith("SIP/2.0") else 0
                if call.refer_status >= 200 and call.state == "talking":  # the transferor leaves (RFC 5589 §6.1)
                    self._tasks.append(asyncio.create_task(call.hang_up()))
            case "ACK" | "INVITE":
                pass
            case _:
                self.reply(message, 200, "OK")

    def _invited(self, message: Message) -> None:
        call = Dialog(self, message.get("call-id"), is_caller=False)
        call.invite = message
        call.local, call.remote = f"{message.get('to')};tag={_new()}", message.get("from")
        call.target = _uri(message.get("contact"))
        self.calls.append(call)
        call.ring()

    def _digest(self, challenge: str, method: str, uri: str) -> str:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        cnonce = _new()
        ha1 = _md5(f"{self.extension}:{given['realm']}:{self.password}")
        ha2 = _md5(f"{method}:{uri}")
        response = _md5(f"{ha1}:{given['nonce']}:00000001:{cnonce}:auth:{ha2}")
        opaque = f', opaque="{given["opaque"]}"' if "opaque" in given else ""
        return (
            f'Digest username="{self.extension}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001{opaque}'
        )

    # --- sound

    def sdp(self, direction: str = "sendrecv") -> str:
        port = self._media.get_extra_info("sockname")[1]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += [
            f"m=audio {port} RTP/AVP 8 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:101 telephone-event/8000",
            f"a={direction}",
        ]
        return "\r\n".join(lines) + "\r\n"

    def hear(self, sdp: str) -> None:
        """Where our tone goes from now on."""
        host, port = re.search(r"c=IN IP4 (\S+)", sdp), re.search(r"m=audio (\d+)", sdp)
        if host and port:
            self._hears = (host[1], int(port[1]))

    async def _sound(self) -> None:
        """The tone, 20 ms at a time, to whoever listens."""
        loop, sequence, ssrc = asyncio.get_running_loop(), 0, int.from_bytes(os.urandom(4), "big")
        started = loop.time()
        while True:
            if self._hears:
                header = struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * FRAME & 0xFFFFFFFF, ssrc)
                frame = bytes(
                    _alaw(8000 * math.sin(2 * math.pi * self.tone * (sequence * FRAME + n) / SAMPLE_RATE))
                    for n in range(FRAME)
                )
                self._media.sendto(header + frame, self._hears)
            sequence += 1
            await asyncio.sleep(max(0.0, started + sequence * 0.02 - loop.time()))


@asynccontextmanager
async def softphone(
    extension: str, domain: str, password: str, proxy: tuple[str, int], tone: int = 350
) -> AsyncIterator[Softphone]:
    """A registered phone, for as long as it is needed."""
    phone = Softphone(extension, domain, password, proxy, tone)
    await phone.start()
    try:
        yield phone
    finally:
        await phone.stop()


def _new() -> str:
    return os.urandom(8).hex()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _tag(header: str) -> str:
    found = re.search(r"tag=([^;>]+)", header)
    assert found, header
    return found[1]


def _uri(contact: str) -> str:
    found = re.search(r"<([^>]+)>", contact)
    return found[1] if found else contact


def _alaw(sample: float) -> int:
    """ITU-T G.711 A-law of a 16-bit sample."""
    value = int(sample)
    sign = 0x80 if value >= 0 else 0
    magnitude = min(abs(value), 32767) >> 3
    exponent = max(0, magnitude.bit_length() - 5) if magnitude >= 32 else 0
    mantissa = (magnitude >> (exponent or 1)) & 0x0F if exponent else (magnitude >> 1) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55
