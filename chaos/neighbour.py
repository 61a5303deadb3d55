"""A tenant whose receivers never answer, or never finish, and what the others notice of it.

800 URLs that accept and never answer get an event each; 60 times a second an event is sent again
to a URL that is new; 300 subscriptions name hosts that do not exist. Then 20 receivers answer
without end, as far as this scenario goes: each says so much for a connection, and no more.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
import msgspec

from bench.webhooks import quantile
from chaos import observations, stand
from chaos.report import Figure, at_most
from testbed.receivers import Received, Receiver, listening, receiving, silence
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.store import db, domains, outbox, subscriptions, users

PROMISED_S = 1.0
DELAYED = 1.2  # a call's set-up beside hostile receivers, by that without
NAME, PASSWORD = "crowd.example.vn", "a password of the crowd's own"
_BLOCK = b"X-Padding: " + b"x" * 1000 + b"\r\n"


class Size(msgspec.Struct, frozen=True):
    """`resends`, `events` and `calls`: per second, for `seconds`."""

    silent: int = 800
    resends: float = 60.0
    unknown: int = 300
    hostile: int = 20
    events: float = 10.0
    calls: float = 4.0
    seconds: float = 20.0


class Tenant(msgspec.Struct, frozen=True):
    """A domain, and a token of its admin."""

    domain: directory.Domain
    token: str


async def run(on: stand.Stand, size: Size) -> list[Figure]:
    """Also what is promised of them."""
    master_key = MasterKey((on.instance.data / "secret").read_text().strip().encode())
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(observations.opened(on.dsn))
        crowd, hostile, other = [
            await _tenant(on, database, master_key, f"{which}.{NAME}") for which in ("a", "b", "c")
        ]
        good = await stack.enter_async_context(receiving())
        hole = await stack.enter_async_context(listening(silence))
        never = await stack.enter_async_context(listening(_without_end))
        await _subscribe(database, master_key, other.domain, [good.url])
        calm = await _latencies(database, other.domain, good, size)
        before = await _set_up_s(on, size)

        urls = [f"{hole.url}/{n}" for n in range(size.silent)]
        urls += [f"http://n{n}.neighbour.invalid/hook" for n in range(size.unknown)]
        hooks = await _subscribe(database, master_key, crowd.domain, urls)
        async with _resending(on, database, crowd, hooks[0], hole.url, size.resends):
            crowded = await _latencies(database, other.domain, good, size)
        fresh = await _first_delivery(database, master_key, other.domain, good)

        urls = [f"{never.url}/{n}" for n in range(size.hostile)]
        await _subscribe(database, master_key, hostile.domain, urls)
        async with _busy(database, hostile.domain):
            attacked = await _latencies(database, other.domain, good, size)
            beside = await _set_up_s(on, size)
        tried = never.connections
    return [
        Figure("others' events, p99, before", f"{quantile(calm, 0.99):.2f} s"),
        at_most("the same beside silent, unknown and ever new URLs", quantile(crowded, 0.99), 1.0),
        at_most("another's new URL beside them, first delivery", fresh, PROMISED_S),
        Figure("POSTs to receivers that never finish", str(tried), "> 0", is_kept=tried > 0),
        at_most("others' events, p99, beside those", quantile(attacked, 0.99), PROMISED_S),
        Figure("a call from INVITE to answer, median, before", f"{before * 1000:.0f} ms"),
        at_most("the same beside those, by that before", beside / before, DELAYED, ""),
    ]


async def _tenant(
    on: stand.Stand, database: db.Database, master_key: MasterKey, name: str
) -> Tenant:
    async with database.transaction() as tx:
        domain = await domains.insert(tx, name)
        await users.insert(tx, domain.domain_uuid, master_key, "admin", PASSWORD)
    url, account = f"http://{on.instance.http}/v1/auth", f"admin@{name}"
    async with aiohttp.ClientSession() as session:
        login = {"username": account, "password": PASSWORD}
        async with session.post(url, json=login) as answer:
            key = {"api_key": (await answer.json())["data"]["api_key"]}
        async with session.post(f"{url}/token", json=key) as answer:
            return Tenant(domain, str((await answer.json())["data"]["token"]))


async def _subscribe(
    database: db.Database, master_key: MasterKey, domain: directory.Domain, urls: list[str]
) -> list[UUID]:
    """Each URL is subscribed to `ringing`, past the API and its limit."""
    made = []
    async with database.transaction() as tx:
        for url in urls:
            one = await subscriptions.insert(
                tx,
                domain.domain_uuid,
                master_key,
                event_name="ringing",
                callback_url=url,
                most=1_000_000,
            )
            made.append(one.subscription_uuid)
    return made


async def _publish(database: db.Database, domain: directory.Domain) -> UUID:
    """An event of the domain, committed; its id."""
    call = ids.new()
    facts = events.CallFacts(
        domain=domain.name,
        call_id=call,
        sip_call_id=call.hex,
        conversation_id=call,
        direction="inbound",
        from_number="0899888999",
        to_number="101",
        hotline="19001919",
        time_started=datetime.now(UTC),
    )
    event = events.Event(ids.new(), domain.domain_uuid, call, "ringing", facts)
    async with database.transaction() as tx:
        await outbox.publish_many(tx, [event])
    return event.event_uuid


async def _latencies(
    database: db.Database, domain: directory.Domain, good: Receiver, size: Size
) -> list[float]:
    """Sorted seconds from each commit to the POST. No process is woken: it is found by looking."""
    came: dict[str, float] = {}

    def note(request: Received) -> int:
        came.setdefault(request.headers["webhook-id"], time.monotonic())
        return 200

    good.answer = note
    committed: dict[str, float] = {}
    for _ in range(round(size.events * size.seconds)):
        committed[str(await _publish(database, domain))] = time.monotonic()
        await asyncio.sleep(1 / size.events)
    deadline = time.monotonic() + 90
    while committed.keys() - came.keys() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    now = time.monotonic()
    return sorted(came.get(event, now) - at for event, at in committed.items())


async def _first_delivery(
    database: db.Database, master_key: MasterKey, domain: directory.Domain, good: Receiver
) -> float:
    """Seconds until an event is at a URL that was never tried."""
    is_there = asyncio.Event()

    def note(request: Received) -> int:
        if request.path.endswith("/new"):
            is_there.set()
        return 200

    good.answer = note
    await _subscribe(database, master_key, domain, [f"{good.url}/new"])
    await _publish(database, domain)
    began = time.monotonic()
    async with asyncio.timeout(90):
        await is_there.wait()
    return time.monotonic() - began


@asynccontextmanager
async def _resending(  # noqa: PLR0917 -- who sends what again, and where
    on: stand.Stand, database: db.Database, crowd: Tenant, hook: UUID, url: str, rate: float
) -> AsyncIterator[None]:
    """An event is sent again meanwhile, so often a second, each time to another URL."""
    event = await _publish(database, crowd.domain)
    path = f"http://{on.instance.http}/v1/event/{hook}/resend"
    headers = {"Authorization": f"Bearer {crowd.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def resend(n: int) -> None:
            body = {"webhook_id": str(event), "url": f"{url}/again/{n}"}
            async with session.post(path, json=body) as answer:
                assert answer.status == 200, await answer.text()

        async with _repeated(resend, rate):
            yield


@asynccontextmanager
async def _busy(database: db.Database, domain: directory.Domain) -> AsyncIterator[None]:
    """The domain has an event each second meanwhile."""

    async def publish(_: int) -> None:
        await _publish(database, domain)

    async with _repeated(publish, 1.0):
        yield


@asynccontextmanager
async def _repeated(step: Callable[[int], Awaitable[None]], rate: float) -> AsyncIterator[None]:
    async def repeat() -> None:
        n = 0
        while True:
            n += 1
            await step(n)
            await asyncio.sleep(1 / rate)

    repeating = asyncio.create_task(repeat())
    try:
        yield
        assert not repeating.done(), repeating.exception()
    finally:
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)


async def _without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A few interim responses, then a megabyte of headers: it never comes to a body."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 4 + b"HTTP/1.1 200 OK\r\n")
    for _ in range(1000):
        writer.write(_BLOCK)
        await writer.drain()


async def _set_up_s(on: stand.Stand, size: Size) -> float:
    """Median seconds from INVITE to answer as callers see it; phones answer at once."""
    folder = on.folder / f"calls-{ids.new().hex}"
    folder.mkdir()
    on.run = folder
    number = round(size.calls * size.seconds / 2)
    async with on.calls(size.calls, 1, number) as callers:
        await callers.over(size.seconds + 60)
    calls = observations.calls_of(sorted(folder.glob("caller*.calls")))
    return statistics.median(call.answered - call.offered for call in calls if call.answered)


async def main(size: Size = Size()) -> list[Figure]:  # noqa: B008 -- frozen
    async with stand.private(4) as on:
        return await run(on, size)
