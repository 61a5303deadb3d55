import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tongdai import process

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(600)", "child-of-stubborn"]
child = subprocess.Popen(sleep)
print(child.pid, flush=True)
time.sleep(600)
"""


async def appeared(pid: int, mark: str) -> process.Process:
    """The process, once it has become the program that it was started for."""
    async with asyncio.timeout(10):
        while (found := process.find(pid, mark)) is None:
            await asyncio.sleep(0.01)
        return found


async def test_a_process_is_found_by_its_id_and_a_mark(tmp_path: Path) -> None:
    started = process.launch(["sleep", "600.125"], tmp_path, tmp_path / "log")
    found = await appeared(started.pid, "600.125")
    assert found.is_running
    assert process.find(started.pid, "another") is None
    await started.end(signal.SIGTERM, 5)
    await found.ended()
    assert process.find(started.pid, "600.125") is None


async def test_what_it_says_is_in_the_log(tmp_path: Path) -> None:
    started = process.launch(["sh", "-c", "pwd; echo wrong >&2"], tmp_path, tmp_path / "log")
    await started.ended()
    await started.end(signal.SIGTERM, 5)
    assert (tmp_path / "log").read_text() == f"{tmp_path}\nwrong\n"


async def test_one_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    started = process.launch([sys.executable, "-c", STUBBORN], tmp_path, log := tmp_path / "log")
    async with asyncio.timeout(10):
        while not (said := log.read_text()).endswith("\n"):
            await asyncio.sleep(0.01)
    child = await appeared(int(said), "child-of-stubborn")
    await started.end(signal.SIGTERM, 0.1)
    assert not started.is_running
    await child.ended()


async def test_a_process_that_is_gone_cannot_be_held(tmp_path: Path) -> None:
    started = process.launch(["true"], tmp_path, tmp_path / "log")
    await started.end(signal.SIGTERM, 5)
    with pytest.raises(ProcessLookupError):
        process.Process(started.pid)


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    few = """
import resource
from tongdai import process
allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (100, allowed))
assert process.open_files() == allowed
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, allowed)
"""
    subprocess.run([sys.executable, "-c", few], check=True)
