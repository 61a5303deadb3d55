"""A page of 10 CDRs over HTTP with token, beside raw ASGI with the same bytes, and beside asyncpg
+ msgspec alone (G4).

    python -m bench cdrs

Both servers are one uvicorn process on a core of their own; the client, 16 connections that stay
open, has the other, with PostgreSQL. tongdai logs every request, to a file. Two workers have both
cores, so only their CPU can be compared. The loop without HTTP asks one page after the other on
one connection. CPU is the server processes' own, so that it says something on a busy machine too.

Beside it: what rendering records costs, and what keeping their text would save.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import uvicorn
import uvloop

from bench import rig
from bench.report import table
from testbed import samples
from tongdai import api, api_workers, dialects, ids, logs
from tongdai.api.tokens import Tokens
from tongdai.dialects import v1
from tongdai.encryption import MasterKey
from tongdai.pbx import cdr
from tongdai.phone_files import SipServer
from tongdai.recording_files import LocalFolder
from tongdai.settings import Settings
from tongdai.store import cdrs, db, domains, migrate, server, users
from tongdai.store.tenants import Tenants

CALLS = 10_000
CONNECTIONS, SECONDS, ROUNDS = 16, 2.0, 3
MASTER = b"a master key of the benchmarks, no secret"
PORTS = {"tongdai": 28_771, "raw ASGI": 28_772, "tongdai, two workers": 28_773}
HOST = "127.0.0.1"
SERVERS = max(os.sched_getaffinity(0))  # the core of the one that is asked


class Rate(NamedTuple):
    """Pages a second, and milliseconds of CPU that the server spent on each."""

    pages: float
    cpu_ms: float


def main() -> None:
    """Prints the table."""
    uvloop.run(_run())
    _render()


async def _run() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # PostgreSQL inherits it
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres")
        try:
            await _contest(running.dsn, folder)
        finally:
            await running.stop()


async def _contest(dsn: str, folder: str) -> None:
    token = await _fill(dsn)
    ask = f"GET /v1/cdr HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    spawn = multiprocessing.get_context("spawn")
    ours = spawn.Process(target=serve_api, args=(dsn, folder), daemon=True)
    ours.start()
    page = await _first(PORTS["tongdai"], ask)
    raw = spawn.Process(target=_serve_raw, args=(page,), daemon=True)
    raw.start()
    await _first(PORTS["raw ASGI"], ask)
    workers = spawn.Process(target=_serve_workers, args=(dsn, folder))  # it has children
    workers.start()
    await _first(PORTS["tongdai, two workers"], ask)
    contestants = dict(zip(PORTS, (ours, raw, workers), strict=True))
    found: dict[str, list[Rate]] = {name: [] for name in (*PORTS, "asyncpg + msgspec, no HTTP")}
    try:
        for _ in range(ROUNDS):
            for name, process in contestants.items():
                found[name].append(await _rate(PORTS[name], ask, rig.family(process.pid or 0)))
            found["asyncpg + msgspec, no HTTP"].append(await _bare(dsn))
    finally:
        for process in contestants.values():
            process.terminate()
            process.join()
    medians = {name: sorted(rates)[ROUNDS // 2] for name, rates in found.items()}
    first = medians["tongdai"].pages
    rows = [
        (name, f"{pages:,.0f}", f"{first / pages:.2f}", f"{cpu:.3f} ms")
        for name, (pages, cpu) in medians.items()
    ]
    table("A page of 10 CDRs (G4)", ("", "pages/s", "tongdai / this", "CPU a page"), rows)


def _render() -> None:
    """Prints what it takes to make a page's JSON of rows that are there, in CPU of this process.

    The last row is a page whose records were kept as text: they are only joined.
    """
    view = dialects.View(ZoneInfo("Asia/Ho_Chi_Minh"), f"http://{HOST}/recordings/")
    encode = msgspec.json.Encoder().encode
    rows: list[tuple[str, str, str]] = []
    for count in (10, 500):
        records = [samples.recorded(ids.new()) for _ in range(count)]
        fields = [msgspec.structs.asdict(record) for record in records]
        rendered = [v1.record(record, view) for record in records]
        texts = [encode(each) for each in rendered]
        steps: dict[str, Callable[[], object]] = {
            "rows to facts": partial(_each, lambda row: cdr.Cdr(**row), fields),
            "facts to v1": partial(_each, partial(v1.record, view=view), records),
            "v1 to JSON": partial(encode, rendered),
            "text that was kept": partial(b",".join, texts),
        }
        for name, step in steps.items():
            spent = _cpu_us(step, 200_000 // count)
            rows.append((f"{count} records: {name}", f"{spent:.1f}", f"{spent / count:.2f}"))
    table("Rendering records", ("", "us", "us a record"), rows)


def _each(make: Callable[[Any], object], given: Sequence[Any]) -> list[object]:
    return [make(one) for one in given]


def _cpu_us(step: Callable[[], object], times: int) -> float:
    """Microseconds of CPU that the step takes, median of ROUNDS."""
    found = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(times):
            step()
        found.append((time.process_time() - before) / times * 1e6)
    return sorted(found)[ROUNDS // 2]


async def _fill(dsn: str) -> str:
    """10,000 calls of one domain; a token of its admin."""
    await migrate.apply(dsn)
    database, master_key = db.Database(dsn, size=2), MasterKey(MASTER)
    await database.open()
    async with database.transaction() as tx:
        domain = await domains.insert(tx, "bench.vn")
        account = await users.insert(
            tx, domain.domain_uuid, master_key, "admin", "a password of the benchmarks"
        )
        records = [samples.recorded(domain.domain_uuid) for _ in range(CALLS)]
        await cdrs.insert_many(tx, records)
        await tx.execute("ANALYZE")
    await database.close()
    return Tokens(master_key, 86_400).issue(
        account.domain_uuid, account.user_uuid, account.api_key_version
    )[0]


def serve_api(dsn: str, folder: str) -> None:
    """The API alone, on a core of its own, until the process is ended. Logs to a file."""
    os.sched_setaffinity(0, {SERVERS})

    async def serve() -> None:
        logs.configure(Settings())
        database, tenants = db.Database(dsn), Tenants(dsn)
        await database.open()
        await tenants.open()
        deps = api.Deps(
            database=database,
            tenants=tenants,
            master_key=MasterKey(MASTER),
            base_url=f"http://{HOST}",
            sip_server=SipServer(HOST.partition(":")[0], 5060, "udp"),
            recordings=LocalFolder(Path(folder)),
            callback_guard=lambda _: None,
        )
        await _uvicorn(api.create(deps), PORTS["tongdai"])

    with (Path(folder) / "tongdai.log").open("w", buffering=1) as sys.stderr:
        uvloop.run(serve())


def _serve_workers(dsn: str, folder: str) -> None:
    """The API by two workers, on any core, until the process is ended. Logs to a file."""
    settings = Settings(
        data=Path(folder),
        dsn=dsn,
        secret=MASTER.decode(),
        http=f"{HOST}:{PORTS['tongdai, two workers']}",
        workers=2,
        rate_domain=0,
        rate_address=0,
    )
    os.sched_setaffinity(0, range(os.cpu_count() or 1))

    async def serve() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        async with api_workers.started(settings):
            await ended.wait()

    with (Path(folder) / "workers.log").open("wb") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
        uvloop.run(serve())


def _serve_raw(page: bytes) -> None:
    async def answer(
        _scope: dict[str, Any], _receive: object, send: Callable[[object], Awaitable[None]]
    ) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(page)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    os.sched_setaffinity(0, {SERVERS})
    uvloop.run(_uvicorn(answer, PORTS["raw ASGI"]))


async def _uvicorn(application: Any, port: int) -> None:
    config = uvicorn.Config(
        application, host=HOST, port=port, loop="none", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


async def _rate(port: int, ask: bytes, pids: Sequence[int]) -> Rate:
    ends, cpu = time.perf_counter() + SECONDS, rig.cpu(pids)
    count = sum(await asyncio.gather(*(_asking(port, ask, ends) for _ in range(CONNECTIONS))))
    return Rate(count / SECONDS, (rig.cpu(pids) - cpu) * 1000 / count)


async def _asking(port: int, ask: bytes, ends: float) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    count = 0
    while time.perf_counter() < ends:
        await _page(reader, writer, ask)
        count += 1
    writer.close()
    return count


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: bytes) -> bytes:
    writer.write(ask)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise AssertionError(head.decode())
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def _first(port: int, ask: bytes) -> bytes:
    """The page, as soon as the server is there."""
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            page = await _page(reader, writer, ask)
            writer.close()
            return page


async def _bare(dsn: str) -> Rate:
    """The same rows, fetched and encoded by nothing but the libraries."""
    tx = await db.connect(dsn)
    query = """
        SELECT * FROM cdrs WHERE domain_uuid = $1
        ORDER BY time_started DESC, cdr_uuid DESC LIMIT 11
        """
    domain_uuid = await tx.fetchval("SELECT domain_uuid FROM domains")
    started, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() < started + SECONDS:
        msgspec.json.encode([dict(row) for row in await tx.fetch(query, domain_uuid)])
        count += 1
    used = time.process_time() - cpu
    await tx.close()
    return Rate(count / SECONDS, used * 1000 / count)
