"""Asterisk is killed (SIGKILL). Its calls end, and each is recorded with its real duration.

The calls only talk, so that no entry of the CEL log tells when they ended; then Asterisk is
killed.
"""

import asyncio
import random
import time

import msgspec

from chaos import stand
from chaos.report import Figure, at_most

RECORDED_S, CALLABLE_S = 10.0, 5.0


class Size(msgspec.Struct, frozen=True):
    """The load. `quiet_s`: the longest time without any event before the kill."""

    kills: int = 20
    live: int = 50
    quiet_s: float = 4.0
    rate: float = 25.0


class Outcome(msgspec.Struct, frozen=True):
    """Seconds after one kill: until Asterisk answered again; from then on until all calls were
    recorded, and until a new call was put through.
    """

    back: float
    recorded: float
    callable: float


async def run(on: stand.Stand, size: Size) -> list[Figure]:
    seen = []
    for n in range(size.kills):
        seen.append(await _kill(on, size))
        print(
            f"  kill {n + 1}: back after {seen[-1].back:.1f} s, "
            f"then recorded after {seen[-1].recorded:.1f} s, "
            f"called after {seen[-1].callable:.1f} s",
            flush=True,
        )
    await on.settled(30)
    return [
        Figure("kills", str(size.kills)),
        Figure("calls that talked at each", str(size.live)),
        Figure("Asterisk answers again, slowest", f"{max(one.back for one in seen):.1f} s"),
        at_most(
            "then every call is recorded, slowest", max(one.recorded for one in seen), RECORDED_S
        ),
        at_most(
            "and phones, who need not register again, are reached, slowest",
            max(one.callable for one in seen),
            CALLABLE_S,
        ),
        *(await on.reconciled()).figures(),
    ]


async def _kill(on: stand.Stand, size: Size) -> Outcome:
    async with on.calls(size.rate, 60, size.live) as callers:
        await callers.talking(size.live)
        await asyncio.sleep(random.uniform(size.quiet_s / 2, size.quiet_s))  # noqa: S311 -- no secret
        killed, away = time.monotonic(), time.time()
        await on.kill_asterisk()
        await on.revive_asterisk()
        back = time.monotonic()
        recorded, callable_after = await asyncio.gather(on.recorded(60), _called(on))
    on.had_outage(away)
    return Outcome(back - killed, recorded, callable_after)


async def _called(on: stand.Stand) -> float:
    """Seconds until a call reaches a phone. The switch refuses calls until it knows its trunks
    again.
    """
    began = time.monotonic()
    async with on.calls(5, 0.5) as callers:
        await callers.answering(1)
        took = time.monotonic() - began
        await callers.stop(20)
    return took


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.given() as on:
        return await run(on, size)
