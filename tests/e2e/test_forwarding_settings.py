"""Extensions that forward calls by their settings, and those that are not to be disturbed."""

from typing import Any

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, talk
from testbed.until import until

CUSTOMER, MOBILE = "0909000111", "0907654321"


async def change(company: Company, extension: str, told: str, **settings: Any) -> None:
    """The extension has these settings, by the API; the engine tells so in the route."""
    path = f"/v1/admin/extensions/{extension}"
    answer = await company.api.ask("PATCH", path, {}, settings)
    assert answer.status == 200, answer

    async def known() -> bool:
        route = await company.api.post("/v1/admin/route", caller=CUSTOMER, number=HOTLINE)
        return any(told in step["text"] for step in route.json["steps"])

    await until(known)


async def recorded(company: Company) -> dict[str, Any]:
    """The one record, once the call is over."""

    async def found() -> Any:
        listed = (await company.api.get("/v1/cdr")).json["data"]
        return listed[0] if listed else None

    record: dict[str, Any] = await until(found)
    return record


async def test_all_calls_go_to_a_colleague(company: Company, hook: Hook) -> None:
    await change(company, "101", "forwards its calls (always)", forward_always="102")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await bob.rings()
        reasons = ["forward_always:101"]
        who = {"from_number": CUSTOMER, "to_number": "102", "routed_by": reasons}
        call_id = (await hook.expect("ringing", **who))["call_id"]
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", **who)
        await talk(ring, customer, seconds=1.2)
        await ring.hang_up()
        await customer.over()
        await hook.over(call_id=call_id, routed_by=reasons)
        assert alice.untaken == 0


async def test_who_does_not_answer_is_reached_outside(company: Company) -> None:
    """A call out of the extension's own, by its hotline."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        await change(company, "101", "(no answer)", ring_timeout_s=5, forward_no_answer=MOBILE)
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        mobile = await carrier.called()
        await ring.cancelled()
        assert mobile.invite.start.startswith(f"INVITE sip:{MOBILE}@")
        assert f"<sip:{HOTLINE}@" in mobile.invite.header("From")
        await mobile.answer()
        await customer.answered()
        await talk(mobile, customer, seconds=1.2)
        await customer.hang_up()
        await mobile.over()
        record = await recorded(company)
        assert (record["direction"], record["status"]) == (2, "ANSWERED")
        assert record["routed_by"] == ["forward_no_answer:101"]
        (party,) = record["participants"]
        assert (party["number"], party["trunk"]) == (MOBILE, company.trunk.name)


async def test_who_is_not_to_be_disturbed_is_busy(company: Company) -> None:
    await change(company, "101", "it is not to be disturbed", do_not_disturb=True)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        assert await customer.refused() == 486
        assert alice.untaken == 0


async def test_own_phones_ring_while_no_engine_answers(company: Company, pbx: Instance) -> None:
    await change(company, "101", "forwards its calls (always)", forward_always=MOBILE)
    async with company.phone("101") as alice, company.carrier() as carrier:
        await pbx.kill()
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await ring.hang_up()
        await customer.over()
        await pbx.start()
        record = await recorded(company)
        assert (record["status"], record["extension"]) == ("ANSWERED", "101")
