"""Callers from outside who are blocked, or have an agent of their own; and what the switch does
with them while no engine answers.
"""

from typing import Any

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, talk
from testbed.until import until

BLOCKED, CUSTOMER = "0909000666", "0909000111"


async def write(company: Company, *wanted: dict[str, Any]) -> None:
    """The engine knows these callers: their routes are told with them."""
    answer = await company.api.post("/v1/admin/callers/bulk", callers=wanted)
    assert (answer.status, answer.json) == (200, {"written": len(wanted)}), answer
    is_known = {"block": "blocked", "route": "a destination of its own"}

    async def known() -> bool:
        for one in wanted:
            asked = {"caller": one["caller"].replace("*", "666"), "number": HOTLINE}
            route = await company.api.post("/v1/admin/route", **asked)
            if is_known[one["action"]] not in route.json["steps"][0]["text"]:
                return False
        return True

    await until(known)


async def test_a_blocked_caller_is_rejected_and_nobody_misses_the_call(
    company: Company, hook: Hook
) -> None:
    await write(company, {"caller": "0909000*", "action": "block", "answer": "busy"})
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await carrier.calls(HOTLINE, BLOCKED)
        assert await call.refused() == 486
        cdr = await hook.over(from_number=BLOCKED, routed_by=["blocked"])
        record = await company.api.cdr(cdr["conversation_id"])
        assert (record["status"], record["routed_by"]) == ("BUSY", ["blocked"])
        assert alice.untaken == 0


async def test_a_customer_has_an_agent(company: Company) -> None:
    """The agent's phone rings before the hotline's destination does, and that after it."""
    await write(
        company,
        {"caller": "+849*", "action": "block"},
        {"caller": CUSTOMER, "action": "route", "destination": "102"},
    )
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        first = await bob.rings()
        await first.reject(486)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer, seconds=1.2)
        await ring.hang_up()
        await customer.over()

        async def recorded() -> Any:
            return (await company.api.get("/v1/cdr")).json["data"]

        (record,) = await until(recorded)
        assert (record["status"], record["routed_by"]) == ("ANSWERED", ["caller"])


async def test_the_switch_alone_looks_at_no_caller(company: Company, pbx: Instance) -> None:
    await write(company, {"caller": BLOCKED, "action": "block"})
    async with company.phone("101") as alice, company.carrier() as carrier:
        await pbx.kill()
        call = await carrier.calls(HOTLINE, BLOCKED)
        ring = await alice.rings()
        await ring.answer()
        await call.answered()
        await ring.hang_up()
        await call.over()
        await pbx.start()

        async def recorded() -> Any:
            return (await company.api.get("/v1/cdr")).json["data"]

        (record,) = await until(recorded)
        assert (record["status"], record["routed_by"]) == ("ANSWERED", [])
