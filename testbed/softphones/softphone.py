"""A phone that others wrote, as tests see it.

async with baresip.opened(setup) as phone:
    await phone.registered()
    call = await phone.calls("102")
    await call.answered()
    await phone.hears(BOB_HZ)
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from testbed import tones
from testbed.until import until

PATIENCE_S = 15.0
HEARD_S = 0.4
WAV_HEAD = 44  # octets

Transport = Literal["udp", "tcp", "tls"]
numbers = itertools.count(1)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """All that a phone needs. `server` is host:port of the switch; `folder` gets its files."""

    folder: Path
    server: str
    domain: str
    user: str
    password: str
    hertz: int
    transport: Transport = "udp"
    address: str = "127.0.0.1"
    trust: str = ""
    """A file with the certificate that the switch shows by TLS."""
    srtp: Literal["", "required"] = ""
    codecs: tuple[str, ...] = ("PCMA",)

    @property
    def heard(self) -> Path:
        """The WAV file with what the phone hears, 16 bit at 8 kHz."""
        return self.folder / "heard.wav"


class Softphone(ABC):
    """A phone of one program. Calls are numbered as the program numbers them."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.codecs: list[str] = []  # of audio, in the order of negotiation
        self.came: asyncio.Queue[Call] = asyncio.Queue()

    async def registered(self, times: int = 1) -> None:
        await until(lambda: self.registrations >= times, PATIENCE_S)

    async def rings(self) -> "Call":
        """The next call that comes in; it rings."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.came.get()

    @property
    @abstractmethod
    def registrations(self) -> int:
        """How many REGISTERs were accepted."""

    @property
    @abstractmethod
    def wire(self) -> str:
        """The SIP messages so far, as the program logged them."""

    @abstractmethod
    async def calls(self, number: str) -> "Call":
        """The phone dials a number of its domain."""

    def uri(self, number: str) -> str:
        return f"sip:{number}@{self.setup.domain}"

    async def hears(self, hertz: int) -> None:
        """That tone comes in, loud."""
        await until(lambda: tones.strength(self._heard(), hertz) > 2_000, PATIENCE_S, 0.1)

    def _heard(self) -> "array[int]":
        """The last samples."""
        content = self.setup.heard.read_bytes() if self.setup.heard.exists() else b""
        wanted = int(HEARD_S * tones.RATE_HZ) * 2
        start = max(WAV_HEAD, len(content) - wanted) & ~1
        samples = content[start:]
        return array("h", samples[: len(samples) & ~1])


class Call(ABC):
    """A call of a softphone."""

    def __init__(self) -> None:
        self.is_answered = self.is_over = False
        self.digits = ""  # that came

    async def answered(self) -> None:
        await until(lambda: self.is_answered or self.is_over, PATIENCE_S)
        assert self.is_answered

    async def over(self) -> None:
        await until(lambda: self.is_over, PATIENCE_S)

    @abstractmethod
    async def answer(self) -> None: ...

    @abstractmethod
    async def hang_up(self) -> None: ...

    @abstractmethod
    async def hold(self) -> None: ...

    @abstractmethod
    async def resume(self) -> None: ...

    @abstractmethod
    async def dial(self, digits: str) -> None:
        """The keys are pressed."""

    @abstractmethod
    async def transfer(self, number: str) -> None:
        """Blindly: to that number of the domain."""

    @abstractmethod
    async def ask(self, number: str) -> "Call":
        """This call is put on hold, and that number called."""

    @abstractmethod
    async def join(self, other: "Call") -> None:
        """Transfer after asking: the parties of both calls are put together."""


Opened: TypeAlias = Callable[[Setup], AbstractAsyncContextManager[Softphone]]
"""Starts a phone that registers."""


@asynccontextmanager
async def process(
    command: list[str],
    folder: Path,
    heard: Callable[[bytes], None],
    *,
    prompts: bool = False,
    **environ: str,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program whose lines of standard output are given to `heard`; killed afterwards. Of one
    that `prompts`, whatever has come.
    """
    with (folder / f"{next(numbers)}.errors").open("wb") as errors:
        running = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=environ or None,
        )
    reading = asyncio.create_task((_read_all if prompts else _read)(running, heard))
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
        await reading


async def _read(running: asyncio.subprocess.Process, heard: Callable[[bytes], None]) -> None:
    assert running.stdout
    async for line in running.stdout:
        heard(line)


async def _read_all(running: asyncio.subprocess.Process, heard: Callable[[bytes], None]) -> None:
    assert running.stdout
    while said := await running.stdout.read(4_096):
        heard(said)


async def sent(running: asyncio.subprocess.Process, line: bytes) -> None:
    assert running.stdin
    running.stdin.write(line)
    await running.stdin.drain()
