"""tongdai is frozen (SIGSTOP): SIP goes on, no request is ignored or refused, and every call is
published afterwards.
"""

import asyncio
import os
import signal
import time

import msgspec

from chaos import stand
from chaos.report import Figure, at_most, none

SETTLED_S = 30.0


class Size(msgspec.Struct, frozen=True):
    """The load."""

    frozen_s: float = 60.0
    rate: float = 10.0
    talk_s: float = 10.0


async def run(on: stand.Stand, size: Size) -> list[Figure]:
    async with on.calls(size.rate, size.talk_s) as callers:
        await callers.talking(round(size.rate))
        os.kill(on.instance.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(size.frozen_s)
        finally:
            os.kill(on.instance.pid, signal.SIGCONT)
        thawed = time.monotonic()
        await on.is_ready(within_s=60)
        ready = time.monotonic() - thawed
        await callers.stop(size.talk_s + 60)
    settled = await on.settled(90)
    log = (on.instance.data / "asterisk" / "log" / "messages").read_text(errors="replace")
    return [
        Figure("frozen", f"{size.frozen_s:.0f} s at {size.rate:g} calls/s"),
        Figure("ready again", f"{ready:.1f} s after"),
        at_most("after the last call, every record and event is there", settled, SETTLED_S),
        none(
            "alarms of Asterisk's task processors",
            [line for line in log.splitlines() if "taskprocessor" in line],
        ),
        *(await on.reconciled()).figures(),
    ]


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.private() as on:
        return await run(on, size)
