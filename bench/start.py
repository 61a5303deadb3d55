"""The start of the command line, beside the build before the administration by the API: the same
commands of both, in turns, on a PostgreSQL each.

The build before is fetched from this repository's history, with its own packages, into the cache.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from bench.report import milliseconds, table
from testbed import ports
from testbed.until import until
from tongdai.asterisk import packages
from tongdai.store import server

BEFORE = "de7aae2"
REPOSITORY = Path(__file__).parents[1]
SECRET = "a master key of the benchmarks' own, nothing else"  # noqa: S105 -- gone afterwards
DOMAIN, USER = "bench.example.vn", "admin@bench.example.vn"
EXTENSIONS = ("201", "202", "203")
COMMANDS = (
    ("--version", None),
    ("--help", "--help"),
    ("extension create --help", "extension create --help"),
    ("extension list", "extension list"),
    ("trunk list", "trunk list"),
    ("outstanding", "owed"),
    ("calls", None),
)
"""Ours, and what did the same before."""


class Build(msgspec.Struct, frozen=True):
    """A checkout with its .venv, and the settings of its commands."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, *args: str) -> str:
        """The command's output. Raises subprocess.CalledProcessError."""
        return subprocess.run(
            [self.folder / ".venv/bin/python", "-m", "tongdai", *args],
            cwd=self.folder,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def spent(self, *args: str) -> tuple[float, float]:
        """Seconds of CPU and of the clock for the command."""
        began, before = time.monotonic(), _cpu()
        self.run(*args)
        return _cpu() - before, time.monotonic() - began


def main(rounds: int = 10) -> None:
    """Prints medians of seconds, and the ratio of the CPU time to that before."""
    asyncio.run(_main(rounds))


async def _main(rounds: int) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tongdai-bench-")))
        ours = await stack.enter_async_context(_build(REPOSITORY, folder / "ours"))
        before = await stack.enter_async_context(_build(_checkout(), folder / "before"))
        url = await stack.enter_async_context(_api(ours))
        key = ours.run("api-key", "show", USER).strip()
        there = {"TONGDAI_SERVER": url, "TONGDAI_API_KEY": key}
        remote = msgspec.structs.replace(ours, environ={**ours.environ, **there})
        rows = [_row(ours, before, mine, theirs, rounds) for mine, theirs in COMMANDS]
        of_server = _row(remote, before, "extension list", "extension list", rounds)
        rows.append(("extension list, of a server", *of_server[1:]))
    header = ("command", "ours, CPU", "clock", f"{BEFORE}, CPU", "clock", "ratio of CPU")
    table("Start of the command line", header, rows)


def _row(
    ours: Build, before: Build, mine: str, theirs: str | None, rounds: int
) -> tuple[str, ...]:
    now, then = [], []
    for _ in range(rounds):  # in turns, so that both meet the same machine
        now.append(ours.spent(*mine.split()))
        if theirs:
            then.append(before.spent(*theirs.split()))
    cpu, clock = _medians(now)
    if not then:
        return (mine, milliseconds(cpu), milliseconds(clock), "-", "-", "-")
    old_cpu, old_clock = _medians(then)
    old = (milliseconds(old_cpu), milliseconds(old_clock))
    return (mine, milliseconds(cpu), milliseconds(clock), *old, f"{cpu / old_cpu:.2f}")


def _medians(spent: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(cpu for cpu, _ in spent), statistics.median(all_ for _, all_ in spent)


def _cpu() -> float:
    """Seconds of CPU of children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


@asynccontextmanager
async def _build(checkout: Path, folder: Path) -> AsyncIterator[Build]:
    """The checkout with a PostgreSQL of its own that has a domain, a user and extensions."""
    running = await server.start(folder, {"fsync": "off"})
    try:
        given = {"TONGDAI_DSN": running.dsn, "TONGDAI_SECRET": SECRET, "TONGDAI_DOMAIN": DOMAIN}
        build = Build(checkout, given)
        build.run("migrate")
        build.run("domain", "create", DOMAIN)
        build.run("user", "create", USER)
        for number in EXTENSIONS:
            build.run("extension", "create", number)
        yield build
    finally:
        await running.stop()


@asynccontextmanager
async def _api(build: Build) -> AsyncIterator[str]:
    """The URL of an API that serves the build's database."""
    address = ports.server()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "serve", "--role", "api"),
        env={**os.environ, **build.environ, "TONGDAI_HTTP": address},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http:
            await until(lambda: _answers(http, f"http://{address}/healthz"), 30.0)
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _checkout() -> Path:
    """The build before, with its packages; fetched once."""
    folder = packages.default_cache() / "bench" / BEFORE
    if not (folder / "bin/setup").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile() as archive:
            asked = ["git", "archive", BEFORE]
            subprocess.run(asked, cwd=REPOSITORY, stdout=archive, check=True)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as packed:
                packed.extractall(folder, filter="data")
    subprocess.run([folder / "bin/setup"], check=True)
    return folder
