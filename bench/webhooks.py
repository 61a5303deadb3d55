"""Webhook delivery beside a bare aiohttp loop that posts the same signed bodies to the same
receiver.

    python -m bench.webhooks [8000]

Deliveries a second, one dispatcher on one core, events preloaded, each outcome stored (G7); the
time from commit to the receiver at a steady 200 events a second (G9); and the same while a tenth
of the events goes to an endpoint that accepts connections and never answers (G8). PostgreSQL and
the receiver share the other core; all on loopback.
"""

import asyncio
import contextlib
import os
import shutil
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import aiohttp
import uvloop

from tongdai import dialects, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.store import db, domains, migrate, outbox, server, subscriptions
from tongdai.webhooks import sign
from tongdai.webhooks.client import Client
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.guard import Guard

NAMES: tuple[events.EventName, ...] = ("ringing", "answered", "hangup", "cdr")
SEAL = MasterKey(bytes(32))
ROUNDS = 3


# --- the receiver: a process of its own, as small as can be


class Receiver(asyncio.Protocol):
    """Responds 204 to each POST and notes when its event came. HEAD returns the notes and clears
    them.
    """

    came: ClassVar[list[bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            if head.startswith(b"head"):
                return self.tell()
            size = end + 4 + int(_header(head, b"content-length:"))
            if len(self.buffer) < size:
                return None
            self.buffer = self.buffer[size:]
            self.came.append(
                struct.pack("!16sd", UUID(_header(head, b"webhook-id:").decode()).bytes, now)
            )
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]
        return None

    def tell(self) -> None:
        notes = b"".join(self.came)
        self.came.clear()
        self.transport.write(b"%d\n" % len(notes) + notes)  # type: ignore[attr-defined]
        self.transport.close()


def _header(head: bytes, name: bytes) -> bytes:
    start = head.index(name) + len(name)
    end = head.find(b"\r", start)
    return head[start : end if end >= 0 else None].strip()


class BlackHole(asyncio.Protocol):
    """Accepts connections, and never responds."""


async def receive() -> None:
    loop = asyncio.get_running_loop()
    good = await loop.create_server(Receiver, "127.0.0.1", 0)
    bad = await loop.create_server(BlackHole, "127.0.0.1", 0)
    print(good.sockets[0].getsockname()[1], bad.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until our parent closes it


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[int, int]]:
    """The ports of a receiver and of a black hole, in another process on core 0."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.webhooks", "receive"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert process.stdin
    good, bad = (await process.stdout.readline()).split()
    yield int(good), int(bad)
    process.stdin.close()
    await process.wait()


async def arrivals(port: int) -> dict[UUID, float]:
    """When each event came first (time.monotonic, the same for all processes of a machine), since
    the last call.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
    notes = await reader.readexactly(int(await reader.readline()))
    writer.close()
    came: dict[UUID, float] = {}
    for event, at in struct.iter_unpack("!16sd", notes):
        came.setdefault(UUID(bytes=event), at)
    return came


# --- what is delivered


async def subscribed(
    database: db.Database, count: int, port: int, path: str = "hook"
) -> list[directory.Domain]:
    """New domains, each with one URL for four events, as CRMs do it."""
    made = []
    for n in range(count):
        async with database.transaction() as tx:
            made.append(await domains.insert(tx, f"{ids.new().hex}.vn"))
            for name in NAMES:
                url = f"http://127.0.0.1:{port}/{path}/{n}"
                await subscriptions.insert(
                    tx,
                    made[-1].domain_uuid,
                    SEAL,
                    event_name=name,
                    callback_url=url,
                    callback_apikey="Bearer token",
                )
    return made


def calls(of: Sequence[directory.Domain], count: int) -> Iterator[list[events.Event]]:
    """The four events of each call."""
    for n in range(count):
        domain, call = of[n % len(of)], ids.new()
        yield [
            events.Event(
                ids.new(),
                domain.domain_uuid,
                call,
                name,
                events.CallFacts(
                    domain=domain.name,
                    call_id=call,
                    sip_call_id=call.hex,
                    conversation_id=call,
                    direction="outbound",
                    from_number="101",
                    to_number="0899888999",
                    hotline="19001919",
                    time_started=datetime.now(UTC),
                    duration=10,
                    billsec=5,
                    recording_url=f"http://recording.example.vn/{call}",
                ),
            )
            for name in NAMES
        ]


async def publish(database: db.Database, published: Sequence[events.Event]) -> None:
    async with database.transaction() as tx:
        await outbox.publish_many(tx, published)


async def outstanding(database: db.Database) -> int:
    async with database.connection() as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM deliveries")
        return count


# --- the contests


async def bare(port: int, count: int) -> tuple[float, float]:
    """Posts a second of 64 tasks that only sign and post, and microseconds of CPU for each.
    Nothing is stored.
    """
    bodies = iter(
        [
            body
            for call in calls([directory.Domain(ids.new(), "x.vn")], count // 4)
            for body in call
        ]
    )
    key = bytes(32)
    connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as web:

        async def work() -> None:
            for event in bodies:
                body = dialects.event_of("v1", event)
                headers = sign.headers(event.event_uuid, int(time.time()), body, [key])
                headers |= {"Authorization": "Bearer token", "Content-Type": "application/json"}
                async with web.post(
                    f"http://127.0.0.1:{port}/hook", data=body, headers=headers
                ) as answer:
                    await answer.read()

        started, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(64)))
        return count / (time.perf_counter() - started), (time.process_time() - busy) / count * 1e6


