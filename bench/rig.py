"""The system under test: a PostgreSQL, an Asterisk and a tongdai of their own; SIPp, and CPU
times.
"""

import asyncio
import contextlib
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from testbed import ports
from tongdai.asterisk import events, node, packages
from tongdai.encryption import MasterKey
from tongdai.store import db, migrate, server

HOST, CARRIER, PEER, PHONE = "127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.5"
"""The addresses of Asterisk; of the carriers of tongdai's trunk and of the peer; and of phones,
which it knows by them.
"""
SECRET = "a master key of the benchmarks' own, nothing else"  # noqa: S105 loopback, gone afterwards
SCENARIOS = Path(__file__).parent / "scenarios"
TICKS = os.sysconf("SC_CLK_TCK")

# The peer: a plain Dial() on the same Asterisk, for calls that come from PEER. Its endpoints are
# like tongdai's own.
PLAIN_DIALPLAN = """
[plain]
exten => _X.,1,Dial(PJSIP/plain-phone,30)
 same => n,Hangup()
"""
PLAIN_PJSIP = f"""
[plain-carrier](!)
type = endpoint
disallow = all
allow = alaw,ulaw,g722,opus
direct_media = no
rtp_symmetric = yes
rtp_timeout = 60
rtp_timeout_hold = 900
dtmf_mode = rfc4733
timers = yes
timers_sess_expires = 1800

[plain](plain-carrier)
context = plain

[plain]
type = identify
endpoint = plain
match = {PEER}

[plain-phone](plain-carrier)
context = plain
aors = plain-phone

[plain-phone]
type = aor
contact = sip:phone@{PHONE}:@{{phone}}
"""


