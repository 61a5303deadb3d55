"""Commit, then act: what must hold of many calls at once, and whatever fails meanwhile."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import structlog
from msgspec.structs import replace

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine import companies
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controller
from tongdai.encryption import MasterKey
from tongdai.pbx.signals import AgentOffered, LegRinging
from tongdai.store import db, domains, migrate, queues, ring_groups, server

# --- commit, then act


async def test_nothing_is_done_before_it_is_committed(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        customer = await asterisk.arrives(company.trunk, HOTLINE)
        await until(company.is_locked_out)
        await controller.asterisk.expect("POST events/user/echo")  # it goes on otherwise
        assert asterisk.count("POST channels/.*") == 0
    await asterisk.expect(f"POST channels/{customer}/continue")
    assert await company.live() == 1


async def test_what_was_committed_is_done_when_the_link_is_back(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        customer = await asterisk.arrives(company.trunk, HOTLINE)
        await until(company.is_locked_out)
        asterisk.is_answering = False  # it comes back, but not yet to where it may act
        await asterisk.lose_link()
        await until(lambda: not controller.engine.switch.is_up)
    await until(company.live)
    assert asterisk.count("POST channels/.*") == 0
    asterisk.is_answering = True
    await asterisk.lose_link()
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await asterisk.hangs_up(phone)
    await asterisk.hangs_up(customer)
    await until(lambda: company.was_told("cdr 101"))
    assert asterisk.count(f"POST channels/{customer}/continue") == 1
    assert (await company.cdr())["status"] == "ANSWERED"


async def test_what_is_refused_because_the_caller_is_gone_ends_as_a_call_given_up(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        customer = await asterisk.arrives(company.trunk, HOTLINE)
        await asterisk.hangs_up(customer)
    await until(lambda: company.was_told("cdr 101"))
    assert asterisk.count(f"POST channels/{customer}/continue") == 1, "answered by 404"
    assert (await company.cdr())["status"] == "CANCEL"
    await controller.has_nothing_left(company)


async def test_a_caller_whose_dial_is_refused_is_told_so(
    controller: Controller, asterisk: FakeAsterisk, company: Company, errors_said: set[str]
) -> None:
    errors_said.add("switch.refused")
    asterisk.refuses = {"continue"}
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue", extension="500*41")
    await until(lambda: company.was_told("missed 101"))
    cdr = await company.cdr()
    assert (cdr["status"], cdr["cause"]) == ("CONGESTION", "NORMAL_TEMPORARY_FAILURE")
    await controller.has_nothing_left(company)


async def test_a_caller_who_cannot_wait_goes_to_the_overflow(
    controller: Controller, asterisk: FakeAsterisk, company: Company, errors_said: set[str]
) -> None:
    errors_said.add("switch.refused")
    await company.add_queue("700", "101", overflow="102")
    controller.engine.directories.forget(str(company.uuid))
    asterisk.refuses = {"moh"}
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await controller.quiet()
    dialled = [one for one in asterisk.asked if one.what == f"POST channels/{customer}/variable"]
    assert company.phone("102") in dialled[-1].query["value"]


async def test_a_call_of_nobody_is_sent_away(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    stranger = await asterisk.arrives("01a208b1-0000-7000-8000-00000000dead", HOTLINE)
    await asterisk.expect(f"DELETE channels/{stranger}", reason_code="1")
    stranger = await asterisk.arrives("101@nobody.vn", "102")
    await asterisk.expect(f"DELETE channels/{stranger}", reason_code="1")
    await controller.has_nothing_left(company)


async def test_a_call_to_a_number_that_nobody_has_is_refused_and_booked_nowhere(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer = await asterisk.arrives(company.trunk, "02899998888")
    await asterisk.expect(f"DELETE channels/{customer}", reason_code="1")
    await controller.has_nothing_left(company)
    assert await company.cdrs() == []
    assert await company.told() == []


# --- many at once


async def test_a_hundred_calls_at_once_are_a_hundred_records(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    await company.change_extension("101", max_calls=100)
    controller.engine.directories.forget(str(company.uuid))

    async def call(number: int) -> None:
        customer = await asterisk.arrives(company.trunk, HOTLINE, caller=f"09090001{number:02d}")
        await until(lambda: asterisk.count(f"POST channels/{customer}/continue"), 30)
        phone = await asterisk.rings(customer, company.phone("101"), answers=True)
        await asterisk.hangs_up(customer)
        await asterisk.hangs_up(phone)

    commits = await _commits(company)
    await asyncio.gather(*(call(number) for number in range(100)))
    await controller.quiet()
    cdrs = await company.cdrs()
    assert sorted(cdr["from_number"] for cdr in cdrs) == [
        f"09090001{number:02d}" for number in range(100)
    ]
    assert {cdr["status"] for cdr in cdrs} == {"ANSWERED"}
    told = await company.told()
    assert sorted(told) == sorted(["ringing 101", "answered 101", "hangup 101", "cdr 101"] * 100)
    for cdr in cdrs:
        names = [
            body["state"]
            for body in await company.events()
            if body["conversation_id"] == str(cdr["cdr_uuid"])
        ]
        assert names == ["ringing", "answered", "hangup", "cdr"]
    assert await _commits(company) - commits < 400, "steps of many calls are one transaction"
    await controller.has_nothing_left(company)


async def _commits(company: Company) -> int:
    """Transactions that inserted events: each has an id of its own."""
    count = "SELECT count(DISTINCT xmin::text) FROM events WHERE domain_uuid = $1"
    async with company.database.connection() as tx:
        return int(await tx.fetchval(count, company.uuid))


async def test_a_step_that_cannot_be_written_spoils_no_other(
    controller: Controller, asterisk: FakeAsterisk, company: Company, errors_said: set[str]
) -> None:
    errors_said |= {"commit.refused", "call.failed"}
    await company.change_extension("101", max_calls=100)
    good, bad = [], []
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")  # so that they gather in one batch
        for number in range(10):
            good.append(
                await asterisk.arrives(company.trunk, HOTLINE, caller=f"090900011{number}")
            )
            if number in (0, 5):
                bad.append(await asterisk.arrives(company.phone("102"), f"0909{number}"))
        await until(
            lambda: (
                sum(mailbox.call is not None for mailbox in controller.engine.mailboxes.values())
                == 12
            )
        )
        await tx.execute(
            "ALTER TABLE events ADD CONSTRAINT poison CHECK (facts::text NOT LIKE '%09095%')"
        )
    try:
        for customer in good:
            await asterisk.expect(f"POST channels/{customer}/continue")
        await asterisk.expect(f"POST channels/{bad[0]}/continue")
        await asterisk.expect(f"POST channels/{bad[1]}/continue", extension="500*41")
        await controller.quiet()
        assert await company.live() == len(controller.engine.mailboxes) == 11
    finally:
        async with company.database.transaction() as tx:
            await tx.execute("ALTER TABLE events DROP CONSTRAINT poison")


# --- the database away


@asynccontextmanager
async def lone_company(
    folder: Path, master_key: MasterKey
) -> AsyncIterator[tuple[Company, server.Server]]:
    """A company in a PostgreSQL of its own, which may be stopped."""
    running = await server.start(folder, {"fsync": "off"})
    await migrate.apply(running.dsn)
    database = db.Database(running.dsn, size=3)
    await database.open()
    try:
        async with database.transaction() as tx:
            domain = await domains.insert(tx, "lone.example.vn")
        yield await companies.found(database, domain, master_key), running
    finally:
        await database.close()
        await (await server.start(folder, {"fsync": "off"})).stop()


def all_are_busy(controller: Controller) -> bool:
    return all(mailbox.is_busy for mailbox in controller.engine.mailboxes.values())


async def test_signals_wait_while_the_database_is_away_and_nothing_is_lost(
    asterisk: FakeAsterisk, tmp_path: Path, master_key: MasterKey
) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-") as short:
        folder = Path(short) / "pg"
        async with lone_company(folder, master_key) as (company, running):
            controller = Controller(company.database, asterisk, tmp_path)
            await controller.start()
            talking = await asterisk.arrives(company.trunk, HOTLINE)
            await asterisk.expect(f"POST channels/{talking}/continue")
            phone = await asterisk.rings(talking, company.phone("101"), answers=True)
            await controller.quiet()

            await running.stop()
            controller.engine.directories.forget("")  # as when the listening connection breaks
            await asterisk.hangs_up(talking)
            await asterisk.hangs_up(phone)
            late = await asterisk.arrives(company.phone("102"), "103")
            await until(
                lambda: (
                    controller.engine.mailboxes
                    and all(b.is_busy for b in controller.engine.mailboxes.values())
                )
            )
            assert asterisk.count(f"POST channels/{late}/.*") == 0
            assert controller.engine.switch.is_up

            await server.start(folder, {"fsync": "off"})
            await asterisk.expect(f"POST channels/{late}/continue")
            other = await asterisk.rings(late, company.phone("103"), answers=True)
            await asterisk.hangs_up(other)
            await asterisk.hangs_up(late)
            await until(lambda: company.was_told("cdr 103"))
            first, second = await company.cdrs()
            assert (first["status"], first["hangup_by"]) == ("ANSWERED", "caller")
            assert (second["status"], second["hangup_by"]) == ("ANSWERED", "callee")
            assert [told.split()[0] for told in await company.told()].count("cdr") == 2
            await controller.has_nothing_left(company)
            await controller.kill()


async def test_one_looks_for_the_database_however_many_calls_wait_for_it(
    asterisk: FakeAsterisk, tmp_path: Path, master_key: MasterKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is asked by each, and whoever else needs a connection comes after all of them."""
    looks, check = [], db.Database.check

    async def noted(database: db.Database) -> None:
        looks.append(database)
        await check(database)

    monkeypatch.setattr(db.Database, "check", noted)
    with tempfile.TemporaryDirectory(prefix="tongdai-") as short:
        folder = Path(short) / "pg"
        async with lone_company(folder, master_key) as (company, running):
            controller = Controller(company.database, asterisk, tmp_path, retry_s=0.05)
            await controller.start()
            await running.stop()
            with structlog.testing.capture_logs() as said:
                for _ in range(10):
                    await asterisk.arrives(company.phone("102"), "103")
                await until(
                    lambda: (
                        len({one["channel"] for one in said if one["event"] == "call.waiting"})
                        == 10
                    )
                )
                seen = len(looks)
                await until(lambda: len(looks) > seen + 5)
            assert len([one for one in said if one["event"] == "call.waiting"]) == 10
            await server.start(folder, {"fsync": "off"})
            await until(
                lambda: not any(box.is_busy for box in controller.engine.mailboxes.values())
            )
            await controller.kill()


