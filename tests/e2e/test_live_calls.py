"""Live calls as a user of the API sees them, and hangs them up."""

from typing import Any

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, talk
from testbed.until import until

CUSTOMER = "0909000111"


async def seen(company: Company, state: str) -> dict[str, Any]:
    """The company's one call, once it is in that state."""

    async def found() -> Any:
        listed = (await company.api.get("/v1/calls")).json["data"]
        return next((one for one in listed if one["state"] == state), None)

    call: dict[str, Any] = await until(found)
    return call


async def end(company: Company, name: str) -> int:
    return (await company.api.ask("DELETE", f"/v1/calls/{name}", {})).status


async def test_a_talk_is_seen_and_hung_up(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        rang = await hook.expect("ringing")
        call = await seen(company, "ringing")
        assert call["id"] == rang["conversation_id"]
        assert [leg["number"] for leg in call["legs"] if leg["state"] == "ringing"] == ["101"]
        await ring.answer()
        await customer.answered()
        await hook.expect("answered")
        await seen(company, "talking")
        await talk(ring, customer)

        assert await end(company, ring.sip_call_id) == 200
        await ring.over()
        await customer.over()
        cdr = await hook.over(call_id=rang["call_id"])
        assert cdr == cdr | {"hangup_by": "system", "status": "ANSWERED"}
        assert (await company.api.get("/v1/calls")).json["data"] == []
        assert await end(company, ring.sip_call_id) == 409
        shown = (await company.api.get(f"/v1/calls/{rang['call_id']}")).json
        assert shown == shown | {"state": "ended", "hangup_by": "system"}


async def test_a_call_that_rings_is_hung_up(company: Company, hook: Hook) -> None:
    """The caller gets 480, and all phones of the group stop."""
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        rings = [await alice.rings(), await bob.rings()]
        rung = await hook.expect_in_any_order("ringing", "ringing")
        assert await end(company, rung[0]["conversation_id"]) == 200
        for ring in rings:
            await ring.cancelled()
        assert await customer.refused() == 480
        await hook.stopped("no_answer", *rung)
        ended = await hook.expect_in_any_order("missed", "cdr")
        assert {one["status"] for one in ended} == {"NO-ANSWERED"}
        record = await company.api.cdr(rung[0]["conversation_id"])
        assert record == record | {
            "status": "NO-ANSWERED",
            "cause": "NORMAL_CLEARING",
            "hangup_by": "system",
        }


async def test_a_waiting_caller_is_hung_up(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101", timeout_s=60)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        await customer.answered()
        ring = await alice.rings()
        await ring.reject(486)
        call = await seen(company, "waiting")
        assert (call["queue"], call["from_number"]) == ("700", CUSTOMER)
        assert await end(company, call["id"]) == 200
        await customer.over()
        await hook.expect("ringing")
        await hook.expect_in_any_order("hangup", "missed", "cdr")


async def test_a_second_step_of_a_group_is_hung_up(company: Company, hook: Hook) -> None:
    """The caller came back from its first dial, and is in the second one for long."""
    await company.add_ring_group(
        "600", "101", "102", strategy="sequential", ring_timeout_s=20, timeout_s=60
    )
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        first = await alice.rings()
        await first.reject(486)
        second = await bob.rings()
        await second.answer()
        await customer.answered()
        await talk(second, customer)
        call = await seen(company, "talking")
        assert await end(company, call["id"]) == 200
        await second.over()
        await customer.over()
        await hook.expect_in_any_order("ringing", "hangup", "ringing", "answered")
        await hook.expect_in_any_order("hangup", "cdr")