class Rig(msgspec.Struct):
    """The parts that run; `cpu` is what each has used."""

    folder: Path
    postgres: server.Server
    database: db.Database
    asterisk: node.Node
    sip: int  # ports
    http: int
    phone: int
    tongdai: asyncio.subprocess.Process | None = None

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.http}"

    @property
    def master_key(self) -> MasterKey:
        return MasterKey(SECRET.encode())

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        ours = self.tongdai.pid if self.tongdai else 0
        return {
            "tongdai": cpu([ours]) if ours else 0.0,
            "asterisk": cpu([self.asterisk.pid]),
            "postgresql": cpu(family(self.postgres.pid)),
        }

    @asynccontextmanager
    async def up(self, **settings: str) -> AsyncIterator[None]:
        """All of tongdai in one process, serving, on this Asterisk and PostgreSQL; gone
        afterwards. Logs to a file.
        """
        address = self.asterisk.url.replace(
            "://", f"://{self.asterisk.user}:{self.asterisk.password}@"
        )
        own = {
            "data": str(self.folder / "data"),
            "http": f"{HOST}:{self.http}",
            "sip": f"{HOST}:{self.sip}",
            "dsn": self.postgres.dsn,
            "asterisk_url": address,
            "asterisk_cel_log": str(self.asterisk.cel_log),
            "asterisk_spool": str(self.folder / "recordings"),
            "secret": SECRET,
            "callback_allow": "127.0.0.0/8",
            "rate_domain": "0",
            "rate_address": "0",
            **settings,
        }
        environment = {f"TONGDAI_{name.upper()}": value for name, value in own.items()}
        with (self.folder / "tongdai.log").open("ab") as log:
            self.tongdai = await asyncio.create_subprocess_exec(
                *pinned("ours", sys.executable, "-m", "tongdai", "up"),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            await self._serves()
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                self.tongdai.terminate()
            await self.tongdai.wait()
            self.tongdai = None

    async def _serves(self) -> None:
        assert self.tongdai
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                assert self.tongdai.returncode is None, (self.folder / "tongdai.log").read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.base_url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def token(self, api_key: str) -> str:
        """An access token, got the documented way."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.base_url}/v1/auth/token", json={"api_key": api_key}) as answer,
        ):
            return str((await answer.json())["data"]["token"])


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    """PostgreSQL and Asterisk run, the database is migrated and open; all of it is gone
    afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongdai-bench-"))
    try:
        async with contextlib.AsyncExitStack() as stack:
            with cores("postgresql"):
                postgres = await server.start(folder / "postgres")
            stack.push_async_callback(postgres.stop)
            await migrate.apply(postgres.dsn)
            database = db.Database(postgres.dsn)
            await database.open()
            stack.push_async_callback(database.close)
            sip, http = ports.server_port(), ports.server_port()
            phone = ports.phone_port(PHONE)
            with cores("asterisk"):
                asterisk = await node.start(_spec(folder, sip, phone))
            stack.push_async_callback(asterisk.stop)
            yield Rig(folder, postgres, database, asterisk, sip, http, phone)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _spec(folder: Path, sip: int, phone: int) -> node.Spec:
    """tongdai's own Asterisk configuration, with a few lines for the peer."""
    shutil.copytree(node.PBX, conf := folder / "conf")
    for name, more in (("extensions.conf", PLAIN_DIALPLAN), ("pjsip.conf", PLAIN_PJSIP)):
        with (conf / name).open("a") as file:
            file.write(more)
    (folder / "recordings").mkdir()
    return node.Spec(
        root=packages.asterisk(packages.default_cache(), lambda *_: None),
        folder=folder / "asterisk",
        conf=conf,
        sip=f"{HOST}:{sip}",
        rtp=(40_000, 59_999),
        channel_variables=events.VARIABLES,
        values={"recordings": str(folder / "recordings"), "tls": "", "phone": str(phone)},
    )


# --- cores


LAYOUT: dict[str, int] = {}
"""The core of each part; a part that is not named runs wherever the kernel puts it."""


def pinned(part: str, *command: str) -> list[str]:
    """The command, pinned to its part's core."""
    return ["taskset", "-c", str(LAYOUT[part]), *command] if part in LAYOUT else list(command)


@contextlib.contextmanager
def cores(part: str) -> Iterator[None]:
    """Processes started meanwhile are pinned to the part's core."""
    before = os.sched_getaffinity(0)
    if part in LAYOUT:
        os.sched_setaffinity(0, {LAYOUT[part]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu(pids: Sequence[int]) -> float:
    """Seconds of CPU that these processes have used so far."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            # utime, stime, and those of children that have ended (proc(5))
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def family(pid: int) -> list[int]:
    """A process and its children."""
    with contextlib.suppress(OSError):
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return [pid]


# --- SIPp


class Sipp(msgspec.Struct, frozen=True):
    """The result of a SIPp that called: calls, and sorted seconds from INVITE to 200 OK."""

    successful: int
    failed: int
    setup: list[float]


def sipp(scenario: str, address: str, *options: str) -> list[str]:
    """The command line of a SIPp with one of our scenarios, without a terminal."""
    root = packages.fetch(["sip-tester"], packages.default_cache(), lambda *_: None)
    own = [
        "-sf",
        str(SCENARIOS / f"{scenario}.xml"),
        "-i",
        address,
        "-mi",
        address,
        "-nostdin",
        "-buff_size",
        "4194304",
    ]
    return pinned("sipp", *root.command("sipp"), *own, *options)


@asynccontextmanager
async def phones(rig: Rig) -> AsyncIterator[None]:
    """Phones at PHONE answer every call."""
    process = await asyncio.create_subprocess_exec(
        *sipp("phone", PHONE, "-p", str(rig.phone), "-min_rtp_port", "30000"),
        cwd=rig.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def call(rig: Rig, address: str, numbers: Sequence[str], *, rate: int, seconds: int) -> Sipp:
    """A carrier at that address offers `rate` calls a second to these numbers in turn. Returns the
    result.
    """
    folder = Path(tempfile.mkdtemp(dir=rig.folder, prefix="sipp-"))
    (folder / "breath.alaw").write_bytes(b"\xd5" * 160)  # 20 ms of silence
    (folder / "numbers.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers)
    )
    process = await asyncio.create_subprocess_exec(
        *sipp(
            "carrier", address, "-inf", "numbers.csv", "-r", str(rate), "-m", str(rate * seconds)
        ),
        *(
            "-l",
            "100000",
            "-trace_stat",
            "-stf",
            "stat.csv",
            "-fd",
            "1",
            "-trace_rtt",
            "-rtt_freq",
            "1",
            "-trace_err",
        ),
        *("-timeout", str(seconds + 20), "-recv_timeout", "5000", f"{HOST}:{rig.sip}"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await process.wait()
    return _told(folder)


def _told(folder: Path) -> Sipp:
    with (folder / "stat.csv").open() as file:
        last: Mapping[str, str] = list(csv.DictReader(file, delimiter=";"))[-1]
    times = [
        float(row[1]) / 1000
        for path in folder.glob("*_rtt.csv")
        for row in csv.reader(path.open(), delimiter=";")
        if len(row) > 1 and row[1].replace(".", "").isdigit()
    ]
    return Sipp(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), sorted(times))
