"""The route simulator says what the switch then does: the same phones in the same order, the same
end, the same SIP status for the caller.
"""

from typing import Any

import msgspec
import pytest

from testbed.company import HOTLINE, Company
from testbed.phones import BOB_HZ, Phone
from testbed.until import until

CUSTOMER = "0909000111"
SEQUENTIAL: dict[str, Any] = {"strategy": "sequential", "ring_timeout_s": 3, "timeout_s": 9}


class Case(msgspec.Struct, frozen=True):
    """A call, and who rings in it, step by step."""

    caller: str
    number: str
    rung: list[list[str]]


CASES = {
    "an extension": Case(CUSTOMER, HOTLINE, [["101"]]),
    "a group in turn, then its overflow": Case("101", "600", [["102"], ["103"]]),
    "all of a group": Case("101", "601", [["102", "103"]]),
    "a colleague": Case("102", "101", [["101"]]),
    "nobody's number": Case("101", "*97", []),
    "itself": Case("101", "101", []),
    "a barred number": Case("101", "+12025550123", []),
    "a group in which nobody has a phone": Case("101", "602", [["103"]]),
    "an extension without a phone": Case("101", "104", []),
    "a hotline that leads nowhere": Case(CUSTOMER, "02873001234", []),
}


async def told(company: Company, case: Case) -> dict[str, Any]:
    answer = await company.api.post("/v1/admin/route", caller=case.caller, number=case.number)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


def rung(route: dict[str, Any]) -> list[list[str]]:
    """The extensions that ring with phones, step by step."""
    steps = [step for step in route["steps"] if step["kind"] == "rings" and step["lasts_s"]]
    return [step["extensions"] for step in steps if step["extensions"]]


async def known(company: Company, case: Case) -> dict[str, Any]:
    """What is told once the engine knows the company's numbers."""

    async def found() -> Any:
        route = await told(company, case)
        return route if rung(route) == case.rung else None

    route: dict[str, Any] = await until(found)
    return route


async def furnish(company: Company) -> None:
    await company.add_extension("104")
    await company.add_ring_group("600", "101", "102", overflow="103", **SEQUENTIAL)
    await company.add_ring_group("601", "102", "103", timeout_s=3)
    await company.add_ring_group("602", "104", timeout_s=3, overflow="103")
    await company.add_hotline("02873001234", company.trunk, destination="")
    await company.point_hotline("101")


async def recorded(company: Company) -> dict[str, Any]:
    """The one record, once the call is over."""

    async def found() -> Any:
        listed = (await company.api.get("/v1/cdr")).json["data"]
        return listed[0] if listed else None

    record: dict[str, Any] = await until(found)
    return record


@pytest.mark.parametrize("name", CASES)
async def test_what_it_tells_is_what_happens(company: Company, name: str) -> None:
    case = CASES[name]
    await furnish(company)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.phone("103", hertz=BOB_HZ) as carol,
        company.carrier() as carrier,
    ):
        route = await known(company, case)
        phones: dict[str, Phone] = {"101": alice, "102": bob, "103": carol}
        if case.caller == CUSTOMER:
            call = await carrier.calls(case.number, CUSTOMER)
        else:
            call = await {"101": alice, "102": bob}[case.caller].calls(case.number)
        for together in case.rung:
            for extension in together:
                await phones[extension].rings()
        assert await call.refused() == route["end"]["sip_status"]
        record = await recorded(company)
        assert [record[field] for field in ("status", "cause")] == [
            route["end"][field] for field in ("status", "cause")
        ]
        assert [phone.untaken for phone in phones.values()] == [0, 0, 0]


async def test_a_queue_and_its_overflow(company: Company) -> None:
    """The caller has been answered by the queue, so no SIP status is left to give."""
    await company.add_queue("700", "101", "102", timeout_s=9, ring_timeout_s=3, overflow="103")
    async with (
        company.phone("101") as alice,
        company.phone("103", hertz=BOB_HZ) as carol,
        company.carrier() as carrier,
    ):
        route = await known(company, Case(CUSTOMER, HOTLINE, [["101"], ["103"]]))
        passed = [step["extensions"] for step in route["steps"] if step["kind"] == "passed_over"]
        assert passed == [["102"]]

        customer = await carrier.calls(HOTLINE, CUSTOMER)
        await customer.answered()
        await alice.rings()
        await carol.rings()
        await customer.over()
        record = await recorded(company)
        assert (record["status"], record["cause"]) == ("NO-ANSWERED", "NO_ANSWER")
        assert route["end"] == route["end"] | {
            "status": "NO-ANSWERED",
            "cause": "NO_ANSWER",
            "sip_status": 0,
        }


async def test_a_rehearsed_click_rings_nothing(company: Company) -> None:
    asked = {"dry_run": "1"}
    absent = (await company.api.click("101", CUSTOMER, **asked)).json["rehearsal"]
    assert (absent["would_call"], absent["error"]) == (False, "USER_NOT_REGISTERED")
    async with company.phone("101") as alice, company.carrier() as carrier:
        there = (await company.api.click("101", CUSTOMER, **asked)).json["rehearsal"]
        assert (there["would_call"], there["error"]) == (True, "")
        (phone,) = there["extension"]["phones"]
        assert phone["registered_since"]
        assert phone["is_reachable"]
        out = [step for step in there["route"]["steps"] if step["kind"] == "rings"]
        assert [(step["number"], step["trunk"]) for step in out] == [
            (CUSTOMER, company.trunk.name)
        ]
        assert (alice.untaken, carrier.untaken) == (0, 0)
        assert (await company.api.get("/v1/calls")).json["data"] == []
        clicked = await company.api.click("101", CUSTOMER)
        ring = await alice.rings()
        assert clicked.status == 200
        await ring.reject(486)
