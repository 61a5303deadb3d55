"""python -m chaos [controller|... ...]: runs the scenarios named, or all, one after the other.

Each prints its figures. The exit status is 1 when a promise was broken.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

from chaos import (
    asterisk,
    controller,
    disk,
    frozen,
    link,
    neighbour,
    postgres,
    recordings,
    rolling,
)
from chaos.report import Figure, table

LIMIT_S = 300.0  # a scenario that takes longer is broken
ALL: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "controller": controller.main,
    "asterisk": asterisk.main,
    "postgres": postgres.main,
    "frozen": frozen.main,
    "link": link.main,
    "disk": disk.main,
    "rolling": rolling.main,
    "recordings": recordings.main,
    "neighbour": neighbour.main,
}


async def one(name: str) -> list[Figure]:
    """A scenario's figures. If the scenario fails, one figure says why."""
    print(
        f"\n== {name}: {(sys.modules[f'chaos.{name}'].__doc__ or '').partition(chr(10))[0]}",
        flush=True,
    )
    began = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT_S):
            figures = await ALL[name]()
    except Exception as reason:  # noqa: BLE001 -- the others are to run all the same
        figures = [
            Figure("it failed", f"{type(reason).__name__}: {reason}", "never", is_kept=False)
        ]
    table(f"{name} ({time.monotonic() - began:.0f} s)", figures)
    return figures


async def several(names: list[str]) -> int:
    """The exit status. SIGTERM ends it as Ctrl-C does: every process it started is ended."""
    if running := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    found = [figure for name in names for figure in await one(name)]
    return 0 if all(figure.is_kept for figure in found) else 1


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(ALL)
    if unknown := set(chosen) - set(ALL):
        sys.exit(f"no scenario named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    try:
        sys.exit(uvloop.run(several(chosen)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("interrupted; nothing of it is left")
