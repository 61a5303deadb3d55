"""Two instances are stopped (SIGTERM) and started in turn: no request fails, and no call is hurt.

Both serve every role on one database and one switch. Clients that one instance refuses ask the
other, as a load balancer does.
"""

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from chaos import stand
from chaos.report import Figure, at_most, none
from testbed import ports
from testbed.instance import REPOSITORY

DRAIN_S = 10.0


class Size(msgspec.Struct, frozen=True):
    """The load. `requests`: per second."""

    stops: int = 20
    requests: float = 50.0
    rate: float = 5.0
    talk_s: float = 10.0


class Half:
    """One of the two instances: `tongdai serve`, with addresses of its own for the API and for
    SIP over WebSocket.
    """

    def __init__(self, on: stand.Given, http: str, sip_ws: str) -> None:
        self.http = http
        self._log = on.instance.log
        own = {"TONGDAI_HTTP": http, "TONGDAI_SIP_WS": sip_ws}
        self._environ = {**on.instance.environ, **own}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tongdai", "serve"),
                cwd=REPOSITORY,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(60):
            while await self.ask("/healthz") != 200:
                await asyncio.sleep(stand.POLL_S)

    async def stop(self) -> float:
        """Seconds until it ended by itself."""
        assert self._process
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert await self._process.wait() == 0
        return time.monotonic() - began

    async def ask(self, path: str) -> int:
        """The status; 0 for no answer."""
        limit = aiohttp.ClientTimeout(total=5)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.get(f"http://{self.http}{path}") as answer,
            ):
                return answer.status
        return 0

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()


class Clients:
    """HTTP clients that ask one instance, then the other if the first did not serve them."""

    def __init__(self, halves: tuple[Half, Half], token: str) -> None:
        self._turns = itertools.cycle([halves, halves[::-1]])
        self._headers = {"Authorization": f"Bearer {token}"}
        self.asked = self.again = 0
        self.failed: list[str] = []

    @asynccontextmanager
    async def asking(self, rate: float) -> AsyncIterator[None]:
        """Sends so many requests a second meanwhile."""
        async with aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=10)
        ) as session:
            asking = asyncio.create_task(self._ask_on(session, rate))
            try:
                yield
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _ask_on(self, session: aiohttp.ClientSession, rate: float) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._ask(session))
                await asyncio.sleep(1 / rate)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        self.asked += 1
        first, second = next(self._turns)
        if await self._status(session, first) == "200":
            return
        self.again += 1
        if (status := await self._status(session, second)) != "200":
            self.failed.append(status)

    async def _status(self, session: aiohttp.ClientSession, half: Half) -> str:
        try:
            async with session.get(f"http://{half.http}/v1/cdr?limit=1") as answer:
                await answer.read()
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as reason:
            return type(reason).__name__


async def run(on: stand.Given, size: Size) -> list[Figure]:
    halves = (
        Half(on, on.instance.http, ports.server()),
        Half(on, ports.server(), ports.server()),
    )
    drains: list[float] = []
    try:
        await halves[0].start()
        await halves[1].start()
        async with on.people(), on.calls(size.rate, size.talk_s) as callers:
            await callers.talking(round(size.rate * min(size.talk_s, 4)))
            clients = Clients(halves, on.token)
            async with clients.asking(size.requests):
                for n in range(size.stops):
                    drains.append(await _restarted(on, halves, halves[n % 2]))
                    print(f"  stop {n + 1}: ended after {drains[-1]:.1f} s", flush=True)
                    await callers.answering(1)
            await callers.stop(size.talk_s + 30)
            await on.settled(40)
            found = await on.reconciled()
        return [
            Figure("stops and starts, by turns", str(size.stops)),
            Figure(
                "requests, of which asked again at the other", f"{clients.asked}, {clients.again}"
            ),
            none("requests that neither served", clients.failed),
            at_most("it ends by itself, slowest", max(drains), DRAIN_S),
            found.refused(),
            *found.figures(),
        ]
    finally:
        for half in halves:
            half.kill()


async def _restarted(on: stand.Given, halves: tuple[Half, Half], one: Half) -> float:
    """Seconds until it had ended. Then it runs again, and one of the two controls the switch."""
    away = time.time()
    took = await one.stop()
    await one.start()
    async with asyncio.timeout(60):
        while 200 not in [await half.ask("/readyz") for half in halves]:
            await asyncio.sleep(stand.POLL_S)
    on.had_outage(away)
    return took


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.given(is_up=False) as on:
        return await run(on, size)
