"""The edge proxy in a process of its own: registrations and calls of browsers outlive us.

    python -m tongdai.edge_process CONFIG

It reads its EdgeConfig from that file, and logs to standard error. `start` starts it in the data
folder, or adopts the one that runs there since before we started.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import uvloop
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tongdai import edge, errors, files, logs, ports, process
from tongdai import settings as configuration
from tongdai.edge.config import EdgeConfig
from tongdai.edge.server import METRICS
from tongdai.settings import Settings

START_S, STOP_S = 20.0, 5.0
CONFIG, STATE, LOG = "config.json", "process.json", "log"


class EdgeProcess(Collector):
    """The running process. It can be supervised, and registered as a collector of its metrics."""

    def __init__(self, config: EdgeConfig, running: process.Process, *, adopted: bool) -> None:
        self.config, self._running = config, running
        self.adopted = adopted

    @property
    def pid(self) -> int:
        return self._running.pid

    async def wait(self) -> None:
        """Returns when the process has ended, for any reason."""
        await self._running.ended()

    async def stop(self) -> None:
        """Ends the process; its clients are told that it restarts."""
        await self._running.end(signal.SIGTERM, STOP_S)

    def describe(self) -> Iterable[Metric]:
        """None: prometheus_client reserves no names for metrics that are read from a file."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Its latest metrics, for prometheus_client."""
        with contextlib.suppress(OSError, ValueError):
            text = (Path(self.config.folder) / METRICS).read_text()
            return list(text_string_to_metric_families(text))
        return []


async def start(config: EdgeConfig) -> EdgeProcess:
    """The edge proxy listens: the one running in its folder if it is of this config, else a new
    one. A config with ws "" takes a free port, or that of the running one.

    Raises errors.SetupError with the address that is taken, or the end of its log.
    """
    folder = Path(config.folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if before := _remembered(folder):
        running, known = before
        if config in (known, msgspec.structs.replace(known, ws=config.ws)) and _listens(known):
            return EdgeProcess(known, running, adopted=True)
        await running.end(signal.SIGTERM, STOP_S)
    ws = config.ws or f"127.0.0.1:{ports.free_port('tcp', '127.0.0.1')}"
    return await _launch(msgspec.structs.replace(config, ws=ws))


def address(folder: Path) -> str:
    """Where the edge proxy of the folder listens without TLS; "" if there is none."""
    known = _remembered(folder)
    return known[1].ws if known else ""


async def _launch(config: EdgeConfig) -> EdgeProcess:
    folder = Path(config.folder)
    for name, address in (("SIP over WebSocket", config.ws), ("WSS", config.wss)):
        if address:
            ports.check_free(name, "tcp", address)
    files.write(folder / CONFIG, msgspec.json.encode(config))
    if (log := folder / LOG).exists():
        log.replace(log.with_suffix(".previous"))
    running = process.launch(_command(folder), folder, log)
    files.write(folder / STATE, msgspec.json.encode(running.pid))
    try:
        async with asyncio.timeout(START_S):
            await _ready(config, running)
    except BaseException as failure:
        await running.end(signal.SIGTERM, STOP_S)
        if isinstance(failure, TimeoutError):
            raise errors.SetupError(f"the edge proxy does not answer. {_tail(log)}") from None
        raise
    return EdgeProcess(config, running, adopted=False)


async def _ready(config: EdgeConfig, running: process.Process) -> None:
    """Returns once it listens."""
    while not _listens(config):
        if not running.is_running:
            log = Path(config.folder) / LOG
            raise errors.SetupError(f"the edge proxy ended at its start. {_tail(log)}")
        await asyncio.sleep(0.02)


def _command(folder: Path) -> list[str]:
    """It runs in another folder than we do, where Python finds the same code."""
    path = os.pathsep.join(
        [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    interpreter = (sys.executable, "-m", "tongdai.edge_process")
    return [f"PYTHONPATH={path}", *interpreter, str(folder / CONFIG)]


def _remembered(folder: Path) -> tuple[process.Process, EdgeConfig] | None:
    """The process that an earlier start left running, and its config."""
    try:
        pid = msgspec.json.decode((folder / STATE).read_bytes(), type=int)
        config = msgspec.json.decode((folder / CONFIG).read_bytes(), type=EdgeConfig)
    except (OSError, msgspec.DecodeError):
        return None
    running = process.find(pid, str(folder / CONFIG))
    return (running, config) if running else None


def _listens(config: EdgeConfig) -> bool:
    return all(_accepts(address) for address in (config.ws, config.wss) if address)


def _accepts(address: str) -> bool:
    """Whether something accepts connections on that address of this machine."""
    host, port = configuration.address(address)
    unspecified = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- to recognise it  # nosec B104
    try:
        with socket.create_connection((unspecified.get(host, host), port), timeout=1):
            return True
    except OSError:
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-10:] if log.exists() else []
    return "The end of its log:\n" + "\n".join(lines)


# --- the process itself


async def main(config: EdgeConfig) -> None:
    """Serves until SIGTERM or SIGINT."""
    logs.configure(
        msgspec.structs.replace(Settings(), log_level=config.log_level, log_json=config.log_json)
    )
    serving = asyncio.ensure_future(edge.serve(config, asyncio.Event()))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    process.open_files()
    uvloop.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=EdgeConfig)))
