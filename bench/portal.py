"""The portal of a large domain: what its first page costs the server, beside a page of the API
alone; and how soon an event of the switch is seen on the wall.

    python -m bench portal [--records 1000000] [--calls 20] [--rounds 7]

First paint: Chromium opens the calls of a domain with so many records, and tells which requests
that took. The same are made again over one connection, one after the other, as no browser does;
their times are added, median and worst of the rounds. The limit is LIMIT_MS.

The wall: a carrier (SIPp) calls a hotline each second, a phone (SIPp) answers, and hangs up after
a second. From the time that Asterisk writes into its event of the new channel, and of the end of
it, to the frame after the one in which Chromium has drawn the change. Both read the same clock.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import msgspec

from bench import company, search
from bench import rig as rigs
from bench.report import quantile, table
from bench.rig import Rig
from testbed.until import until
from testbed.visitor import Visitor, visiting

LIMIT_MS, WALL_MS = 100.0, 300.0
SETTLE_S = 60.0
WATCH = """
  (() => {
    const seen = new Set();
    window.changes = [];
    const now = () => performance.timeOrigin + performance.now();
    const numbers = () => new Set([...document.querySelectorAll('.calls tbody tr')].map(
      (row) => row.cells[1].innerText.trim().split(/\\s/)[0]));
    const drawn = (what, number) => requestAnimationFrame(() => requestAnimationFrame(
      () => window.changes.push({what, number, at: now()})));
    new MutationObserver(() => {
      const there = numbers();
      for (const one of there) if (!seen.has(one)) drawn('begins', one), seen.add(one);
      for (const one of seen) if (!there.has(one)) drawn('ends', one), seen.delete(one);
    }).observe(document.body, {childList: true, subtree: true, characterData: true});
  })()
"""
ASKED = """
  performance.getEntriesByType('resource').map((one) => one.name)
    .filter((one) => one.startsWith(location.origin))
"""


class Change(msgspec.Struct, frozen=True):
    """A call to that number begins or ends; `at` is Unix time in milliseconds."""

    what: str
    number: str
    at: float


class Channel(msgspec.Struct, frozen=True):
    id: str
    name: str
    dialplan: dict[str, object]


class Event(msgspec.Struct, frozen=True):
    """An event of ARI."""

    type: str
    timestamp: str = ""
    channel: Channel | None = None


def main(records: int = search.RECORDS, calls: int = 20, rounds: int = search.ROUNDS) -> None:
    """Prints both tables."""
    asyncio.run(_run(records, calls, rounds))


async def _run(records: int, calls: int, rounds: int) -> None:
    async with rigs.rig() as rig:
        (made,) = await company.found(rig, 1, calls, recording=False)
        await search.add(rig.postgres.dsn, made.domain, records)
        async with rig.up(), _browser(rig, made) as visitor:
            await _first_paint(rig, made, visitor, records, rounds)
            company.register(rig, [made])
            async with rigs.phones(rig):
                await _wall(rig, made, visitor, calls)


@asynccontextmanager
async def _browser(rig: Rig, made: company.Company) -> AsyncIterator[Visitor]:
    """The company's administrator has signed in."""
    temporary = tempfile.TemporaryDirectory(prefix="tongdai-bench-", ignore_cleanup_errors=True)
    with temporary as folder:
        async with visiting(Path(folder), rig.base_url) as visitor:
            await visitor.signs_in(f"admin@{made.domain.name}", company.PASSWORD)
            await visitor.prefers("en", "light")
            yield visitor


# --- first paint


async def _first_paint(
    rig: Rig, made: company.Company, visitor: Visitor, records: int, rounds: int
) -> None:
    await visitor.opens("/calls")
    await visitor.sees(".card tbody tr")
    page = [f"{rig.base_url}/calls", *await visitor.reads(ASKED)]
    token = await rig.token(made.api_key)
    alone = [next(each for each in page if "/v1/cdr" in each)]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _signs_in(session, rig, made)
        of_page, of_api = [], []
        for _ in range(rounds):
            of_page.append(await _asked(session, page, {"X-Requested-With": "bench"}))
            of_api.append(await _asked(session, alone, {"Authorization": f"Bearer {token}"}))
    rows = [
        _row(f"the calls of the portal, {len(page)} requests", of_page, LIMIT_MS),
        _row("the page of records alone, by token", of_api, LIMIT_MS),
    ]
    title = f"First paint of a domain of {records:,} calls: time of the server"
    table(title, ("", "p50", "worst", "limit"), rows)


