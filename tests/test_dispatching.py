"""The dispatcher in a process of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from testbed.receivers import Receiver, receiving
from testbed.until import until
from tests import databases
from tests.webhooks import samples
from tongdai.dispatching import DispatcherProcess
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.settings import Settings
from tongdai.store import db
from tongdai.supervision import Supervised

SECRET = "a master key of thirty-two bytes."


@pytest.fixture
async def database(dispatched: db.Database) -> db.Database:
    return await databases.emptied(dispatched)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def running(database: db.Database, tmp_path: Path) -> AsyncIterator[DispatcherProcess]:
    settings = msgspec.structs.replace(
        Settings(), data=tmp_path, dsn=database.dsn, secret=SECRET, callback_allow="127.0.0.0/8"
    )
    process = await DispatcherProcess(settings).start()
    yield process
    await process.stop()


async def test_it_delivers_what_it_is_woken_for_and_its_metrics_are_seen(
    database: db.Database, domain: directory.Domain, receiver: Receiver, running: DispatcherProcess
) -> None:
    master_key = MasterKey(SECRET.encode())
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    for n in (1, 2):
        await samples.publish(database, samples.event(domain))
        running.wake([domain.domain_uuid])
        await until(lambda n=n: len(receiver.requests) == n, 30)  # type: ignore[misc]

    def delivered() -> list[float]:
        return [
            sample.value
            for metric in running.collect()
            for sample in metric.samples
            if sample.name == "tongdai_delivery_attempts_total"
            and sample.labels == {"state": "delivered"}
        ]

    await until(lambda: delivered() == [2.0])


async def test_it_is_started_again_when_it_was_killed(
    database: db.Database,
    domain: directory.Domain,
    receiver: Receiver,
    running: DispatcherProcess,
) -> None:
    await samples.subscribe(database, MasterKey(SECRET.encode()), domain, "ringing", receiver.url)
    watching = asyncio.create_task(Supervised("it", running, running.start, (0.0,)).run())
    first = running.pid
    os.kill(first, 9)
    await until(lambda: running.pid != first)
    await samples.publish(database, samples.event(domain))
    running.wake([domain.domain_uuid])
    await until(lambda: len(receiver.requests) == 1, 30)
    watching.cancel()


async def test_it_ends_when_we_do(running: DispatcherProcess) -> None:
    """Its standard input ends then, also when we are killed."""
    running._stdin.close()

    await asyncio.wait_for(running.wait(), 20)
