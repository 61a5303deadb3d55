"""A file of all CDRs, as NDJSON and CSV, beside fetching and encoding the same rows in process
(P4).

    python -m bench export --records 200000

The records are those of `bench search`. The limit is one connection of asyncpg that goes through
the same index, 1,000 rows at a time, each as JSON by msgspec: columns as they are, no HTTP. Ours
is asked over HTTP by a client in this process, from an API on a core of its own. They take turns;
medians of ROUNDS. Memory is the API's resident set: after one page, and the largest seen while it
sends files.
"""

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import aiohttp
import msgspec
import psutil
import uvloop

from bench import cdrs, search
from bench.report import table
from tongdai.api import cdr_files
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.store import cdr_search, db, migrate, server, users
from tongdai.store.cdr_filter import FIRST, LAST

RECORDS, ROUNDS = 200_000, 3
LIMIT = "asyncpg + msgspec, no HTTP"
_AT_A_TIME = 1_000
_URL = f"http://{cdrs.HOST}:{cdrs.PORTS['tongdai']}/v1/cdr"


class Rate(NamedTuple):
    """Records a second, and microseconds of CPU that whoever renders them spent on each."""

    records: float
    cpu_us: float


def main(records: int = RECORDS) -> None:
    """Prints the table."""
    uvloop.run(_run(records))


async def _run(records: int) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # PostgreSQL inherits it
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres", {"max_wal_size": "4GB"})
        try:
            await migrate.apply(running.dsn)
            domain_uuid = await search.fill(running.dsn, records)
            token = await _token(running.dsn, domain_uuid)
            await _served(running.dsn, folder, partial(_contest, running.dsn, domain_uuid, token))
        finally:
            await running.stop()


async def _token(dsn: str, domain_uuid: UUID) -> str:
    database, master_key = db.Database(dsn, size=1), MasterKey(cdrs.MASTER)
    await database.open()
    async with database.transaction() as tx:
        account = await users.insert(tx, domain_uuid, master_key, "admin", "of the benchmarks")
    await database.close()
    tokens = Tokens(master_key, 86_400)
    return tokens.issue(domain_uuid, account.user_uuid, account.api_key_version)[0]


async def _served(
    dsn: str, folder: str, contest: Callable[[psutil.Process], Awaitable[None]]
) -> None:
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=cdrs.serve_api, args=(dsn, folder), daemon=True)
    process.start()
    try:
        await contest(psutil.Process(process.pid))
    finally:
        process.terminate()
        process.join()


async def _contest(dsn: str, domain_uuid: UUID, token: str, process: psutil.Process) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await _up(session)
        memory = [process.memory_info().rss]
        contestants: dict[str, Callable[[], Awaitable[int]]] = {
            LIMIT: partial(_bare, dsn, domain_uuid),
            "NDJSON": partial(_file, session, cdr_files.NDJSON, process, memory),
            "CSV": partial(_file, session, cdr_files.CSV, process, memory),
        }
        found: dict[str, list[Rate]] = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, contestant in contestants.items():
                of = psutil.Process() if name == LIMIT else process
                found[name].append(await _rate(contestant, of))
    medians = {name: _median(rates) for name, rates in found.items()}
    limit = medians[LIMIT]
    rows = [
        (name, f"{rate:,.0f}", f"{rate / limit.records:.2f}", f"{cpu:.1f} us")
        for name, (rate, cpu) in medians.items()
    ]
    heading = ("", "records/s", "/ in process", "CPU a record")
    table("A file of all CDRs (P4)", heading, rows)
    print(f"Memory of the API: {memory[0] / 2**20:.0f} MiB, then {max(memory) / 2**20:.0f} MiB")


async def _rate(contestant: Callable[[], Awaitable[int]], of: psutil.Process) -> Rate:
    began, cpu = time.perf_counter(), sum(of.cpu_times()[:2])
    count = await contestant()
    took, used = time.perf_counter() - began, sum(of.cpu_times()[:2]) - cpu
    return Rate(count / took, used / count * 1e6)


def _median(rates: list[Rate]) -> Rate:
    return Rate(*(statistics.median(each) for each in zip(*rates, strict=True)))


async def _up(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(_URL, params={"limit": 10}) as answer:
                    assert answer.status == 200, await answer.text()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def _file(
    session: aiohttp.ClientSession, kind: str, process: psutil.Process, memory: list[int]
) -> int:
    """The number of records in the file."""
    lines, pieces = 0, 0
    async with session.get(_URL, headers={"Accept": kind}) as answer:
        async for piece in answer.content.iter_any():
            lines, pieces = lines + piece.count(b"\n"), pieces + 1
            if pieces % 100 == 0:
                memory.append(process.memory_info().rss)
    return lines - (kind == cdr_files.CSV)


async def _bare(dsn: str, domain_uuid: UUID) -> int:
    encode = msgspec.json.Encoder().encode
    count, place = 0, (LAST, UUID(int=0))
    tx = await db.connect(dsn)
    try:
        while rows := await tx.fetch(cdr_search.NEWEST, domain_uuid, *place, FIRST, _AT_A_TIME):
            b"\n".join([encode(dict(row)) for row in rows])
            count, place = count + len(rows), (rows[-1]["time_started"], rows[-1]["cdr_uuid"])
    finally:
        await tx.close()
    return count