async def ours(
    database: db.Database, client: Client, of: list[directory.Domain], count: int
) -> tuple[float, float]:
    """Deliveries a second of preloaded events until the last outcome is stored, and microseconds
    of our CPU for each.
    """
    batch: list[events.Event] = []
    for call in calls(of, count // 4):
        batch += call
        if len(batch) >= 2000:
            await publish(database, batch)
            batch = []
    await publish(database, batch)
    async with database.connection() as tx:
        await tx.execute("ANALYZE")
    dispatcher = Dispatcher(database, SEAL, client)
    started, busy = time.perf_counter(), time.process_time()
    running = asyncio.create_task(dispatcher.run())
    while await outstanding(database):  # noqa: ASYNC110  only the database knows
        await asyncio.sleep(0.02)
    taken, busy = time.perf_counter() - started, time.process_time() - busy
    dispatcher.stop()
    await running
    return count / taken, busy / count * 1e6


async def latencies(
    database: db.Database,
    client: Client,
    port: int,
    of: list[directory.Domain],
    *,
    rate: int,
    seconds: int,
) -> tuple[list[float], float]:
    """Sorted seconds from commit to arrival, and the part that came, at `rate` events a second."""
    await arrivals(port)
    dispatcher = Dispatcher(database, SEAL, client)
    running = asyncio.create_task(dispatcher.run())
    committed: dict[UUID, float] = {}
    started = time.monotonic()
    for n, call in enumerate(calls(of, rate * seconds)):
        if (wait := started + n / rate - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        await publish(database, call[:1])
        committed[call[0].event_uuid] = time.monotonic()
        dispatcher.wake([call[0].domain_uuid])
    await asyncio.sleep(1)
    came = await arrivals(port)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    healthy = [event for event in committed if event in came]
    return sorted(came[event] - committed[event] for event in healthy), len(came) / len(committed)


async def isolated(
    database: db.Database, client: Client, good: int, bad: int, *, rate: int, seconds: int
) -> tuple[list[float], float]:
    """As `latencies`, where one domain of ten has an endpoint that hangs. The share is of the
    others' events.
    """
    of = await subscribed(database, 9, good, "isolated") + await subscribed(
        database, 1, bad, "hole"
    )
    times, share = await latencies(database, client, good, of, rate=rate, seconds=seconds)
    return times, share / 0.9


async def contest(good: int, bad: int, dsn: str, count: int) -> None:
    await migrate.apply(dsn)
    database = db.Database(dsn, is_busy=True)
    await database.open()
    async with Client(Guard(["127.0.0.0/8"]), "bench") as client:
        spread, single = (
            await subscribed(database, 16, good),
            await subscribed(database, 1, good, "single"),
        )
        rates = [
            (
                await bare(good, count),
                await ours(database, client, spread, count),
                await ours(database, client, single, count),
            )
            for _ in range(ROUNDS)
        ]
        runs = zip(*rates, strict=True)
        limit, many, one = (
            [statistics.median(part) for part in zip(*run, strict=True)] for run in runs
        )
        table(
            f"Webhooks: {count} deliveries preloaded, median of {ROUNDS} rounds",
            ("", "a second", "of the loop (G7)", "CPU each", "the loop's / this"),
            [
                ("bare aiohttp loop, 64 in flight, nothing stored", *_beside(limit, limit)),
                ("tongdai, 16 endpoints, every outcome stored", *_beside(many, limit)),
                ("tongdai, one endpoint", *_beside(one, limit)),
            ],
        )
        calm, came = await latencies(database, client, good, spread, rate=200, seconds=10)
        held, share = await isolated(database, client, good, bad, rate=200, seconds=10)
        table(
            "Webhooks: commit to receiver at 200 events a second",
            ("", "p50", "p99", "delivered"),
            [
                ("all endpoints healthy (G9)", *both(calm), f"{came:.1%}"),
                (
                    "healthy ones, a tenth of the events for a black hole (G8)",
                    *both(held),
                    f"{share:.1%}",
                ),
                (
                    "with / without",
                    *(f"{quantile(held, q) / quantile(calm, q):.2f}" for q in (0.5, 0.99)),
                    "",
                ),
            ],
        )
    await database.close()


def _beside(run: Sequence[float], limit: Sequence[float]) -> tuple[str, str, str, str]:
    (rate, cpu), (most, least) = run, limit
    return f"{rate:.0f}", f"{rate / most:.2f}", f"{cpu:.0f} µs", f"{least / cpu:.2f}"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints it in Markdown, columns aligned."""
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    print(f"\n### {title}\n")
    for row in (header, ["-" * width for width in widths], *rows):
        print(
            "| "
            + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            + " |"
        )


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values."""
    return values[min(int(len(values) * share), len(values) - 1)]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def both(times: Sequence[float]) -> tuple[str, str]:
    return milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.99))


async def compete(count: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    folder = Path(tempfile.mkdtemp(prefix="tongdai-bench-"))
    os.sched_setaffinity(0, cores[:1])  # PostgreSQL inherits it
    postgres = await server.start(folder / "postgres")
    os.sched_setaffinity(0, cores[-1:])
    try:
        async with receiver() as (good, bad):
            await contest(good, bad, postgres.dsn, count)
    finally:
        await postgres.stop()
        await asyncio.to_thread(shutil.rmtree, folder)


def main(deliveries: int = 8000) -> None:
    uvloop.run(compete(deliveries))


if __name__ == "__main__":
    uvloop.run(receive()) if sys.argv[1:] == ["receive"] else main(*map(int, sys.argv[1:]))
