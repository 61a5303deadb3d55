"""The dispatcher in a process of its own, beside `tongdai up`: receivers cannot delay the event
loop that decides calls.

    python -m tongdai.dispatching

The process reads domains to wake from standard input, 16 bytes each (zeros: any domain), and ends
cleanly at its end: when we stop, or die. It writes its metrics to standard output, each time the
length (4 bytes, big-endian) before the text. It logs to the same place as we do. See
docs/decisions/0033.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Collection, Iterable
from typing import Self
from uuid import UUID

import uvloop
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tongdai import __version__, logs, process, services, tracing
from tongdai import settings as configuration
from tongdai.settings import Settings
from tongdai.store import db
from tongdai.webhooks import metrics
from tongdai.webhooks.client import Client
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.guard import Guard

_ANY = UUID(int=0)
_METRICS_EVERY_S = 1.0
# bytes of unread wake-ups; beyond, none is sent: the process finds the work by itself
_BEHIND = 65_536
_STOP_S = 15.0  # seconds in which POSTs under way may end, and outcomes are recorded


class DispatcherProcess(Collector):
    """The process while it runs. It can be supervised, and registered as a collector of its
    metrics.
    """

    adopted = False  # it ends with us

    def __init__(self, settings: Settings) -> None:
        self._environment = {
            # limits how long a name with a dead server holds a thread (resolver(5))
            "RES_OPTIONS": "timeout:2 attempts:2",
            **os.environ,
            **configuration.environment(settings),
        }
        self._process: asyncio.subprocess.Process
        self._stdin: asyncio.StreamWriter
        self._reading: asyncio.Task[None]
        self._metrics = ""

    async def start(self) -> Self:
        """Starts the process; again after it has ended. Raises OSError."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tongdai.dispatching"),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # our Ctrl-C must not reach it
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("its standard input and output are pipes")
        self._stdin = stdin
        self._reading = asyncio.create_task(self._read(stdout))
        return self

    @property
    def pid(self) -> int:
        """The id of the process that runs, or ran last."""
        return self._process.pid

    async def wait(self) -> None:
        """Returns when the process has ended, for any reason."""
        await self._process.wait()

    async def stop(self) -> None:
        """Returns when the process has ended: its POSTs under way are finished, or were cut off
        after some seconds.
        """
        self._stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reading

    def wake(self, domains: Collection[UUID] = ()) -> None:
        """Like `Dispatcher.wake`, in the process."""
        transport = self._stdin.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _BEHIND:
            transport.write(b"".join(domain.bytes for domain in domains or [_ANY]))

    def collect(self) -> Iterable[Metric]:
        """Its latest metrics, for prometheus_client."""
        return text_string_to_metric_families(self._metrics)

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                size = int.from_bytes(await stdout.readexactly(4))
                self._metrics = (await stdout.readexactly(size)).decode()


# --- the process itself


async def main() -> None:
    """Delivers until standard input or SIGTERM ends it."""
    settings = configuration.load()
    logs.configure(settings)
    database = db.Database(settings.dsn, is_busy=True)
    await database.open()
    guard = Guard(configuration.callback_networks(settings))
    with tracing.exported(settings.traces):
        await _deliver(settings, database, guard)


async def _deliver(settings: Settings, database: db.Database, guard: Guard) -> None:
    async with Client(guard, __version__) as client:
        dispatcher = Dispatcher(database, services.master_key(settings), client)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
        beside = [asyncio.create_task(_hear(dispatcher)), asyncio.create_task(_show_metrics())]
        try:
            await dispatcher.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await database.close()


async def _hear(dispatcher: Dispatcher) -> None:
    """Wakes the dispatcher as standard input says, and stops it at its end."""
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), sys.stdin
    )
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            domain = UUID(bytes=await stream.readexactly(16))
            dispatcher.wake([] if domain == _ANY else [domain])
    dispatcher.stop()


async def _show_metrics() -> None:
    """Writes the metrics from time to time, unless the latest have not been read yet."""
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(
        asyncio.BaseProtocol, sys.stdout
    )
    while True:
        if not transport.get_write_buffer_size() and not transport.is_closing():
            text = generate_latest(metrics.REGISTRY)
            transport.write(len(text).to_bytes(4) + text)
        await asyncio.sleep(_METRICS_EVERY_S)


if __name__ == "__main__":
    process.open_files()
    uvloop.run(main())
