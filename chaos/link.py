"""The link to Asterisk is cut off, closed, or half open. tongdai notices and connects again, and
no call is hurt.

The fault is injected by a proxy before ARI. Half open means that nothing passes, and neither side
gets FIN or RST.
"""

import asyncio
import random
import time

import msgspec

from chaos import observations, stand
from chaos.callers import Callers
from chaos.report import Figure, at_most, none

RELINKED_S, NOTICED_S, SILENT_S, SETTLED_S = 3.0, 6.0, 3.0, 30.0


class Size(msgspec.Struct, frozen=True):
    """The load: how often the link is cut off or closed, how often and how long half open."""

    cuts: int = 40
    half_open: int = 2
    half_open_s: float = 30.0
    rate: float = 2.0
    talk_s: float = 10.0


async def run(on: stand.Given, size: Size) -> list[Figure]:
    relinked: list[float] = []
    gaps: list[tuple[float, float]] = []
    async with on.calls(size.rate, size.talk_s) as callers:
        await callers.talking(round(size.rate * min(size.talk_s, 4)))
        for n in range(size.cuts):
            await asyncio.sleep(random.uniform(0, 1))  # noqa: S311 -- no secret
            relinked.append(await _relinked(on, callers, n))
        noticed = [
            await _half_open(on, callers, size.half_open_s, gaps) for _ in range(size.half_open)
        ]
        print(
            f"  half open: noticed after {', '.join(f'{one:.1f} s' for one in noticed)}",
            flush=True,
        )
        await callers.stop(size.talk_s + 60)
    settled = await on.settled(60)
    found = await on.reconciled()
    return [
        Figure("links cut off or closed", str(size.cuts)),
        at_most("a call comes through again, slowest", max(relinked), RELINKED_S),
        Figure("half-open links", f"{size.half_open}, {size.half_open_s:.0f} s each"),
        at_most("a half-open link is noticed, slowest", max(noticed), NOTICED_S),
        none(
            f"callers who heard nothing for {SILENT_S:.0f} s meanwhile",
            _silent(on, gaps),
            is_timed=True,
        ),
        at_most("then every call is recorded and told", settled, SETTLED_S),
        found.refused(),
        *found.figures(),
    ]


async def _relinked(on: stand.Given, callers: Callers, n: int) -> float:
    """Seconds until a call goes through that began after the link was lost."""
    began, away = time.monotonic(), time.time()
    on.to_asterisk.close() if n % 2 else on.to_asterisk.reset()
    while await on.ask("/readyz") == 200 and time.monotonic() < began + 0.4:
        await asyncio.sleep(stand.POLL_S)
    await on.is_ready(within_s=30)
    took = time.monotonic() - began
    on.had_outage(away)
    await callers.answering(1)
    return took


async def _half_open(
    on: stand.Given, callers: Callers, seconds: float, gaps: list[tuple[float, float]]
) -> float:
    """Seconds until tongdai reports that the link is lost. Then everything passes again, and calls
    go through.
    """
    began, away = time.monotonic(), time.time()
    on.to_asterisk.hang()
    while await on.ask("/readyz") == 200:
        assert time.monotonic() < began + 60, "a half-open link is not noticed"
        await asyncio.sleep(stand.POLL_S)
    noticed = time.monotonic() - began
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    gaps.append((away, time.time()))
    on.to_asterisk.reset()
    on.to_asterisk.flow()
    await on.is_ready(within_s=30)
    on.had_outage(away)
    await callers.answering(2)
    return noticed


def _silent(on: stand.Given, gaps: list[tuple[float, float]]) -> list[str]:
    """Calls that began while the link was half open, and were neither put through nor refused
    soon.
    """
    calls = observations.read(on.run).calls
    return [
        call.call_id
        for call in calls
        if any(since <= call.offered <= to for since, to in gaps)
        and (call.answered or call.refused or time.time()) - call.offered > SILENT_S
    ]


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.given() as on:
        return await run(on, size)
