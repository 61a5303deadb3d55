"""Warns of a volume with little free space, and of a CEL log that is not written.

Calls go on without either, so the fault would not be noticed.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from prometheus_client import Gauge

from tongdai.asterisk import cel_log

log = structlog.get_logger()

LOOK_S = 2.0
LEAST = 0.05  # of a volume

_free = Gauge("tongdai_volume_free_ratio", "What is free of the volume that holds it.", ["volume"])
_silent = Gauge(
    "tongdai_cel_log_silent", "1 while calls arrive but Asterisk's CEL log does not grow."
)


class Volumes:
    """`arrivals` gives the number of calls so far; each is in the CEL log before its
    signal comes.
    """

    def __init__(
        self, volumes: Mapping[str, Path], path: Path, arrivals: Callable[[], int]
    ) -> None:
        self._volumes, self._path, self._arrivals = volumes, path, arrivals
        self._full: set[str] = set()
        self._looks: deque[tuple[cel_log.Offset, int]] = deque(maxlen=3)
        self._is_silent = False

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            for name, folder in self._volumes.items():
                self._judge(name, folder, await asyncio.to_thread(free, folder))
            self._listen()
            await asyncio.sleep(LOOK_S)

    def _judge(self, name: str, folder: Path, share: float) -> None:
        _free.labels(name).set(share)
        if share < LEAST and name not in self._full:
            self._full.add(name)
            log.error("volume.full", volume=name, folder=str(folder), free=f"{share:.1%}")
        elif share >= LEAST and name in self._full:
            self._full.discard(name)
            log.info("volume.has_room", volume=name, free=f"{share:.1%}")

    def _listen(self) -> None:
        """Checks the CEL log: a call that arrived since the last look must be in it since the look
        before.
        """
        self._looks.append((cel_log.end(self._path), self._arrivals()))
        earliest, before, now = (
            self._looks[0],
            self._looks[max(0, len(self._looks) - 2)],
            self._looks[-1],
        )
        has_grown = now[0] != earliest[0]
        if len(self._looks) == 3 and now[1] > before[1] and not has_grown and not self._is_silent:
            self._is_silent = True
            log.error("cel_log.silent", path=str(self._path))
        elif has_grown and self._is_silent:
            self._is_silent = False
            log.info("cel_log.written_again")
        _silent.set(self._is_silent)


def free(folder: Path) -> float:
    """The share of the folder's volume that we may still write to. The folder need not
    exist yet.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total if usage.total else 1.0
