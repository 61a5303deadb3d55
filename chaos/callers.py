"""SIPp as a carrier whose customers call, and as the phones that answer. Each logs what it sees,
for reconciliation.py.
"""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from testbed.until import until
from tongdai.asterisk import packages

SCENARIOS = Path(__file__).parent / "scenarios"
CARRIER, PHONE = "127.0.0.3", "127.0.0.5"  # the addresses that they call and are called at
REFUSALS = (
    401,
    403,
    404,
    408,
    410,
    480,
    481,
    482,
    484,
    486,
    487,
    488,
    500,
    501,
    502,
    503,
    504,
    600,
    603,
    606,
)
VOICE = '<nop><action><exec rtp_stream="voice.alaw,-1,8"/></action></nop>'
# 20 ms, so that a recording is not empty
BREATH = '<nop><action><exec rtp_stream="breath.alaw,1,8"/></action></nop>'


class Callers:
    """A SIPp that places `rate` calls a second, until `stop` or until `count` calls. Its log is in
    `folder`.
    """

    def __init__(self, process: asyncio.subprocess.Process, account: Path) -> None:
        self._process, self._account = process, account

    @property
    def answered(self) -> int:
        """The number of calls answered so far."""
        return self._count("answered")

    @property
    def up(self) -> int:
        """The number of calls that are up now."""
        return self._count("answered") - self._count("ended") - self._count("dropped")

    async def talking(self, calls: int, within_s: float = 60.0) -> None:
        """Returns when so many calls are up."""
        await until(lambda: self.up >= calls, within_s)

    async def answering(self, more: int, within_s: float = 60.0) -> None:
        """Returns when so many more calls have been answered."""
        wanted = self.answered + more
        await until(lambda: self.answered >= wanted, within_s)

    async def stop(self, within_s: float = 60.0) -> None:
        """No new calls. Returns when the calls under way are over."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(within_s):
            await self._process.wait()

    async def over(self, within_s: float) -> None:
        """Returns when it has placed all its calls and they are over."""
        async with asyncio.timeout(within_s):
            await self._process.wait()

    def _count(self, what: str) -> int:
        if not self._account.exists():
            return 0
        return self._account.read_bytes().count(f"{what} ".encode())


@asynccontextmanager
async def calling(  # noqa: PLR0917 -- what kind of calls
    folder: Path,
    switch: str,
    numbers: Sequence[str],
    rate: float,
    talk_s: float,
    count: int,
    *,
    is_loud: bool,
) -> AsyncIterator[Callers]:
    """Customers call these numbers in turn, and each talks `talk_s`. SIPp is killed at the end,
    with the calls that are left.
    """
    name = f"caller-{time.time_ns()}"
    _write(folder, "caller", talk_s, is_loud=is_loud)
    (folder / "numbers.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers)
    )
    ten_s = max(1, round(rate * 10))
    options = (
        *("-inf", "numbers.csv", "-r", str(ten_s), "-rp", "10000", "-m", str(count), "-l", "2000"),
        *("-min_rtp_port", "20000", "-max_rtp_port", "24999"),
    )
    async with _sipp(folder, "caller", name, CARRIER, 0, *options, switch) as process:
        yield Callers(process, folder / f"{name}.calls")


@asynccontextmanager
async def phones(folder: Path, port: int, *, is_loud: bool = False) -> AsyncIterator[None]:
    """Phones at PHONE and this port answer every call."""
    _write(folder, "phone", 0, is_loud=is_loud)
    options = ("-min_rtp_port", "25000", "-max_rtp_port", "29999")
    async with _sipp(folder, "phone", f"phone-{time.time_ns()}", PHONE, port, *options):
        yield


@asynccontextmanager
async def _sipp(
    folder: Path, scenario: str, name: str, address: str, port: int, *options: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    root = await asyncio.to_thread(
        packages.fetch, ["sip-tester"], packages.default_cache(), lambda *_: None
    )
    process = await asyncio.create_subprocess_exec(
        *root.command("sipp"),
        *(
            "-sf",
            f"{scenario}.xml",
            "-i",
            address,
            "-mi",
            address,
            *(("-p", str(port)) if port else ()),
        ),
        *("-nostdin", "-aa", "-buff_size", "4194304", "-cid_str", f"{name}-%u-%p@%s"),
        *(
            "-trace_logs",
            "-log_file",
            f"{name}.calls",
            "-trace_err",
            "-error_file",
            f"{name}.errors",
        ),
        *options,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write(folder: Path, scenario: str, talk_s: float, *, is_loud: bool) -> None:
    """The scenario and the audio that it plays are in the folder."""
    refusals = "\n".join(
        f'<recv response="{status}" optional="true" next="1">'
        f'<action><log message="refused [call_id] [timestamp]"/></action></recv>'
        for status in REFUSALS
    )
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    text = text.replace("<refusals/>", refusals).replace("@talk", str(round(talk_s * 1000)))
    (folder / f"{scenario}.xml").write_text(text.replace("<voice/>", VOICE if is_loud else BREATH))
    (folder / "breath.alaw").write_bytes(b"\xd5" * 160)
    # a tone of 1 kHz, for eight seconds
    (folder / "voice.alaw").write_bytes((b"\xd5" * 4 + b"\x15" * 4) * 8000)