async def _signs_in(session: aiohttp.ClientSession, rig: Rig, made: company.Company) -> None:
    body = {"username": f"admin@{made.domain.name}", "password": company.PASSWORD}
    headers = {"X-Requested-With": "bench"}
    async with session.post(f"{rig.base_url}/v1/session", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()


async def _asked(
    session: aiohttp.ClientSession, urls: Sequence[str], headers: dict[str, str]
) -> float:
    """Milliseconds that all of them took."""
    began = time.perf_counter()
    for url in urls:
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 200, (url, await answer.text())
            await answer.read()
    return (time.perf_counter() - began) * 1000


# --- the wall


async def _wall(rig: Rig, made: company.Company, visitor: Visitor, calls: int) -> None:
    await visitor.opens("/")
    await visitor.sees("[role=status]", "Live")
    await visitor.reads(WATCH)
    async with _events(rig) as happened:
        told = await rigs.call(rig, rigs.CARRIER, list(made.hotlines), rate=1, seconds=calls)
        assert told.successful == calls, f"{told.failed} of {calls} calls failed"
        seen = await _seen(visitor, 2 * calls)
    rows = []
    for what in ("begins", "ends"):
        began = {each.number: each.at for each in happened if each.what == what}
        shown = {each.number: each.at for each in seen if each.what == what}
        assert began.keys() == shown.keys(), (what, began, shown)
        rows.append(_row(f"a call {what}", [shown[each] - began[each] for each in began], WALL_MS))
    table("From the switch's event to the pixel", ("", "p50", "worst", "limit"), rows)


async def _seen(visitor: Visitor, count: int) -> list[Change]:
    """The changes on the wall, once there are so many."""

    async def all_of_them() -> bool:
        return bool(await visitor.reads("window.changes.length") >= count)

    await until(all_of_them, SETTLE_S)
    return msgspec.convert(await visitor.reads("window.changes"), list[Change])


@asynccontextmanager
async def _events(rig: Rig) -> AsyncIterator[list[Change]]:
    """What Asterisk says meanwhile of channels of the carrier, by an ARI connection of our own."""
    url = f"{rig.asterisk.url}/ari/events?app=bench-portal&subscribeAll=true"
    found: list[Change] = []
    given = aiohttp.BasicAuth(rig.asterisk.user, rig.asterisk.password)
    async with (
        aiohttp.ClientSession(auth=given) as session,
        session.ws_connect(url) as socket,
    ):
        reading = asyncio.create_task(_read(socket, found))
        try:
            yield found
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


async def _read(socket: aiohttp.ClientWebSocketResponse, found: list[Change]) -> None:
    numbers: dict[str, str] = {}  # that channels called, by their id
    async for message in socket:
        event = msgspec.json.decode(message.data, type=Event)
        if event.channel is None:
            continue
        channel, at = event.channel, _milliseconds(event.timestamp)
        number = str(channel.dialplan.get("exten", ""))
        if event.type == "ChannelCreated" and number.startswith("0"):
            numbers[channel.id] = number
            found.append(Change("begins", number, at))
        elif event.type == "ChannelDestroyed" and channel.id in numbers:
            found.append(Change("ends", numbers.pop(channel.id), at))


def _milliseconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp() * 1000


def _row(name: str, milliseconds: Sequence[float], limit: float) -> tuple[str, str, str, str]:
    known = sorted(milliseconds)
    middle, worst = quantile(known, 0.5), known[-1]
    return name, f"{middle:.0f} ms", f"{worst:.0f} ms", f"{limit:.0f} ms"
