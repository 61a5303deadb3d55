"""Calls that are not made, or not now: barred destinations, suspended extensions, full trunks."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.until import until
from tongdai import errors

ABROAD, CUSTOMER = "+12025550123", "0909000111"


async def test_the_world_is_barred_until_the_operator_permits_it(
    company: Company, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(ABROAD)
        assert await call.refused() == 403
        await hook.expect("ringing", direction="outbound", to_number=ABROAD)
        cdr = await hook.over(direction="outbound")
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "INVALID",
            "cause": "OUTGOING_CALL_BARRED",
            "direction": 3,
        }
        answer = await company.api.click("101", ABROAD)
        assert (answer.status, answer.json["error"]) == (409, "DESTINATION_BARRED")
        assert carrier.untaken == 0

        await company.change(destinations=("+1",))
        call = await alice.calls(ABROAD)
        customer = await carrier.rings()
        await hook.expect("ringing", to_number=ABROAD)
        await call.cancel()
        await customer.cancelled()
        await hook.over(direction="outbound")


async def test_a_suspended_extension_calls_colleagues_and_help_but_nobody_else(
    company: Company,
) -> None:
    await company.suspend("101", datetime.now(UTC) + timedelta(hours=1))
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls(CUSTOMER)
        assert await call.refused() == 403
        answer = await company.api.click("101", CUSTOMER)
        assert (answer.status, answer.json["error"]) == (409, "CALLS_SUSPENDED")
        for number, callee in (("102", bob), ("113", carrier)):
            call = await alice.calls(number)
            ring = await callee.rings()
            await call.cancel()
            await ring.cancelled()


async def test_a_number_is_dialled_with_separators_and_an_extension_takes_no_emergency_call(
    company: Company, hook: Hook
) -> None:
    with pytest.raises(errors.Invalid, match="emergency"):
        await company.add_ring_group("113", "101")
    async with company.phone("101") as alice, company.carrier() as carrier:
        for text in ("0909-000-111", "0909.000.111"):
            call = await alice.calls(text)
            customer = await carrier.rings()
            await hook.expect("ringing", direction="outbound", to_number=CUSTOMER)
            await call.cancel()
            await customer.cancelled()
            await hook.over(direction="outbound")
        for barred in ("0190054541599", "+8419005454"):
            refused = await alice.calls(barred)
            assert await refused.refused() == 403
            await hook.expect("ringing", direction="outbound", to_number=barred)
            await hook.over(direction="outbound")
        assert carrier.untaken == 0


async def test_an_extension_s_limit_holds_for_calls_that_come_at_once(company: Company) -> None:
    await company.change_extension("101", max_calls=1, ring_timeout_s=20)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customers = await asyncio.gather(*(carrier.calls(HOTLINE) for _ in range(6)))
        ring = await alice.rings()
        waiting = [asyncio.create_task(customer.refused()) for customer in customers]
        await until(lambda: sum(each.done() for each in waiting) == 5)
        assert {each.result() for each in waiting if each.done()} == {486}
        assert alice.untaken == 0
        await ring.reject(486)
        assert [await each for each in waiting] == [486] * 6


async def test_a_full_trunk_takes_no_more_calls_in_or_out(company: Company) -> None:
    await company.change_trunk(max_calls=1)
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        refused = await bob.calls("0909000222")
        assert await refused.refused() == 503
        another = await carrier.calls(HOTLINE)
        assert await another.refused() == 503
        assert (carrier.untaken, alice.untaken) == (0, 0)
        emergency = await bob.calls("113")
        help_ = await carrier.rings()
        await emergency.cancel()
        await help_.cancelled()
        await customer.answer()
        await call.answered()
        await call.hang_up()
        await customer.over()

        another = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await another.cancel()
        await ring.cancelled()
