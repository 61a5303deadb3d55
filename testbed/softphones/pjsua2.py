"""The phone of pjsua2_program.py."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from testbed.softphones import softphone
from testbed.softphones.softphone import Setup, Softphone, process, sent
from testbed.until import until

PROGRAM = Path(__file__).with_name("pjsua2_program.py")


def version_of() -> str:
    return version("pjsua2-python")


class Call(softphone.Call):
    def __init__(self, phone: "Phone", number: int) -> None:
        super().__init__()
        self._phone, self.number = phone, number
        self.transferred = 0  # the last status that a NOTIFY told

    async def answer(self) -> None:
        await self._do("answer")
        await self.answered()

    async def hang_up(self) -> None:
        await self._do("hang_up")
        await self.over()

    async def hold(self) -> None:
        await self._do("hold")

    async def resume(self) -> None:
        await self._do("resume")

    async def dial(self, digits: str) -> None:
        await self._do("dial", digits)

    async def transfer(self, number: str) -> None:
        await self._do("transfer", self._phone.uri(number))

    async def ask(self, number: str) -> "Call":
        await self.hold()
        return await self._phone.calls(number)

    async def join(self, other: softphone.Call) -> None:
        assert isinstance(other, Call)
        await self._do("join", other.number)

    async def _do(self, what: str, *with_: object) -> None:
        await self._phone.do(what, self.number, *with_)

    def told(self, happened: dict[str, Any]) -> None:
        state = happened.get("state", "")
        self.is_answered |= state == "CONFIRMED"
        self.is_over |= _is_end(state)
        self.digits += happened.get("digit", "")
        self.transferred = happened.get("transferred", self.transferred)


class Phone(Softphone):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.known: dict[int, Call] = {}
        self._registrations = 0
        self.errors: list[str] = []
        self.shown: dict[str, str] = {}  # of colleagues that are watched
        self.program: asyncio.subprocess.Process

    @property
    def wire(self) -> str:
        log = self.setup.folder / "pjsua2.log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def registrations(self) -> int:
        return self._registrations

    async def calls(self, number: str) -> Call:
        before = {id for id, call in self.known.items() if not call.is_over}
        await self.do("call", self.uri(number))
        await until(lambda: self.known.keys() - before, softphone.PATIENCE_S)
        return self.known[max(self.known.keys() - before)]

    async def register(self) -> None:
        await self.do("register", True)  # noqa: FBT003 -- an argument of the program's command

    async def watch(self, number: str) -> None:
        """Subscribes to the presence of a colleague."""
        await self.do("watch", number)

    async def do(self, *command: object) -> None:
        await sent(self.program, msgspec.json.encode(command) + b"\n")

    def told(self, line: bytes) -> None:
        if not line.startswith(b"{"):
            return  # the library's own words, before its log is open
        happened = msgspec.json.decode(line)
        self._registrations += happened.get("registered") == 200
        if "error" in happened:
            self.errors.append(str(happened))
        elif "call" in happened:
            self._call(happened)
        elif "colleague" in happened:
            self.shown[happened["colleague"]] = happened["shown"]
        self.codecs.extend(happened.get("media", ()))

    def _call(self, happened: dict[str, Any]) -> None:
        number = happened["call"]
        known = self.known.get(number)
        if known is None or (known.is_over and not _is_end(happened.get("state", ""))):
            known = self.known[number] = Call(self, number)
        known.told(happened)
        if "incoming" in happened:
            self.came.put_nowait(known)


def _is_end(state: str) -> bool:
    return state.startswith("DISCONN")


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator[Phone]:
    given = {
        **{name: getattr(setup, name) for name in ("user", "domain", "password", "hertz")},
        **{name: getattr(setup, name) for name in ("server", "transport", "address", "srtp")},
        "codecs": setup.codecs,
        "heard": str(setup.heard),
        "log": str(setup.folder / "pjsua2.log"),
    }
    phone = Phone(setup)
    command = [sys.executable, "-P", str(PROGRAM), msgspec.json.encode(given).decode()]
    async with process(command, setup.folder, phone.told) as phone.program:
        yield phone
