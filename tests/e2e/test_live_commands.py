"""What goes on, for an operator at a terminal: calls, status, route; and a call hung up."""

import json
from typing import Any

from testbed.company import HOTLINE, Company, Office
from testbed.until import until

CUSTOMER = "0909000111"


async def test_an_operator_sees_a_call_and_hangs_it_up(company: Company, office: Office) -> None:
    async def shown(*args: str) -> Any:
        said = await office.instance.command(*args, "-d", company.name, "--json")
        return json.loads(said)

    async with company.phone("101") as alice, company.carrier() as carrier:
        route = await shown("route", CUSTOMER, HOTLINE)
        rung = [step["extensions"] for step in route["steps"] if step["kind"] == "rings"]
        assert rung == [["101"]]

        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()

        async def talks() -> Any:
            return [call for call in await shown("calls") if call["state"] == "talking"]

        (call,) = await until(talks)
        assert (call["from_number"], call["extension"]) == (CUSTOMER, "101")
        status = await shown("status")
        assert [one["id"] for one in status["calls"]] == [call["id"]]
        assert [one["extension"] for one in status["registrations"]] == ["101"]
        assert status["trunks"][0]["calls"] == 1
        for_people = await office.instance.command("status", "-d", company.name)
        assert "1 talking" in for_people

        said = await office.instance.command(
            "calls", "hangup", ring.sip_call_id, "-d", company.name
        )
        assert call["id"] in said
        await ring.over()
        await customer.over()
        audit = await shown("audit", "--noun", "call")
        assert [entry["name"] for entry in audit] == [call["id"]]
        assert audit[0]["actor"].startswith("cli:")
        everywhere = json.loads(await office.instance.command("calls", "--json"))
        assert call["id"] not in [one["id"] for one in everywhere]
