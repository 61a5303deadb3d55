"""The engine publishes live state of the domains that somebody listens to, and of no others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import CUSTOMER, Company
from tests.engine.controllers import Controller
from tests.engine.test_commands import comes
from tongdai import ids
from tongdai.engine.live_state import LiveState
from tongdai.pbx.commands import ClickToCall
from tongdai.store import live_state

PROCESS = ids.new()


@pytest.fixture
async def publishing(controller: Controller, company: Company) -> AsyncIterator[LiveState]:
    made = LiveState(company.database, controller.engine)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with company.database.connection() as tx:
        await live_state.leave(tx, PROCESS)


async def want(company: Company, publishing: LiveState) -> None:
    async with company.database.connection() as tx:
        await live_state.want(tx, [company.uuid], PROCESS)
    publishing.wake()


async def published(company: Company) -> dict[str, dict[str, Any]]:
    """By kind and id."""
    async with company.database.connection() as tx:
        rows = await live_state.since(tx, {company.uuid: 0})
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.body is not None and row.kind != live_state.DOMAIN:
            found.setdefault(row.kind, {})[row.id] = msgspec.json.decode(row.body)
    return found


async def test_nothing_is_published_unless_somebody_listens(
    company: Company, publishing: LiveState, controller: Controller
) -> None:
    await controller.quiet()
    assert await published(company) == {}
    await want(company, publishing)
    await until(lambda: published(company))
    async with company.database.connection() as tx:
        await live_state.leave(tx, PROCESS)
    publishing.wake()

    async def is_void() -> bool:
        return not await published(company)

    await until(is_void)


async def test_calls_queues_agents_phones_and_trunks(
    asterisk: FakeAsterisk, company: Company, publishing: LiveState, controller: Controller
) -> None:
    for number in ("101", "102", "103"):
        asterisk.contacts[company.phone(number)] = ""
    await company.add_queue("700", "101", "102", wrap_up_s=30)
    controller.engine.directories.forget(str(company.uuid))
    await want(company, publishing)

    async def has(kind: str, name: str, **fields: Any) -> bool:
        thing = (await published(company)).get(kind, {}).get(name)
        return thing is not None and thing == thing | fields

    await until(lambda: has("queues", "700", waiting=[], agents=["101", "102"]))
    await until(lambda: has("agents", "101", state="away", calls=0, queues=["700"]))
    (trunk,) = (await published(company))["trunks"].values()
    assert (trunk["calls"], trunk["is_registered"]) == (0, None)

    await comes(asterisk, controller, company.phone("101"))
    await until(lambda: has("agents", "101", state="free"))
    (registration,) = (await published(company))["registrations"].values()
    assert registration["extension"] == "101"
    assert registration["phones"][0]["address"] == "192.0.2.7"

    placed = await controller.commands.outcome(
        company.uuid, ClickToCall(ext="101", phone=CUSTOMER)
    )
    await until(lambda: has("calls", str(placed.call_id), state="calling", to_number=CUSTOMER))
    await until(lambda: has("agents", "101", state="busy", calls=1))


async def test_what_an_engine_before_it_published_is_void(
    company: Company, controller: Controller
) -> None:
    async with company.database.transaction() as tx:
        await tx.execute(
            "UPDATE domains SET node = $2 WHERE domain_uuid = $1",
            company.uuid,
            controller.engine.node,
        )
        await live_state.begin(tx, company.uuid, {("calls", "old"): "{}"})
    assert "old" in (await published(company))["calls"]
    running = asyncio.create_task(LiveState(company.database, controller.engine).run())

    async def is_void() -> bool:
        return not await published(company)

    try:
        await until(is_void)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