async def test_a_controller_that_stops_while_the_database_is_away_does_stop(
    asterisk: FakeAsterisk, tmp_path: Path, master_key: MasterKey
) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-") as short:
        async with lone_company(Path(short) / "pg", master_key) as (company, running):
            controller = Controller(company.database, asterisk, tmp_path)
            await controller.start()
            customer = await asterisk.arrives(company.trunk, HOTLINE)
            await asterisk.expect(f"POST channels/{customer}/continue")
            await running.stop()
            await asterisk.hangs_up(customer)
            await until(lambda: all_are_busy(controller))
            async with asyncio.timeout(20):
                await controller.kill()


# --- round robin


async def test_a_round_robin_goes_on_where_it_was(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    await company.add_ring_group("600", "101", "102", strategy="round_robin")
    controller.engine.directories.forget(str(company.uuid))
    for rung in ("101", "102", "101"):
        customer = await asterisk.arrives(company.trunk, HOTLINE)
        dial = await asterisk.expect(f"POST channels/{customer}/variable")
        assert f"/{company.phone(rung)}/" in dial.query["value"]
        await asterisk.hangs_up(customer)
        await controller.quiet()
    async with company.database.connection() as tx:
        assert (await ring_groups.get(tx, company.uuid, "600")).next_member == 1


# --- queues


async def in_queue(
    controller: Controller, company: Company, *agents: str, **properties: Any
) -> list[str]:
    """Two callers with music, the first first."""
    await company.add_queue("700", *agents, **properties)
    controller.engine.directories.forget(str(company.uuid))
    callers = []
    for number in (1, 2):
        caller = await controller.asterisk.arrives(
            company.trunk, HOTLINE, caller=f"090900011{number}"
        )
        await controller.asterisk.expect(f"POST channels/{caller}/moh", mohClass="default")
        callers.append(caller)
    return callers


async def test_two_callers_and_two_agents(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    first, second = await in_queue(controller, company, "101", "102")
    await controller.quiet()
    rung = {
        channel: asked.query["value"]
        for channel in (first, second)
        for asked in asterisk.asked
        if asked.what == f"POST channels/{channel}/variable"
    }
    assert f"/{company.phone('101')}/" in rung[first]
    assert f"/{company.phone('102')}/" in rung[second], "no agent is offered twice"
    assert asterisk.count("POST channels/.*/continue") == 2


async def test_one_agent_for_two_callers_is_offered_the_second_when_free(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    first, second = await in_queue(controller, company, "101", wrap_up_s=0)
    await asterisk.expect(f"POST channels/{first}/continue")
    await controller.quiet()
    assert asterisk.count(f"POST channels/{second}/continue") == 0
    phone = await asterisk.rings(first, company.phone("101"), answers=True)
    await asterisk.hangs_up(first)
    await asterisk.hangs_up(phone)
    await asterisk.expect(f"POST channels/{second}/continue")


async def test_who_does_not_answer_is_offered_again_after_a_rest(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    first, second = await in_queue(controller, company, "101", no_answer_delay_s=1)
    await asterisk.expect(f"POST channels/{first}/continue")
    phone = await asterisk.rings(first, company.phone("101"))
    await asterisk.returns(first, "NOANSWER")
    await asterisk.ends(phone, 0)
    await asterisk.expect(f"POST channels/{first}/moh")
    await asterisk.expect(f"POST channels/{first}/continue")
    assert asterisk.count(f"POST channels/{second}/continue") == 0, "the first keeps its place"


async def test_an_agent_who_joins_is_offered_who_waits_already(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    first, second = await in_queue(controller, company, "101")
    await asterisk.expect(f"POST channels/{first}/continue")
    await controller.quiet()
    async with company.database.transaction() as tx:
        known = await queues.get(tx, company.uuid, "700")
        await queues.update(tx, company.uuid, replace(known, agents=("101", "102")))
    controller.engine.changed(str(company.uuid))
    await asterisk.expect(f"POST channels/{second}/continue")


async def test_agents_without_a_phone_are_not_offered_until_it_comes(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    asterisk.contacts[company.phone("101")] = ""
    first, second = await in_queue(controller, company, "101", "102")
    rung = await asterisk.expect(f"POST channels/{first}/variable", variable="TD_DIAL")
    assert f"/{company.phone('102')}/" in rung.query["value"]
    await controller.quiet()
    assert asterisk.count(f"POST channels/{second}/continue") == 0
    await asterisk.registers(company.phone("101"), "sip:101@192.0.2.7")
    rung = await asterisk.expect(f"POST channels/{second}/variable", variable="TD_DIAL")
    assert f"/{company.phone('101')}/" in rung.query["value"]


async def test_without_any_phone_callers_go_to_the_overflow_also_those_who_wait(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    phone = company.phone("101")
    first, second = await in_queue(controller, company, "101", overflow="102")
    await asterisk.expect(f"POST channels/{first}/continue")
    await asterisk.registers(phone)  # it signs off
    rung = await asterisk.expect(f"POST channels/{second}/variable", variable="TD_DIAL")
    assert f"/{company.phone('102')}/" in rung.query["value"]
    third = await asterisk.arrives(company.trunk, HOTLINE)
    rung = await asterisk.expect(f"POST channels/{third}/variable", variable="TD_DIAL")
    assert f"/{company.phone('102')}/" in rung.query["value"]
    assert asterisk.count(f"POST channels/{third}/answer") == 0, "it has not waited"


async def test_an_agent_offered_to_a_caller_who_has_just_gone_is_free_again(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    """The offer lies behind the hang-up in the caller's mailbox."""
    first, second = await in_queue(controller, company, "101")
    await asterisk.expect(f"POST channels/{first}/continue")
    await asterisk.rings(first, company.phone("101"))
    await controller.quiet()
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        await asterisk.hangs_up(second)
        await until(company.is_locked_out)
        (gone,) = [
            box
            for box in controller.engine.mailboxes.values()
            if box.call and box.call.channel == second
        ]
        gone.put(_offered(controller, company, second))
    await controller.quiet()
    assert controller.engine.offers.open == set()


def _offered(controller: Controller, company: Company, channel: str) -> AgentOffered:
    controller.engine.offers.open.add((company.uuid, "101"))
    return AgentOffered(channel, datetime.now(UTC), "101")


async def test_a_signal_that_means_nothing_is_counted(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    def counted() -> float:
        labels = {"signal": "LegRinging", "course": "ringing"}
        metric = "tongdai_unexpected_signals_total"
        return prometheus_client.REGISTRY.get_sample_value(metric, labels) or 0.0

    before = counted()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    call = asterisk.call_of(customer)
    controller.engine.signal(call, LegRinging("no channel of its", datetime.now(UTC)))
    await until(lambda: counted() == before + 1)
    await asterisk.hangs_up(customer)
    await controller.has_nothing_left(company)
