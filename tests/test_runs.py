"""A run of the suite leaves no process behind: it fails and says which, and ends them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import leftovers
from testbed.instance import REPOSITORY
from testbed.until import until

SUITE = """
import time
from pathlib import Path

from tongdai import process


def test_one_that_leaves_a_process(tmp_path):
    left = process.launch(["sleep", "600.5"], tmp_path, tmp_path / "log")
    Path("left").write_text(str(left.pid))
    if {hangs}:
        time.sleep(600)


def test_another():
    pass
"""


def start(folder: Path, *, hangs: bool) -> "subprocess.Popen[str]":
    (folder / "test_it.py").write_text(SUITE.format(hangs=hangs))
    return run_pytest(folder, "-n", "1")


def run_pytest(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """A run of its own, of the tests in the folder."""
    own = {name: value for name, value in os.environ.items() if name != leftovers.NAME}
    plugins = ("-p", "tests.runs", "-p", "xdist")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *plugins, *options],
        cwd=folder,
        env={**own, "PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_the_tests_of_a_file_share_a_worker(tmp_path: Path) -> None:
    """`_split_scope` is private to xdist: an upgrade may change it."""
    tests = "".join(f"def test_{n}():\n    pass\n\n\n" for n in range(10))
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(tests)
    run = run_pytest(tmp_path, "-n", "2", "-v")
    said, _ = run.communicate(timeout=60)
    workers = {
        name: set(re.findall(rf"\[(gw\d)\] .* PASSED {name}", said))
        for name in ("test_one.py", "test_two.py")
    }
    assert all(len(found) == 1 for found in workers.values()), said


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_a_run_that_leaves_a_process_fails_and_ends_it(tmp_path: Path) -> None:
    run = start(tmp_path, hangs=False)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1, said
    assert "2 passed" in said
    assert "sleep 600.5" in said
    await until(lambda: is_gone(int((tmp_path / "left").read_text())))


@pytest.mark.parametrize(
    ("end", "number"),
    [(os.kill, signal.SIGINT), (os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["SIGINT to it", "Ctrl-C: SIGINT to it and its workers", "SIGTERM to it"],
)
async def test_a_run_that_is_interrupted_leaves_no_process(
    tmp_path: Path, end: Callable[[int, int], None], number: signal.Signals
) -> None:
    run = start(tmp_path, hangs=True)
    left = tmp_path / "left"
    await until(lambda: left.exists() and left.read_text(), 60)
    end(run.pid, number)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 2, said
    await until(lambda: is_gone(int(left.read_text())))
