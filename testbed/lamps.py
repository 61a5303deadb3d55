"""A phone by hand that watches colleagues (BLF, presence): SUBSCRIBE and NOTIFY (RFC 6665)."""

import asyncio
import itertools
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

from testbed import wire
from testbed.until import until
from testbed.wire import Wire

Package: TypeAlias = Literal["dialog", "presence"]
ACCEPT = {"dialog": "application/dialog-info+xml", "presence": "application/pidf+xml"}
_calls = itertools.count(1)


class Lamp:
    """A subscription. `status` answered it; `states` are what its NOTIFYs told, in order: of
    dialogs terminated, early or confirmed, of presence the note. `bodies` are the whole of them.
    """

    def __init__(self, status: int, answer: str) -> None:
        self.status, self.answer = status, answer
        self.states, self.bodies = list[str](), list[str]()
        self.ended = ""  # the reason of the NOTIFY that ended it

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else ""

    async def shows(self, state: str, timeout_s: float = 10) -> None:
        """Returns when it shows the state."""
        await until(lambda: self.state == state, timeout_s)

    def take(self, notify: str) -> None:
        head, _, body = notify.partition("\r\n\r\n")
        if ended := re.search(r"(?im)^Subscription-State: terminated(?:;reason=(\w+))?", head):
            self.ended = ended[1] or "terminated"
        if found := re.search(r"<state>(\w+)</state>|<note>([^<]*)</note>", body):
            self.states.append(found[1] or found[2])
            self.bodies.append(body)


class Watcher:
    """The phone of an extension at `line`."""

    def __init__(self, line: Wire, extension: str, domain: str, password: str) -> None:
        self._line, self._extension = line, extension
        self._domain, self._password = domain, password
        self._lamps: dict[str, Lamp] = {}
        self._early: defaultdict[str, list[str]] = defaultdict(list)  # before the lamp is known
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.address, self.via = line.address, line.via

    async def run(self) -> None:
        """Answers each NOTIFY, and OPTIONS."""
        while True:
            data = await self._line.receive()
            message = data.decode()
            if message.startswith("NOTIFY "):
                await wire.reply(self._line, message, "200 OK")
                call = re.findall(r"(?im)^Call-ID: (.*?)\r?$", message)[0]
                if call in self._lamps:
                    self._lamps[call].take(message)
                else:
                    self._early[call].append(message)
            elif message.startswith("OPTIONS "):
                await wire.reply(self._line, message, "200 OK")
            else:
                self._answers.put_nowait(data)

    async def send(self, message: bytes) -> None:
        await self._line.send(message)

    async def receive(self) -> bytes:
        return await self._answers.get()

    async def watch(
        self, who: str, package: Package = "dialog", *, domain: str = "", expires_s: int = 600
    ) -> Lamp:
        """Subscribes to an extension, by default of the own domain."""
        call = f"lamp{next(_calls):05d}"
        answers = await wire.authenticated(
            self,
            "SUBSCRIBE",
            self._extension,
            self._domain,
            self._password,
            to=f"{who}@{domain or self._domain}",
            call=call,
            headers=[
                f"Event: {package}",
                f"Accept: {ACCEPT[package]}",
                f"Expires: {expires_s}",
            ],
        )
        lamp = Lamp(wire.status(answers[-1]), answers[-1])
        for notify in self._early.pop(call, []):
            lamp.take(notify)
        self._lamps[call] = lamp
        return lamp

    async def refresh(self, lamp: Lamp, expires_s: int = 600) -> int:
        """The status of a SUBSCRIBE within the subscription, such as 481."""
        message = wire.within(self._line, lamp.answer, "SUBSCRIBE", 9).decode()
        head = message.replace(
            "Content-Length: 0",
            f"Event: dialog\r\nExpires: {expires_s}\r\n"
            f"Contact: <sip:{self._extension}@{self.address}>\r\nContent-Length: 0",
        )
        return wire.status(await wire.ask(self, head.encode()))


@asynccontextmanager
async def watcher(
    switch: str, extension: str, domain: str, password: str
) -> AsyncIterator[Watcher]:
    """A phone of the extension that watches, by UDP; not registered."""
    async with wire.udp(switch) as line:
        made = Watcher(line, extension, domain, password)
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
