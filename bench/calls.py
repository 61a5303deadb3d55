"""Calls a second through tongdai beside a plain Dial() on the same Asterisk, without media (G11).

    python -m bench calls [--seconds 5] [--rate 40]

A carrier (SIPp) calls hotlines, phones (SIPp) answer, both talk a second. Through tongdai every
call is routed by the engine, each of its four events is delivered to a real HTTP receiver, and its
CDR is written; the plain Dial() runs while tongdai is stopped. The rate offered rises, or falls
from the first one, until fewer than 99.9 % of a step's calls are good. Good is: answered within
two seconds, hung up in order, and through tongdai an ANSWERED record and four deliveries, all of
them at most five seconds after the last call. With --rate, that rate alone: what a call costs
there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from bench import company, webhooks
from bench import rig as rigs
from bench.report import milliseconds, quantile, table
from bench.rig import Rig

GOOD = 0.999
FIRST, LEAST = 40, 5  # calls a second
GROWTH, FINENESS = 2.0, 1.07
SETTLED_S = 5.0
LIMIT_S = 60.0  # of a search: what was found by then counts
CALM_S = 3.0  # after a step that failed: what it left is torn down


class Step(msgspec.Struct, frozen=True):
    """The result of one rate. `cpu`: milliseconds a call, by part."""

    rate: int
    offered: int
    good: int
    setup: list[float]
    cpu: dict[str, float]

    @property
    def passed(self) -> bool:
        return self.good >= GOOD * self.offered

    def told(self) -> str:
        cpu = "  ".join(f"{part} {each:.2f}" for part, each in self.cpu.items() if each)
        p50, p99 = (
            milliseconds(quantile(self.setup, 0.5)),
            milliseconds(quantile(self.setup, 0.99)),
        )
        return (
            f"{self.rate:4d}/s: {self.good}/{self.offered} good, set-up p50 {p50} p99 {p99}; "
            f"CPU ms/call {cpu}"
        )


Try = Callable[[int], Awaitable[Step]]


async def highest(attempt: Try) -> Step:
    """The step with the highest rate that passes; if none passes, the step with the lowest rate.

    The rate is doubled or halved until one passes and one does not, then bisected. A rate that
    fails is tried once more, as the machine may be shared.
    """
    until = time.monotonic() + LIMIT_S
    best, failed, rate = None, 0, FIRST
    while time.monotonic() < until:
        if (step := await _tried(attempt, rate)).passed:
            best = step
        else:
            failed, worst = rate, step
        if failed and not best:
            rate = round(failed / GROWTH)
        elif best and not failed:
            rate = round(best.rate * GROWTH)
        elif best:
            rate = round((best.rate * failed) ** 0.5)
        if rate < LEAST or (best and failed and failed <= best.rate * FINENESS):
            break
    return best or worst


async def _tried(attempt: Try, rate: int) -> Step:
    for _ in range(2):
        step = await attempt(rate)
        print(f"    {step.told()}", flush=True)
        if step.passed:
            break
        await asyncio.sleep(CALM_S)
    return step


async def plain(rig: Rig, rate: int, seconds: int) -> Step:
    """One step of the peer."""
    before = rig.cpu()
    told = await rigs.call(rig, rigs.PEER, ["2471000000"], rate=rate, seconds=seconds)
    return _told(rig, rate, seconds, told, told.successful, before)


async def ours(rig: Rig, of: list[company.Company], sink: int, rate: int, seconds: int) -> Step:
    """One step through tongdai."""
    await _idle(rig)
    await webhooks.arrivals(sink)
    billed, before = await _billed(rig), rig.cpu()
    numbers = [
        hotline for each in zip(*(one.hotlines for one in of), strict=True) for hotline in each
    ]
    told = await rigs.call(rig, rigs.CARRIER, numbers, rate=rate, seconds=seconds)
    billed = await _settled(rig, billed + told.successful) - billed
    delivered = len(await webhooks.arrivals(sink))
    return _told(
        rig,
        rate,
        seconds,
        told,
        min(told.successful, billed, delivered // len(company.EVENTS)),
        before,
    )


def _told(  # noqa: PLR0917 -- what a step was and what came of it
    rig: Rig, rate: int, seconds: int, told: rigs.Sipp, good: int, before: dict[str, float]
) -> Step:
    after, offered = rig.cpu(), rate * seconds
    cpu = {part: (after[part] - before[part]) * 1000 / offered for part in after}
    return Step(rate, offered, good, told.setup, cpu)


async def _settled(rig: Rig, wanted: int) -> int:
    """Answered records, once there are as many as wanted and no delivery is outstanding, or time
    is up.
    """
    until = time.monotonic() + SETTLED_S
    while True:
        billed, owed = await _billed(rig), await _owed(rig)
        if (billed >= wanted and not owed) or time.monotonic() > until:
            return billed
        await asyncio.sleep(0.1)


async def _idle(rig: Rig) -> None:
    """Nothing of the step before is left to do."""
    async with asyncio.timeout(120), rig.database.connection() as tx:
        while await tx.fetchval("SELECT count(*) FROM calls") or await _owed(rig):  # noqa: ASYNC110 -- a database tells nobody
            await asyncio.sleep(0.2)


async def _billed(rig: Rig) -> int:
    async with rig.database.connection() as tx:
        return int(
            await tx.fetchval(
                "SELECT count(*) FROM cdrs WHERE status = 'ANSWERED' AND billsec >= 1"
            )
        )


async def _owed(rig: Rig) -> int:
    async with rig.database.connection() as tx:
        return int(await tx.fetchval("SELECT count(*) FROM deliveries"))


async def contest(seconds: int, rate: int) -> None:
    """Runs all, and prints the table."""

    async def found_by(attempt: Try) -> Step:
        return await (_tried(attempt, rate) if rate else highest(attempt))

    async with rigs.rig() as rig, webhooks.receiver() as (sink, _):
        on = await company.found(rig, 10, 10, recording=True, sink=sink)
        async with rig.up():  # the switch must know its phones before they register
            company.register(rig, on)
        beside = lambda rate: plain(rig, rate, seconds)  # noqa: E731 -- what is tried
        through_us = lambda rate: ours(rig, on, sink, rate, seconds)  # noqa: E731
        async with rigs.phones(rig):
            found: dict[str, Step] = {}
            # memory that Asterisk has never had costs it a sixth more
            await plain(rig, FIRST, seconds)
            print("  plain Dial()")
            found["plain Dial()"] = await found_by(beside)
            async with rig.up():
                print("  through tongdai, recording")
                found["through tongdai"] = await found_by(through_us)
            async with rig.database.transaction() as tx:
                await tx.execute("UPDATE domains SET recording = false")
            async with rig.up():
                print("  through tongdai, not recording")
                found["through tongdai, recording off"] = await found_by(through_us)
    show(found)


def show(found: dict[str, Step]) -> None:
    limit = found["plain Dial()"].rate
    parts = ("asterisk", "tongdai", "postgresql")
    header = (
        "",
        "calls/s",
        "G11",
        "good",
        "set-up p50",
        "p99",
        *(f"{part} ms/call" for part in parts),
        "together",
    )
    rows = [
        (
            name,
            str(step.rate),
            f"{step.rate / limit:.2f}",
            f"{step.good / step.offered:.1%}",
            milliseconds(quantile(step.setup, 0.5)),
            milliseconds(quantile(step.setup, 0.99)),
            *(f"{step.cpu[part]:.1f}" for part in parts),
            f"{sum(step.cpu[part] for part in parts):.1f}",
        )
        for name, step in found.items()
    ]
    table("Calls a second, no media (G11)", header, rows)


def main(seconds: int = 5, rate: int = 0) -> None:
    asyncio.run(contest(seconds, rate))
