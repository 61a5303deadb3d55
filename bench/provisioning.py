"""The cost of one changed extension among many for the engine's event loop, beside that of
reading, building and comparing all objects, as it was before. The link answers at once.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from tongdai import ids
from tongdai.asterisk import ari, provisioning
from tongdai.asterisk.dynamic_config import DynamicConfig
from tongdai.asterisk.hints import Hints
from tongdai.encryption import MasterKey
from tongdai.engine import reading
from tongdai.engine.inventory import Inventory
from tongdai.engine.provisioner import Provisioner
from tongdai.pbx.directory import NODE
from tongdai.store import db, devices, migrate, server

SECRET = "a master key of the benchmarks' own, nothing else"  # noqa: S105 -- gone afterwards
DOMAIN = "bench.example.vn"
FIRST = 10_000


class Link:
    """Answers each request with success; it is encoded as for Asterisk."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, method: str, uri: str, query: Any = None, body: Any = None) -> Any:
        ari._request(str(len(self.asked)), method, uri, query, body)  # noqa: SLF001 -- its cost
        self.asked.append(f"{method} {uri}")
        return ari.Response("", 404 if method == "GET" else 200)


class Engine:
    """As far as a provisioner needs one."""

    def __init__(self) -> None:
        self.node, self.switch, self.pushed = NODE, self, asyncio.Event()
        self.link = Link()
        self._config = DynamicConfig(lambda _: None, Hints(None, lambda: None))

    def changed(self, domain_uuid: str) -> None: ...

    async def provision(self, wanted: provisioning.Objects, stale: Any = ()) -> None:
        self._config.want(wanted, stale)
        await self._push()

    async def provision_changes(self, changed: Any, gone: Any, stale: Any = None) -> None:
        self._config.change(changed, gone, stale)
        await self._push()

    async def _push(self) -> None:
        await self._config.push(self.link)  # type: ignore[arg-type]
        self.pushed.set()


def main(extensions: int = 10_000, changes: int = 15) -> None:
    """Prints medians of CPU time of the thread that runs the event loop."""
    _quietly()
    asyncio.run(_main(extensions, changes))


def _quietly() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


async def _main(extensions: int, changes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres", {"fsync": "off"})
        try:
            await migrate.apply(running.dsn)
            await _measured(running.dsn, extensions, changes)
        finally:
            await running.stop()


async def _measured(dsn: str, extensions: int, changes: int) -> None:
    database = db.Database(dsn, is_busy=True)
    await database.open()
    await _fill(database, extensions)
    engine = Engine()
    now = Provisioner(database, MasterKey(SECRET.encode()), engine, [])  # type: ignore[arg-type]
    heard = {"directory": now.directory_changed, "objects": now.object_changed}
    await database.listen(heard, lost=now.lost)
    began = time.thread_time()
    await now.now()
    print(f"{len(engine.link.asked)} requests at the start, {_since(began):.0f} ms of the loop")
    running = asyncio.create_task(now.run())
    one, before = [], []
    for number in range(changes):  # in turn, so that both meet the same machine
        one.append(await _change(dsn, engine, str(FIRST + number)))
        before.append(await _everything(database))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()
    alone, all_ = statistics.median(one), statistics.median(before)
    print(f"one password among {extensions}: {alone:.2f} ms ({min(one):.2f} to {max(one):.2f})")
    print(
        f"the same by reading everything: {all_:.2f} ms ({min(before):.2f} to {max(before):.2f})"
    )
    print(f"ratio: {all_ / alone:.0f}")


async def _change(dsn: str, engine: Engine, extension: str) -> float:
    """Milliseconds of the loop from the notification to the end of the push."""

    async def work(tx: db.Tx) -> None:
        domain_uuid = await tx.fetchval("SELECT domain_uuid FROM domains WHERE name = $1", DOMAIN)
        await devices.set_password(tx, domain_uuid, extension, "default")

    engine.pushed.clear()
    asked = len(engine.link.asked)
    began = time.thread_time()
    await asyncio.gather(reading.in_thread(dsn, work), engine.pushed.wait())
    spent = _since(began)
    pushed = engine.link.asked[asked:]
    objects = [each for each in pushed if "config" in each]
    assert objects == [f"PUT asterisk/config/dynamic/res_pjsip/auth/{extension}@{DOMAIN}"], pushed
    return spent


async def _everything(database: db.Database) -> float:
    """Milliseconds of the loop to read, build and compare all objects on it."""
    began = time.thread_time()
    async with database.connection() as tx:
        read = await reading.everything(tx, reading.Source(NODE, MasterKey(SECRET.encode())))
    inventory = Inventory([], "", "", provisioning.SwitchConfig())
    inventory.apply(read)
    provisioning.changes(inventory.objects(), inventory.objects())
    return _since(began)


def _since(began: float) -> float:
    return (time.thread_time() - began) * 1000


async def _fill(database: db.Database, extensions: int) -> None:
    """A domain with so many extensions."""
    domain_uuid, last = ids.new(), FIRST + extensions - 1
    async with database.transaction() as tx:
        insert = "INSERT INTO domains (domain_uuid, name) VALUES ($1, $2)"
        await tx.execute(insert, domain_uuid, DOMAIN)
        for columns, values in (
            ("dialables (domain_uuid, number, kind)", "n::text, 'extension'"),
            ("extensions (domain_uuid, extension)", "n::text"),
            (
                "devices (domain_uuid, extension, digest_md5, digest_sha256)",
                "n::text, md5(n::text), md5(n::text)",
            ),
        ):
            numbers = "generate_series($2::int, $3) AS n"
            await tx.execute(
                f"INSERT INTO {columns} SELECT $1, {values} FROM {numbers}",  # noqa: S608
                domain_uuid,
                FIRST,
                last,
            )
