"""`tongdai up` as an operator runs it: a process of its own, on free ports, with its data in a
folder.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from testbed import ports
from testbed.until import until

CALL_PORTS = 4  # audio and its control, two parties
START_S = 90.0  # the first start may fetch Asterisk
REPOSITORY = Path(__file__).parents[1]


class Instance:
    """`ready` is its ready.json. Addresses stay the same from start to start. `calls` is how many
    calls its audio ports are enough for. `settings` are more of tongdai's settings; `module` is
    what Python runs.
    """

    module = "tongdai"

    def __init__(self, folder: Path, *, sandbox: bool, calls: int = 25, **settings: str) -> None:
        self.data = folder / "data"
        self.log = folder / "up.log"
        self.http, self.sip = ports.server(), ports.server()
        self._audio = ports.audio(2 * calls * CALL_PORTS if sandbox else calls * CALL_PORTS)
        self.rtp = f"{self._audio.start}-{self._audio.start + calls * CALL_PORTS - 1}"
        self.environ = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("TONGDAI_")
            },
            "TONGDAI_DATA": str(self.data),
            "TONGDAI_HTTP": self.http,
            "TONGDAI_SIP": self.sip,
            "TONGDAI_RTP": self.rtp,
            "TONGDAI_ARI": ports.server(),
            "TONGDAI_SIP_WS": ports.server(),
            "TONGDAI_SANDBOX": "1" if sandbox else "0",
        }
        self.settings: dict[str, str] = {}
        if sandbox:
            self.set(sandbox_sip=f"127.0.0.2:{ports.server_port()}")
        self.set(**settings)
        self.ready: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    def set(self, **settings: str) -> None:
        """The next start has these settings."""
        self.settings |= settings
        self.environ |= {f"TONGDAI_{name.upper()}": value for name, value in settings.items()}

    async def start(self) -> None:
        """Returns when ready.json says that it is ready."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module, "up"),
                cwd=REPOSITORY,
                env=self.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        file = self.data / "ready.json"
        await until(lambda: self._is_over or self._is_told(file), START_S)
        assert not self._is_over, self.said
        self.ready = msgspec.json.decode(file.read_bytes())

    async def command(self, *args: str) -> str:
        """What the command line prints for this instance."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tongdai", *args),
            cwd=REPOSITORY,
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said
        return said.decode()

    async def interrupt(self) -> int:
        """Sends SIGINT, as Ctrl-C does. Returns the exit status."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(40):
            return await self._process.wait()

    async def kill(self) -> None:
        """Sends SIGKILL, and returns when it is gone."""
        assert self._process
        self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """Everything of it has ended, also what a test left running."""
        if self._process and not self._is_over:
            with contextlib.suppress(TimeoutError):
                await self.interrupt()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ports.give_back(self._audio)

    def processes(self) -> dict[int, str]:
        """Command lines, by process id, of all that runs for it: itself, PostgreSQL, Asterisk."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                environ = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                mine = (
                    str(self.data) in command or f"TONGDAI_DATA={self.data}\0".encode() in environ
                )
                if mine and state != "Z":
                    found[int(folder.name)] = command
        return found

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4_000:]

    @property
    def _is_over(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    def _is_told(self, file: Path) -> bool:
        """Whether ready.json is of this start: after SIGKILL there may be an older one."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return bool(msgspec.json.decode(file.read_bytes())["pid"] == self.pid)
        return False
