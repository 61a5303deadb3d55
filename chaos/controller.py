"""tongdai is killed (SIGKILL): callers notice nothing, and no record or event is lost.

While customers call and talk, `tongdai up` is killed at random moments and started again.
"""

import asyncio
import random
import time

import msgspec

from chaos import stand
from chaos.report import Figure, at_most

API_S, READY_S = 3.0, 5.0


class Size(msgspec.Struct, frozen=True):
    """The load. `pause_s`: the longest time between a start and the next kill."""

    kills: int = 50
    rate: float = 5.0
    talk_s: float = 20.0
    pause_s: float = 3.0
    repeats: bool = True  # wait for what was under way to be delivered again


async def run(on: stand.Stand, size: Size) -> list[Figure]:
    times: list[tuple[float, float]] = []
    async with on.calls(size.rate, size.talk_s) as callers:
        await callers.talking(round(size.rate * min(size.talk_s, 5)))
        for n in range(size.kills):
            await asyncio.sleep(random.uniform(0, size.pause_s))  # noqa: S311 -- no secret
            away = time.time()
            await on.instance.kill()
            times.append(await on.start())
            on.had_outage(away)
            print(
                f"  kill {n + 1}: API after {times[-1][0]:.1f} s, "
                f"ready after {times[-1][1]:.1f} s",
                flush=True,
            )
        up = callers.up
        await callers.stop(size.talk_s + 30)
    await on.settled(40, repeats=size.repeats)
    found = await on.reconciled()
    return [
        Figure("kills", str(size.kills)),
        Figure("calls that talked at the last kill", str(up)),
        at_most("the API answers after a start, slowest", max(api for api, _ in times), API_S),
        at_most(
            "all that happened meanwhile is known, slowest",
            max(ready for _, ready in times),
            READY_S,
        ),
        found.refused(),
        *found.figures(),
    ]


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.private() as on:
        return await run(on, size)
