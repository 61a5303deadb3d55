"""What 50 listeners to live state cost while 50 calls a second come and go: it has to be under a
tenth of a core more than with none.

    python -m bench live [--listeners 50] [--rate 50] [--seconds 10] [--rounds 2]

One company: a carrier (SIPp) calls its hotlines, phones (SIPp) answer, both talk a second. Rounds
without and with listeners take turns in one run; all listeners read one domain, which is the
busiest case. Counted is the CPU time of tongdai and PostgreSQL, of the whole round; that of the
listeners themselves is not: they run elsewhere.
"""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized

import msgspec

from bench import company
from bench import rig as rigs
from bench.report import table
from bench.rig import Rig

WARM_S = 2.0  # after the listeners have come
PARTS = ("tongdai", "postgresql")


class Round(msgspec.Struct, frozen=True):
    """Cores used by each part, calls that were answered, and bytes that a listener got."""

    cores: dict[str, float]
    good: int
    offered: int
    received: int = 0

    @property
    def total(self) -> float:
        return sum(self.cores.values())


def listen(port: int, token: str, count: int, read: "Synchronized[int]") -> None:
    """So many listeners in this process; `read` counts the bytes that came."""
    asyncio.run(_listen(port, token, count, read))


async def _listen(port: int, token: str, count: int, read: "Synchronized[int]") -> None:
    await asyncio.gather(*(_one(port, token, read) for _ in range(count)))


async def _one(port: int, token: str, read: "Synchronized[int]") -> None:
    reader, writer = await asyncio.open_connection(rigs.HOST, port)
    head = (
        f"GET /v1/live HTTP/1.1\r\nHost: {rigs.HOST}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    )
    writer.write(head.encode())
    while piece := await reader.read(65_536):
        with read.get_lock():
            read.value += len(piece)
    writer.close()


@contextlib.contextmanager
def listeners(rig: Rig, token: str, count: int) -> Iterator["Synchronized[int]"]:
    """They listen in a process of their own, and are gone afterwards."""
    spawn = multiprocessing.get_context("spawn")
    read = spawn.Value("L", 0)
    process = spawn.Process(target=listen, args=(rig.http, token, count, read), daemon=True)
    process.start()
    try:
        yield read
    finally:
        process.terminate()
        process.join()


async def one(rig: Rig, of: company.Company, rate: int, seconds: int) -> Round:
    """A round of calls."""
    before, began = rig.cpu(), time.monotonic()
    told = await rigs.call(rig, rigs.CARRIER, list(of.hotlines), rate=rate, seconds=seconds)
    lasted, after = time.monotonic() - began, rig.cpu()
    cores = {part: (after[part] - before[part]) / lasted for part in PARTS}
    return Round(cores, told.successful, rate * seconds)


async def contest(count: int, rate: int, seconds: int, rounds: int) -> None:
    async with rigs.rig() as rig:
        (made,) = await company.found(rig, 1, 10, recording=False)
        async with rig.up():
            company.register(rig, [made])
            token = await rig.token(made.api_key)
            found: dict[str, list[Round]] = {"no listener": [], f"{count} listeners": []}
            quiet, listened = found.values()
            async with rigs.phones(rig):
                await one(rig, made, rate, 3)
                for _ in range(rounds):
                    quiet.append(await one(rig, made, rate, seconds))
                    with listeners(rig, token, count) as read:
                        while not read.value:  # noqa: ASYNC110 -- another process counts
                            await asyncio.sleep(0.05)
                        await asyncio.sleep(WARM_S)
                        before = read.value
                        came = await one(rig, made, rate, seconds)
                        each = (read.value - before) // count
                        listened.append(msgspec.structs.replace(came, received=each))
    show(found)


def show(found: dict[str, list[Round]]) -> None:
    rows = []
    for name, rounds in found.items():
        good = sum(each.good for each in rounds) / sum(each.offered for each in rounds)
        cores = {part: sum(each.cores[part] for each in rounds) / len(rounds) for part in PARTS}
        received = sum(each.received for each in rounds) // len(rounds)
        rows.append(
            (
                name,
                f"{good:.1%}",
                *(f"{cores[part]:.3f}" for part in PARTS),
                f"{sum(cores.values()):.3f}",
                f"{received // 1000} kB" if received else "",
            )
        )
    table(
        "Listeners to live state: cores used",
        ("", "good", *PARTS, "together", "a listener got"),
        rows,
    )
    quiet, listened = (
        sum(each.total for each in rounds) / len(rounds) for rounds in found.values()
    )
    print(f"  {listened - quiet:+.3f} of a core with listeners")


def main(listeners: int = 50, rate: int = 50, seconds: int = 10, rounds: int = 2) -> None:
    asyncio.run(contest(listeners, rate, seconds, rounds))
