"""Opening hours on the switch: where a hotline's calls go, live and while no engine answers, and
that the switch learns of a change by the clock alone.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, talk
from testbed.until import until

CUSTOMER, MOBILE = "0909000111", "0907654321"


async def leads_to(office: Office, company: Company, extension: str) -> None:
    """The switch's fallback plan says that the hotline leads to the extension."""
    async with office.database.connection() as tx:
        key = await tx.fetchval("SELECT carrier_key('', $1)", [company.address])
    entry = f"trunk/{key}/{HOTLINE}/{company.trunk.trunk_uuid}"
    await office.has_fallback(entry, f"{extension}@{company.name}")


async def knows(company: Company, text: str) -> None:
    """The engine knows of the hours: the route says the text."""

    async def known() -> bool:
        answer = await company.api.post("/v1/admin/route", caller=CUSTOMER, number=HOTLINE)
        return text in answer.json["steps"][0]["text"]

    await until(known)


async def test_a_closed_hotline_leads_to_a_colleague(company: Company, hook: Hook) -> None:
    await company.add_hours_plan("office", override="closed")
    await company.change_hotline(hours="office", closed_destination="102")
    await knows(company, "extension 102")
    async with company.phone("102", hertz=BOB_HZ) as bob, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await bob.rings()
        who: dict[str, Any] = {"from_number": CUSTOMER, "to_number": "102", "hotline": HOTLINE}
        call_id = (await hook.expect("ringing", **who, routed_by=["closed"]))["call_id"]
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", **who)
        await talk(ring, customer, seconds=1.2)
        await ring.hang_up()
        await customer.over()
        await hook.over(call_id=call_id, routed_by=["closed"])
        record = await company.api.cdr(call_id)
        assert (record["status"], record["extension"]) == ("ANSWERED", "102")
        assert record["routed_by"] == ["closed"]


async def test_a_closed_hotline_leads_to_a_number_outside(company: Company) -> None:
    """A call out, by the trunk and with the number of the hotline."""
    await company.add_hours_plan("office", override="closed")
    await company.change_hotline(hours="office", closed_destination=MOBILE)
    await knows(company, MOBILE)
    async with company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        mobile = await carrier.called()
        assert mobile.invite.start.startswith(f"INVITE sip:{MOBILE}@")
        assert f"<sip:{HOTLINE}@" in mobile.invite.header("From")
        await mobile.answer()
        await customer.answered()
        await talk(mobile, customer, seconds=1.2)
        await customer.hang_up()
        await mobile.over()

        async def recorded() -> Any:
            return (await company.api.get("/v1/cdr")).json["data"]

        (record,) = await until(recorded)
        (party,) = record["participants"]
        assert (record["direction"], record["routed_by"]) == (2, ["closed"])
        assert (party["number"], party["trunk"]) == (MOBILE, company.trunk.name)


async def test_a_closed_hotline_that_leads_nowhere(company: Company) -> None:
    await company.add_hours_plan("office", override="closed")
    await company.change_hotline(hours="office", closed_cause="busy")
    await knows(company, "closed")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        assert await customer.refused() == 486
        assert alice.untaken == 0


async def test_the_switch_learns_that_a_hotline_opens(
    company: Company, office: Office, pbx: Instance
) -> None:
    """No engine lives when the call comes; the last change came by the clock alone."""
    await company.add_hours_plan("office", weekly=("daily 00:00-24:00",), override="closed")
    await company.change_hotline(hours="office", closed_destination="102")
    await leads_to(office, company, "102")
    opens_at = datetime.now(UTC) + timedelta(seconds=2)
    await company.change_hours_plan("office", override_until=opens_at)
    await leads_to(office, company, "101")
    assert datetime.now(UTC) >= opens_at
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await pbx.kill()
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await ring.hang_up()
        await customer.over()
        assert bob.untaken == 0
        await pbx.start()

        async def recorded() -> Any:
            return (await company.api.get("/v1/cdr")).json["data"]

        (record,) = await until(recorded)
        assert (record["status"], record["extension"]) == ("ANSWERED", "101")
        assert record["routed_by"] == []
