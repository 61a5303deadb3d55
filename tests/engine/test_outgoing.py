"""Calls out are counted and stopped; who keeps trying what is closed is frozen, until time or the
operator lifts it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import pytest

from testbed import samples
from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import CUSTOMER, HOTLINE, Company
from tests.engine.controllers import Controller
from tongdai import errors
from tongdai.pbx import barring
from tongdai.pbx.commands import ClickToCall
from tongdai.pbx.directory import Extension
from tongdai.store import cdrs, db, domains, extensions

ABROAD = "+12025550123"


async def change(controller: Controller, company: Company, **changes: Any) -> None:
    """Of the domain; the engine has been told."""
    async with company.database.transaction() as tx:
        await domains.update(
            tx, msgspec.structs.replace(await domains.get(tx, company.uuid), **changes)
        )
    controller.engine.directories.forget(str(company.uuid))


async def click(controller: Controller, company: Company, phone: str, ext: str = "101") -> str:
    """The error that it got, or that its phone is not registered: then it met no limit."""
    outcome = await controller.commands.outcome(company.uuid, ClickToCall(ext=ext, phone=phone))
    return outcome.error


def told(metric: str, **labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value(metric, labels) or 0.0


@pytest.fixture
def phones(asterisk: FakeAsterisk, company: Company) -> None:
    """All extensions' are registered."""
    for number in ("101", "102", "103"):
        address = f"{number}@{company.name}"
        asterisk.contacts[address] = f"PJSIP/{address}/sip:{number}@192.0.2.7"


@pytest.mark.usefixtures("phones")
async def test_an_extension_that_keeps_trying_barred_numbers_is_suspended(
    controller: Controller, company: Company, database: db.Database, errors_said: set[str]
) -> None:
    errors_said.add("call.suspended")
    before = told("tongdai_barred_calls_total", reason="destination")

    async def suspended() -> bool:
        async with database.connection() as tx:
            return (await extensions.get(tx, company.uuid, "101")).suspended_until is not None

    for _ in range(barring.SUSPEND_AFTER):
        assert await click(controller, company, ABROAD) == errors.DestinationBarred.code
    await until(suspended)
    controller.engine.directories.forget(str(company.uuid))

    after = told("tongdai_barred_calls_total", reason="destination")
    assert after == before + barring.SUSPEND_AFTER
    assert await click(controller, company, CUSTOMER) == errors.CallsSuspended.code
    assert await click(controller, company, CUSTOMER, "102") == "", "his colleagues call on"
    async with database.connection() as tx:
        known = await extensions.get(tx, company.uuid, "101")
        assert ABROAD in known.suspended_why
        assert known.suspended_until
        assert known.suspended_until <= datetime.now(UTC) + barring.SUSPENSION
        await extensions.suspend(tx, company.uuid, "101", None)
    controller.engine.directories.forget(str(company.uuid))
    assert await click(controller, company, CUSTOMER) == ""


async def test_a_domain_whose_extensions_all_try_is_suspended(
    asterisk: FakeAsterisk,
    controller: Controller,
    company: Company,
    database: db.Database,
    errors_said: set[str],
) -> None:
    errors_said.add("call.suspended")
    async with database.transaction() as tx:
        await extensions.insert(tx, company.uuid, Extension("104"))

    async def suspended() -> bool:
        async with database.connection() as tx:
            return (await domains.get(tx, company.uuid)).suspended_until is not None

    for number in range(barring.SUSPEND_DOMAIN_AFTER):
        caller = company.phone(f"10{number % 4 + 1}")
        channel = await asterisk.arrives(caller, ABROAD, caller=caller[:3])
        await asterisk.expect(f"POST channels/{channel}/continue", extension="403*52")
    await until(suspended)
    await controller.has_nothing_left(company)


@pytest.mark.usefixtures("phones")
async def test_calls_a_minute(controller: Controller, company: Company) -> None:
    await change(controller, company, calls_per_minute=2)
    assert [await click(controller, company, CUSTOMER, ext) for ext in ("101", "102", "103")] == [
        "",
        "",
        errors.CallLimit.code,
    ]
    assert await click(controller, company, "102", "103") == "", "inside it is free"


@pytest.mark.usefixtures("phones")
async def test_minutes_a_day_count_the_records_of_the_day(
    controller: Controller, company: Company, database: db.Database
) -> None:
    now = datetime.now(UTC)
    started = barring.day_began(company.domain, now)
    async with database.transaction() as tx:
        long_ago = samples.record(company.uuid, seconds_out=9_999)
        today = samples.record(company.uuid, time_started=started, time_ended=now, seconds_out=119)
        await cdrs.insert_many(tx, [long_ago, today])
    await change(controller, company, minutes_per_day=2)
    assert await click(controller, company, CUSTOMER, "101") == ""
    await change(controller, company, minutes_per_day=1)
    assert await click(controller, company, CUSTOMER, "102") == errors.CallLimit.code


@pytest.mark.usefixtures("phones")
async def test_minutes_a_day_count_a_transfer_outside(
    asterisk: FakeAsterisk, controller: Controller, company: Company, database: db.Database
) -> None:
    """While it lasts and afterwards, though the call came in and the extension has left it."""
    now = datetime.now(UTC)
    async with database.transaction() as tx:
        today = samples.record(company.uuid, time_started=now, time_ended=now, seconds_out=59)
        await cdrs.insert_many(tx, [today])
    await change(controller, company, minutes_per_day=1)
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    alice = await asterisk.rings(customer, company.phone("101"), answers=True)
    await asterisk.sent_on(customer, CUSTOMER)
    await asterisk.expect(f"POST channels/{customer}/continue")
    outside = await asterisk.rings(customer, company.trunk, answers=True)
    await asterisk.ends(alice)

    async def talked() -> bool:
        directory = await controller.engine.directories.get(company.uuid)
        return (await controller.engine.context(directory)).usage.talked_s >= 60

    await until(talked)
    assert await click(controller, company, CUSTOMER, "102") == errors.CallLimit.code
    await asterisk.hangs_up(outside)
    await asterisk.ends(customer)
    await controller.quiet()
    assert await click(controller, company, CUSTOMER, "102") == errors.CallLimit.code
    record = (await company.cdrs())[-1]
    assert record["direction"] == 2
    assert record["seconds_out"] >= 1


async def test_a_trunk_s_calls_are_counted_over_a_crash(
    asterisk: FakeAsterisk, database: db.Database, company: Company, tmp_path: Path
) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE trunks SET max_calls = 1 WHERE trunk_uuid = $1", company.trunk)
    first = Controller(database, asterisk, tmp_path)
    await first.start()
    talking = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.rings(talking, company.phone("101"), answers=True)
    await first.quiet()
    await first.kill()

    second = Controller(database, asterisk, tmp_path)
    await second.start()
    try:
        late = await asterisk.arrives(company.trunk, HOTLINE)
        await asterisk.expect(f"DELETE channels/{late}", reason_code="34")
        out = await asterisk.arrives(company.phone("102"), CUSTOMER, caller="102")
        await asterisk.expect(f"DELETE channels/{out}", reason_code="34")
    finally:
        await second.kill()
