"""Dispatchers that run in a test, and what to wait for of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from testbed.until import until
from tests.webhooks import samples
from tongdai.encryption import MasterKey
from tongdai.pbx import events
from tongdai.store import db
from tongdai.webhooks.client import Client, Limits
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.guard import Guard

NAMES: tuple[events.EventName, ...] = ("ringing", "answered", "hangup", "cdr")
HOUR = 3600.0
NEVER_S = 1e6


@asynccontextmanager
async def dispatching(
    database: db.Database, *, limits: Limits | None = None, poll_s: float = 0.02, **options: Any
) -> AsyncIterator[Dispatcher]:
    """A dispatcher that runs meanwhile, without jitter, and ends cleanly."""
    async with Client(Guard(["127.0.0.0/8"]), "1.2.3", limits) as client:
        options = {"chance": lambda: 0.5} | options
        dispatcher = Dispatcher(
            database, MasterKey(bytes(range(32))), client, poll_s=poll_s, **options
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running


async def looked(dispatcher: Dispatcher, times: int = 3) -> None:
    """Waits until it has looked for deliveries so often, and claimed what it had found before."""
    for _ in range(times):
        last = dispatcher.looks
        await until(lambda last=last: dispatcher.looks > last)  # type: ignore[misc]


async def settled(database: db.Database, *expected: str) -> None:
    """Waits until the deliveries have these states, in the order of their events."""

    async def are_there() -> bool:
        return await samples.states(database) == [*expected]

    await until(are_there, 30)


async def tried(database: db.Database, *statuses: int) -> None:
    """Waits until the log holds attempts with these statuses."""

    async def are_there() -> bool:
        return [status for _, status, _ in await samples.attempts(database)] == [*statuses]

    await until(are_there, 30)


async def waits_s(database: db.Database) -> list[float]:
    """Seconds until each delivery is due, in the order of their events."""
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT extract(epoch FROM due_at - now()) AS s FROM deliveries ORDER BY seq"
        )
    return [float(row["s"]) for row in rows]


def in_turn(*statuses: int) -> Any:
    """One answer after the other; the last one for ever."""
    left = list(statuses)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
