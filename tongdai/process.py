"""Processes that may outlive us: they are started in their own sessions, found by later runs, and
ended with their children. Also this process's limit of open files.
"""

import asyncio
import contextlib
import os
import resource
import select
import signal
from collections.abc import Sequence
from pathlib import Path


class Process:
    """A process started by this run or an earlier one; a pidfd holds it, so that a reused id is
    never mistaken for it.
    """

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError if the process has ended."""
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    @property
    def is_running(self) -> bool:
        poll = select.poll()
        # readable once it has ended (pidfd_open(2))
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    async def ended(self) -> None:
        """Returns when the process has ended, for any reason."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        watched = os.dup(self._descriptor)  # a duplicate for each waiter
        loop.add_reader(watched, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        with contextlib.suppress(ChildProcessError):  # only the run that started it can reap it
            os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 -- WNOHANG: it does not wait

    async def end(self, gently: signal.Signals, within_s: float) -> None:
        """Ends the process by that signal, or kills it after `within_s` seconds; then ends its
        session's other processes, and returns.
        """
        self._send(gently)
        try:
            async with asyncio.timeout(within_s):
                await self.ended()
        except TimeoutError:
            self._send(signal.SIGKILL)
            await self.ended()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def __del__(self) -> None:
        if (descriptor := getattr(self, "_descriptor", None)) is not None:
            os.close(descriptor)


def launch(command: Sequence[str], folder: Path, log: Path) -> Process:
    """Starts a command in a folder, in its own session, which our Ctrl-C does not reach. Its
    output goes to `log`.
    """
    write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        "/usr/bin/env",
        ["env", f"--chdir={folder}", *command],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Process(pid)


def find(pid: int, mark: str) -> Process | None:
    """The running process of that id, if `mark` is one of its arguments, which shows that it is
    ours.
    """
    try:
        process = Process(pid)
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return process if mark.encode() in arguments else None


def any_with(mark: str) -> bool:
    """Whether a process runs that has it as one of its arguments."""
    folders = (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return any(find(int(folder.name), mark) for folder in folders)


def open_files() -> int:
    """Raises the soft limit of open files (RLIMIT_NOFILE) to the hard limit, for hundreds of
    deliveries at once. Returns it.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):  # refused if the hard limit is infinite
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
