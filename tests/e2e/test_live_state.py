"""Live state as a dashboard sees it: one stream, through calls, a queue and registrations, and
over an interruption.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from testbed.company import HOTLINE, Company
from testbed.phones import Talk, talk

CUSTOMER = "0909000111"
WAIT_S = 20.0
KINDS = {"calls": "id", "queues": "number", "agents": "extension", "registrations": "extension"}
Things = dict[str, dict[str, Any]]


class Dashboard:
    """What a client knows that only applies the events."""

    def __init__(self, answer: aiohttp.ClientResponse, things: Things | None = None) -> None:
        self._answer = answer
        self.things: Things = things or {kind: {} for kind in KINDS}
        self.last_id, self.names = "", list[str]()

    async def shows(self, what: Callable[[Things], object]) -> None:
        """Applies events until it shows that."""
        async with asyncio.timeout(WAIT_S):
            while not what(self.things):
                await self._next()

    async def _next(self) -> None:
        lines: dict[str, str] = {}
        while line := (await self._answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(":")
            lines[name] = value.strip()
        self.last_id = lines.get("id", self.last_id)
        if "data" in lines:
            self.names.append(lines["event"])
            self._apply(lines["event"], msgspec.json.decode(lines["data"]))

    def _apply(self, name: str, data: dict[str, Any]) -> None:
        for kind, key in KINDS.items():
            known = {} if name == "state" else self.things[kind]
            known |= {one[key]: one for one in data.get(kind, ())}
            for gone in data.get("gone", {}).get(kind, ()):
                known.pop(gone, None)
            self.things[kind] = known


@asynccontextmanager
async def dashboard(company: Company, before: Dashboard | None = None) -> AsyncIterator[Dashboard]:
    headers = {"Authorization": f"Bearer {company.api.token}", "Accept": "text/event-stream"}
    if before:
        headers["Last-Event-ID"] = before.last_id
    limit = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(headers=headers, timeout=limit) as session,
        session.get(f"{company.api.base_url}/v1/live") as answer,
    ):
        assert answer.status == 200, await answer.text()
        yield Dashboard(answer, before.things if before else None)


def states(now: Things) -> list[str]:
    return [call["state"] for call in now["calls"].values()]


def agent(now: Things) -> str:
    return str(now["agents"].get("101", {}).get("state"))


def waiting(now: Things) -> list[tuple[str, str]]:
    return [(each["number"], each["agent"]) for each in now["queues"]["700"]["waiting"]]


async def test_a_dashboard_follows_a_queue(company: Company) -> None:
    await company.add_queue("700", "101")
    async with company.carrier() as carrier, dashboard(company) as seen:
        await seen.shows(lambda now: agent(now) == "away")
        async with company.phone("101") as alice:
            await seen.shows(lambda now: agent(now) == "free")
            await seen.shows(lambda now: "101" in now["registrations"])
            customer = await carrier.calls(HOTLINE, CUSTOMER)
            await customer.answered()
            ring = await alice.rings()
            await seen.shows(lambda now: waiting(now) == [(CUSTOMER, "101")])
            await seen.shows(lambda now: agent(now) == "ringing")
            await ring.answer()
            await seen.shows(lambda now: agent(now) == "busy")
            await seen.shows(lambda now: states(now) == ["talking"])
            assert waiting(seen.things) == []
            await talk(ring, customer)
            await customer.hang_up()
            await ring.over()
            await seen.shows(lambda now: states(now) == [])
            assert await alice.register(expires_s=0)
            await seen.shows(lambda now: "101" not in now["registrations"])
            assert set(seen.names[1:]) == {"changes"}


async def test_a_dashboard_comes_back(company: Company) -> None:
    """It gets what it missed, and not the whole state again."""
    async with (
        company.phone("101") as alice,
        company.carrier() as carrier,
        dashboard(company) as before,
    ):
        await before.shows(lambda now: "101" in now["registrations"])
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await before.shows(lambda now: states(now) == ["ringing"])
        async with dashboard(company) as other:
            await other.shows(lambda now: states(now) == ["ringing"])
            await comes_back(company, before, other, ring, customer)


async def comes_back(
    company: Company, before: Dashboard, other: Dashboard, ring: Talk, customer: Talk
) -> None:
    await ring.answer()
    await customer.answered()
    await other.shows(lambda now: states(now) == ["talking"])
    async with dashboard(company, before) as after:
        await after.shows(lambda now: states(now) == ["talking"])
        assert after.names == ["changes"]
        await customer.hang_up()
        await ring.over()
        await after.shows(lambda now: states(now) == [])


async def test_the_state_once(company: Company) -> None:
    async with company.phone("101"):
        state = (await company.api.get("/v1/live")).json
        assert [trunk["name"] for trunk in state["trunks"]] == [company.trunk.name]
        assert state["calls"] == []
        assert [each["extension"] for each in state["registrations"]] == ["101"]
