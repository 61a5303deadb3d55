"""What is not called, or not now: closed destinations, frozen extensions, full trunks."""

from datetime import UTC, datetime, timedelta

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook

ABROAD, CUSTOMER = "+12025550123", "0909000111"


async def test_the_world_is_closed_until_the_operator_opens_it(
    company: Company, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(ABROAD)
        assert await call.refused() == 603
        await hook.expect("ringing", direction="outbound", to_number=ABROAD)
        cdr = await hook.over(direction="outbound")
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "INVALID",
            "cause": "OUTGOING_CALL_BARRED",
            "direction": 3,
        }
        answer = await company.api.click("101", ABROAD)
        assert (answer.status, answer.json["error"]) == (409, "DESTINATION_CLOSED")
        assert carrier.untaken == 0

        await company.change(destinations=("+1",))
        call = await alice.calls(ABROAD)
        customer = await carrier.rings()
        await hook.expect("ringing", to_number=ABROAD)
        await call.cancel()
        await customer.cancelled()
        await hook.over(direction="outbound")


async def test_who_is_frozen_calls_colleagues_and_help_but_nobody_else(company: Company) -> None:
    await company.freeze("101", datetime.now(UTC) + timedelta(hours=1))
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls(CUSTOMER)
        assert await call.refused() == 603
        answer = await company.api.click("101", CUSTOMER)
        assert (answer.status, answer.json["error"]) == (409, "CALLS_FROZEN")
        for number, callee in (("102", bob), ("113", carrier)):
            call = await alice.calls(number)
            ring = await callee.rings()
            await call.cancel()
            await ring.cancelled()


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
        await customer.answer()
        await call.answered()
        await call.hang_up()
        await customer.over()

        another = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await another.cancel()
        await ring.cancelled()
