"""A full disk stops no call. What cannot be written is missing, metrics say so within half a
minute, and writing goes on when there is space again.

The volume of the CEL log is filled, then those of recordings, each a small one of its own (a
tmpfs, which takes root). Without root, and in the short form, the folders are moved away instead,
so that nothing can be written to them.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from chaos import stand
from chaos.report import Figure, at_most
from testbed.until import until

ALARM_S = 30.0
VOLUMES = {"asterisk/log/cel-custom": "4m", "asterisk/spool/recording": "32m", "recordings": "32m"}
FREE, SILENT = 'tongdai_volume_free_ratio{{volume="{}"}}', "tongdai_cel_log_silent"
FULL = 0.05


class Size(msgspec.Struct, frozen=True):
    """The load. `full_s`: how long each volume stays full."""

    full_s: float = 60.0
    rate: float = 5.0
    talk_s: float = 5.0


class Fault(msgspec.Struct, frozen=True):
    """A way to prevent writes to a folder, and to allow them again."""

    begin: Callable[[Path], None]
    end: Callable[[Path], None]


async def run(on: stand.Stand, size: Size, fault: Fault, *, is_full: bool) -> list[Figure]:
    data = on.instance.data
    cel_log, spool, kept = (data / name for name in VOLUMES)
    figures = []
    async with on.calls(size.rate, size.talk_s) as callers:
        await callers.talking(2)
        figures += await _without(on, "cel_log", [cel_log], size, fault, is_full=is_full)
        figures += await _without(
            on, "recordings", [spool, kept] if is_full else [kept], size, fault, is_full=is_full
        )
        await callers.answering(2)
        await callers.stop(size.talk_s + 40)
    await on.settled(60)
    return [*figures, *(await on.reconciled()).figures()]


async def _without(
    on: stand.Stand, what: str, folders: list[Path], size: Size, fault: Fault, *, is_full: bool
) -> list[Figure]:
    """Nothing can be written to these folders for `full_s`. Then the CEL log goes on."""
    written = on.instance.data / "asterisk" / "log" / "cel-custom" / "cel.jsonl"
    began, since = time.monotonic(), time.time()
    for folder in folders:
        fault.begin(folder)
    try:
        figures = [
            at_most(
                f"{what} full: told by a metric", await _told(on, what, is_full=is_full), ALARM_S
            )
        ]
        if what == "cel_log":
            await until(lambda: _is(on, SILENT, 1.0), 60)
            figures += [
                at_most("calls that the CEL log misses: alarm", time.monotonic() - began, ALARM_S)
            ]
        else:
            before = written.stat().st_size
            await until(lambda: written.stat().st_size > before, 30)
            figures += [Figure("recordings full: the CEL log goes on", "yes", "yes")]
        await asyncio.sleep(max(0.0, began + size.full_s - time.monotonic()))
    finally:
        for folder in folders:
            fault.end(folder)
    if what == "recordings":
        on.had_recording_outage(since - 0.5, size.talk_s + 5)
    await until(lambda: _is(on, SILENT, 0.0), 60)
    return figures


async def _told(on: stand.Stand, what: str, *, is_full: bool) -> float:
    """Seconds until a metric says that the volume is full; 0 where only the folder was moved."""
    began = time.monotonic()
    if is_full:
        await until(lambda: _below(on, FREE.format(what), FULL), 60)
    return time.monotonic() - began


async def _is(on: stand.Stand, metric: str, value: float) -> bool:
    return await on.metric(metric) == value


async def _below(on: stand.Stand, metric: str, value: float) -> bool:
    found = await on.metric(metric)
    return found is not None and found < value


# --- faults


def fill(folder: Path) -> None:
    """No byte is free on the folder's volume."""
    with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def take_away(folder: Path) -> None:
    """Every write to the folder fails, as it is no folder any more."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.away"))
    folder.touch()


def give_back(folder: Path) -> None:
    folder.unlink()
    away = folder.with_name(f"{folder.name}.away")
    away.rename(folder) if away.exists() else folder.mkdir()


FULL_VOLUME = Fault(fill, lambda folder: (folder / "filler").unlink())
NO_FOLDER = Fault(take_away, give_back)


def mount(data: Path) -> None:
    """Each folder is a volume of its own."""
    for name, size in VOLUMES.items():
        (data / name).mkdir(parents=True)
        command = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={size},mode=700",
            "tmpfs",
            str(data / name),
        ]
        subprocess.run(command, check=True)


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    """Runs in a mount namespace, in a process of its own: its mounts end with it."""
    if os.geteuid() != 0:
        return [Figure("full volumes", "not run: needs root, for mounts of its own")]
    given = msgspec.json.encode(size).decode()
    process = await asyncio.create_subprocess_exec(
        *(
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--",
            sys.executable,
            "-m",
            "chaos.disk",
            given,
        ),
        stdout=subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    lines = said.decode().splitlines()
    print("\n".join(lines[:-1]), flush=True)
    return msgspec.json.decode(lines[-1], type=list[Figure])


async def inside(size: Size) -> None:
    """Runs the scenario. The result is the last line of the output."""
    async with stand.private(recording=True, prepare=mount) as on:
        figures = await run(on, size, FULL_VOLUME, is_full=True)
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    asyncio.run(inside(msgspec.json.decode(sys.argv[1], type=Size)))
