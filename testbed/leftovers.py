"""Processes that a run started and did not end.

Everything that a run starts inherits its environment, also through sessions of its own and after
its parent has died. So a variable in it tells what belongs to the run.
"""

import contextlib
import os
import secrets
import signal
import time
from pathlib import Path

NAME = "TESTBED_RUN"


def begin() -> bool:
    """Whether this process is the run itself: the first one, of which all others inherit."""
    if NAME in os.environ:
        return False
    os.environ[NAME] = secrets.token_hex(8)
    return True


def running() -> dict[int, str]:
    """Command lines of all that this run started and that still runs, by process id."""
    mark = f"{NAME}={os.environ[NAME]}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            environ = (folder / "environ").read_bytes()  # empty for a zombie
            if mark in environ.split(b"\0") and int(folder.name) != os.getpid():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace").strip()
    return found


def end(within_s: float = 3.0) -> dict[int, str]:
    """Nothing of the run runs any more. What had to be killed, since it did not end in time."""
    deadline = time.monotonic() + within_s
    while (found := running()) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found
