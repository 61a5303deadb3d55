"""tongdai or Asterisk is killed while calls are recorded: the recordings are complete, and play
when the cdr event comes.

Asterisk writes two seconds at a time; what it had not written when it was killed is lost.
"""

import asyncio
import time

import msgspec

from chaos import stand
from chaos.report import Figure


class Size(msgspec.Struct, frozen=True):
    """The load: kills of each, and the calls that are recorded meanwhile."""

    controllers: int = 3
    asterisks: int = 3
    live: int = 20
    talk_s: float = 8.0
    cut_s: float = 5.0  # how long they talk before Asterisk is killed


async def run(on: stand.Stand, size: Size) -> list[Figure]:
    before = len({played.call for played in on.played()})
    for _ in range(size.controllers):
        await _without_controller(on, size)
    for _ in range(size.asterisks):
        await _without_asterisk(on, size)
    await on.settled(40)
    told = (size.controllers + size.asterisks) * size.live
    heard = len({played.call for played in on.played()}) - before
    return [
        Figure("kills of tongdai, of Asterisk", f"{size.controllers}, {size.asterisks}"),
        Figure("calls recorded at each", str(size.live)),
        Figure("recordings told of", str(heard), str(told), is_kept=heard == told),
        *(await on.reconciled()).figures(),
    ]


async def _without_controller(on: stand.Stand, size: Size) -> None:
    """tongdai is killed in the middle of the calls, and started after some have ended."""
    async with on.calls(size.live, size.talk_s, size.live) as callers:
        await callers.talking(size.live)
        await asyncio.sleep(size.talk_s / 2)
        away = time.time()
        await on.instance.kill()
        await callers.over(size.talk_s + 20)
        await on.start()
        on.had_outage(away)
    await on.settled(40)


async def _without_asterisk(on: stand.Stand, size: Size) -> None:
    async with on.calls(size.live, 60, size.live) as callers:
        await callers.talking(size.live)
        await asyncio.sleep(size.cut_s)
        await on.kill_asterisk()
        await on.revive_asterisk()
        await on.recorded(60)


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.given(recording=True) as on:
        return await run(on, size)
