"""PostgreSQL crashes, stays away, or hangs: calls go on, the API reports it at once, and nothing
is lost.

While customers call, it is stopped as by a crash many times; then once for long; then a proxy
before it stops forwarding. Callers who come meanwhile wait until it is back.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import msgspec

from chaos import stand
from chaos.report import Figure, at_most

SETTLED_S, MEMORY_MB = 30.0, 100.0
REFUSED_S = 1.0  # each request, from the first on
UNAVAILABLE = 503
PATHS = (
    "/v1/cdr?limit=1",
    "/v1/event/feed?limit=1",
    "/recordings/0123456789abcdef0123456789abcdef",
    "/readyz",
)


class Size(msgspec.Struct, frozen=True):
    """The load. `away_s`: how long it stays away, and how long it hangs."""

    stops: int = 20
    away_s: float = 60.0
    hangs_s: float = 30.0
    rate: float = 5.0
    talk_s: float = 10.0


class Api(msgspec.Struct):
    """The API's responses meanwhile: seconds until the first refusal, the slowest later one, and
    the responses that were no refusal.
    """

    first: float = 0.0
    slowest: float = 0.0
    asked: int = 0
    memory: float = 0.0  # MB, the most that tongdai had
    odd: list[int] = []

    async def ask(self, on: stand.Stand) -> None:
        """Requests one object of each kind, all at once."""
        began = time.monotonic()
        said = await asyncio.gather(*(on.ask(path, within_s=15) for path in PATHS))
        took = time.monotonic() - began
        if self.asked:
            self.slowest = max(self.slowest, took)
        else:
            self.first = took
        self.asked += len(said)
        self.odd += [status for status in said if status != UNAVAILABLE]


async def run(on: stand.Given, size: Size) -> list[Figure]:
    before, most = on.memory, on.memory
    figures = []
    async with on.calls(size.rate, size.talk_s) as callers:
        await callers.talking(round(size.rate * min(2, size.talk_s)))
        for n in range(size.stops):
            await asyncio.sleep(random.uniform(0.2, 2))  # noqa: S311 -- no secret
            await on.stop_postgres()
            await on.start_postgres()
            await on.is_ready(within_s=60)
            print(f"  stop {n + 1}", flush=True)
        figures += [Figure("immediate stops during calls", str(size.stops))]
        for what, away_s, lose, regain in (
            ("stopped", size.away_s, on.stop_postgres, on.start_postgres),
            ("hanging", size.hangs_s, _now(on.to_postgres.hang), _now(on.to_postgres.flow)),
        ):
            api = await _away(on, away_s, lose, regain)
            most = max(most, api.memory)
            print(
                f"  {what} for {away_s:.0f} s: refused after {api.first:.1f} s, "
                f"{api.slowest:.1f} s",
                flush=True,
            )
            figures += _told(f"{what} for {away_s:.0f} s", api)
        returned = time.monotonic()
        await on.is_ready(within_s=60)
        await callers.stop(size.talk_s + 60)
        over = time.monotonic() - returned
    settled = await on.settled(90)
    return [
        *figures,
        Figure("callers who waited were served and had talked", f"{over:.1f} s after its return"),
        at_most("then every record and event was there", settled, SETTLED_S),
        at_most("memory grew by", most - before, MEMORY_MB, "MB"),
        *(await on.reconciled()).figures(),
    ]


def _told(what: str, api: Api) -> list[Figure]:
    return [
        at_most(
            f"{what}: the API refused the first {len(PATHS)} requests with 503",
            api.first,
            REFUSED_S,
        ),
        at_most(
            f"{what}: and the slowest of {api.asked - len(PATHS)} more", api.slowest, REFUSED_S
        ),
        Figure(f"{what}: other answers", str(len(api.odd)), "0", is_kept=not api.odd),
    ]


async def _away(
    on: stand.Given,
    away_s: float,
    lose: Callable[[], Awaitable[None]],
    regain: Callable[[], Awaitable[None]],
) -> Api:
    """PostgreSQL is away for so long. Meanwhile the API is asked again and again."""
    await lose()
    until, api = time.monotonic() + away_s, Api()
    while time.monotonic() < until:
        await api.ask(on)
        api.memory = max(api.memory, on.memory)
        await asyncio.sleep(0.2)
    await regain()
    return api


def _now(do: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def done() -> None:
        do()

    return done


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.given() as on:
        return await run(on, size)
