"""Several processes that serve the API at one address, as `--workers` asks.

We open the listening socket and the memory of what they count together (`api.counts`), which they
inherit; the kernel gives each connection to one of them. `api_worker` is such a process. It
exchanges metrics with us: it writes its own to its standard output, and reads those of all from
its standard input, each time the length (4 bytes, big-endian) before the text. The end of its
input ends it, so it does not outlive us. See docs/decisions/0187.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Self

from prometheus_client import REGISTRY, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tongdai import errors
from tongdai import settings as configuration
from tongdai.api import counts
from tongdai.settings import Settings
from tongdai.supervision import Supervised

METRICS_EVERY_S = 1.0
_STOP_S = 15.0  # requests under way have five, then their connections are closed
_BACKLOG = 2_048
_BEHIND = 1_048_576  # bytes of unread metrics; beyond, none are sent


class Worker:
    """One of the processes. It can be supervised; `name` is its label of metrics."""

    adopted = False  # it ends with us

    def __init__(self, name: str, settings: Settings, listening: int, memory: int) -> None:
        self.name = name
        self._inherited = (listening, memory)
        self._environment = {**os.environ, **configuration.environment(settings)}
        self._process: asyncio.subprocess.Process
        self._stdin: asyncio.StreamWriter
        self._reading: asyncio.Task[None]
        self._metrics = ""

    async def start(self) -> Self:
        """Starts the process; again after it has ended. Raises OSError."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tongdai.api_worker", *map(str, self._inherited)),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._inherited,
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
        """Returns when the process has ended: its requests under way are finished, or were cut
        off after some seconds.
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

    def tell(self, metrics: bytes) -> None:
        """Gives it the metrics of all processes, unless it reads none."""
        transport = self._stdin.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _BEHIND:
            transport.write(len(metrics).to_bytes(4) + metrics)

    def metrics(self) -> Iterable[Metric]:
        """Its latest metrics."""
        return text_string_to_metric_families(self._metrics)

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                size = int.from_bytes(await stdout.readexactly(4))
                self._metrics = (await stdout.readexactly(size)).decode()


class Workers:
    """All of them while they run, each supervised."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.supervised = [
            Supervised(f"API worker {each.name}", each, each.start) for each in workers
        ]

    async def exchange_metrics(self) -> None:
        """Gives each the metrics of all, and of this process, until cancelled."""
        while True:
            text = generate_latest(_All(self.workers))
            for each in self.workers:
                each.tell(text)
            await asyncio.sleep(METRICS_EVERY_S)


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Workers]:
    """As many as the settings say serve the API at their address; stopped at the exit.

    Raises errors.SetupError when the address cannot be used.
    """
    memory = counts.shared_memory()
    with _listening(settings.http) as listening, contextlib.ExitStack() as stack:
        stack.callback(os.close, memory)
        workers = [
            Worker(str(n), settings, listening.fileno(), memory)
            for n in range(1, settings.workers + 1)
        ]
        try:
            await asyncio.gather(*(each.start() for each in workers))
            yield Workers(workers)
        finally:
            await asyncio.gather(*(each.stop() for each in workers))


def _listening(address: str) -> socket.socket:
    host, port = configuration.address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as reason:
        raise errors.SetupError(
            f"the HTTP address {address} (TCP) cannot be used: {reason.strerror}"
        ) from reason


class _All(Collector):
    """The metrics of this process, and those of the workers with the label `worker`."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self._workers = workers

    def collect(self) -> Iterable[Metric]:
        """Each metric once, with the samples of all processes."""
        found = {metric.name: _copied(metric) for metric in REGISTRY.collect()}
        for worker in self._workers:
            for metric in worker.metrics():
                one = found.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                one.samples += [
                    sample._replace(labels={**sample.labels, "worker": worker.name})
                    for sample in metric.samples
                ]
        return found.values()


def _copied(metric: Metric) -> Metric:
    """A collector may give the same object each time."""
    made = Metric(metric.name, metric.documentation, metric.type)
    made.samples = [*metric.samples]
    return made
