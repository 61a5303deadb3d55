"""A carrier that sends and answers SIP messages as a test writes them, over UDP and without audio:
headers and responses that SIPp's scenarios do not have.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from testbed import wire
from testbed.until import until

WAIT_S = 15.0
_numbers = itertools.count(1)
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP {codec}\r\na=rtpmap:{codec} {name}/8000\r\n"
)
PCMA, G729 = ("8", "PCMA"), ("18", "G729")


def header(message: str, name: str) -> str:
    """Its first value in the message, or ""."""
    found = re.search(rf"(?im)^{name}:[ \t]*(.*?)\r?$", message)
    return found[1] if found else ""


def status(message: str) -> int:
    """Of a response; 0 for a request."""
    return int(message.split()[1]) if message.startswith("SIP/2.0 ") else 0


class Call:
    """A call that the carrier began. `responses` are those to its INVITE."""

    def __init__(self, carrier: "BareCarrier", call_id: str, invite: str) -> None:
        self._carrier, self.call_id, self.invite = carrier, call_id, invite
        self.responses: list[str] = []

    async def final(self) -> str:
        """The final response."""

        def finals() -> list[str]:
            return [each for each in self.responses if status(each) >= 200]

        found: list[str] = await until(finals, WAIT_S)
        return found[0]

    async def refused(self) -> int:
        return status(await self.final())

    async def rings(self) -> None:
        await until(lambda: any(status(each) == 180 for each in self.responses), WAIT_S)

    async def cancel(self, *headers: str) -> None:
        """CANCEL with these headers; returns when 487 has come."""
        await self._carrier.send(_cancel(self.invite, headers))
        assert await self.refused() == 487


class Invited:
    """A call that came in."""

    def __init__(self, carrier: "BareCarrier", invite: str) -> None:
        self._carrier, self.invite = carrier, invite
        self.cancel = ""  # the CANCEL that came

    @property
    def target(self) -> str:
        """The Request-URI."""
        return self.invite.split()[1]

    async def respond(self, line: str, *headers: str) -> None:
        """Sends a response such as "503 Service Unavailable"."""
        await self._carrier.send(_response(self.invite, line, headers))

    async def cancelled(self) -> str:
        """The CANCEL."""
        await until(lambda: self.cancel, WAIT_S)
        return self.cancel


class BareCarrier:
    """`requests` are all requests that came; it answers OPTIONS if `answers_options`."""

    def __init__(self, line: wire.Wire, switch: str) -> None:
        self._line, self._switch = line, switch
        self.requests: list[str] = []
        self.answers_options = True
        self.registers = "200 OK"
        """The response to REGISTER."""
        self.challenges = False
        """Whether it challenges every INVITE, whatever its credentials."""
        self._calls: dict[str, Call] = {}
        self._invited: dict[str, Invited] = {}
        self._untaken: list[Invited] = []

    async def calls(
        self,
        number: str,
        who: str = "<sip:0909000111@carrier.example.vn>",
        *headers: str,
        to: str = "",
        codec: tuple[str, str] = PCMA,
    ) -> Call:
        """INVITE to sip:`number`@switch, `number` being any user part, or to a whole URI. `to` is
        the value of To, when it is not the Request-URI's.
        """
        target = number if ":" in number else f"sip:{number}@{self._switch}"
        call_id = f"bare-{next(_numbers)}-{self._line.address}"
        host = self._line.address.partition(":")[0]
        body = _SDP.format(host=host, codec=codec[0], name=codec[1])
        lines = [
            f"INVITE {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._line.address};branch=z9hG4bK{call_id};rport",
            "Max-Forwards: 70",
            f"From: {who};tag=f",
            f"To: {to or f'<{target}>'}",
            f"Call-ID: {call_id}",
            "CSeq: 1 INVITE",
            f"Contact: <sip:{self._line.address}>",
            *headers,
            "Content-Type: application/sdp",
            f"Content-Length: {len(body)}",
        ]
        invite = "\r\n".join([*lines, "", body])
        call = self._calls[call_id] = Call(self, call_id, invite)
        await self.send(invite)
        return call

    async def invited(self) -> Invited:
        """The next INVITE that comes."""
        await until(lambda: self._untaken, WAIT_S)
        return self._untaken.pop(0)

    @property
    def untaken(self) -> int:
        """INVITEs that no `invited` has returned."""
        return len(self._untaken)

    def received(self, method: str) -> list[str]:
        return [each for each in self.requests if each.startswith(f"{method} ")]

    async def send(self, message: str) -> None:
        await self._line.send(message.encode())

    async def serve(self) -> None:
        """Takes what comes, until cancelled."""
        while True:
            message = (await self._line.receive()).decode(errors="replace")
            if message.startswith("SIP/2.0 "):
                await self._responded(message)
            elif message.strip():
                self.requests.append(message)
                await self._requested(message)

    async def _responded(self, message: str) -> None:
        call = self._calls.get(header(message, "Call-ID"))
        if call is None or not header(message, "CSeq").endswith("INVITE"):
            return
        call.responses.append(message)
        if status(message) >= 300:
            await self.send(_ack(call.invite, message))

    async def _requested(self, message: str) -> None:
        method, call_id = message.split(maxsplit=1)[0], header(message, "Call-ID")
        match method:
            case "INVITE" if self.challenges:
                await self.send(_response(message, "401 Unauthorized", (_challenge(),)))
            case "INVITE" if call_id not in self._invited:
                invited = self._invited[call_id] = Invited(self, message)
                self._untaken.append(invited)
                await invited.respond("100 Trying")
            case "CANCEL" if call_id in self._invited:
                self._invited[call_id].cancel = message
                await self.send(_response(message, "200 OK"))
                await self._invited[call_id].respond("487 Request Terminated")
            case "OPTIONS" if not self.answers_options:
                pass
            case "OPTIONS" | "BYE":
                await self.send(_response(message, "200 OK"))
            case "REGISTER":
                contact = f"Contact: {header(message, 'Contact')};expires=300"
                await self.send(_response(message, self.registers, (contact,)))


@asynccontextmanager
async def bare_carrier(switch: str, address: str, port: int = 0) -> AsyncIterator[BareCarrier]:
    """A carrier at host:port, that the switch knows by its address."""
    async with wire.udp(switch, address, port) as line:
        made = BareCarrier(line, switch)
        serving = asyncio.create_task(made.serve())
        try:
            yield made
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await serving


def _response(request: str, line: str, headers: Sequence[str] = ()) -> str:
    kept = re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq):[^\r\n]*", request)
    tag = "" if line.startswith("100 ") else ";tag=bare"
    lines = [f"SIP/2.0 {line}", *kept, f"To: {header(request, 'To')}{tag}", *headers]
    if line[:3] in ("180", "200") and header(request, "CSeq").endswith("INVITE"):
        lines.append("Contact: <sip:bare@127.0.0.1>")
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


def _challenge() -> str:
    nonce = next(_numbers)
    return f'WWW-Authenticate: Digest realm="carrier", nonce="{nonce}", algorithm=MD5, qop="auth"'


def _ack(invite: str, response: str) -> str:
    kept = re.findall(r"(?im)^(?:Via|From|Call-ID|Max-Forwards):[^\r\n]*", invite)
    lines = [f"ACK {invite.split()[1]} SIP/2.0", *kept, f"To: {header(response, 'To')}"]
    return "\r\n".join([*lines, "CSeq: 1 ACK", "Content-Length: 0", "", ""])


def _cancel(invite: str, headers: Sequence[str]) -> str:
    kept = re.findall(r"(?im)^(?:Via|From|To|Call-ID|Max-Forwards):[^\r\n]*", invite)
    lines = [f"CANCEL {invite.split()[1]} SIP/2.0", *kept, "CSeq: 1 CANCEL", *headers]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])
