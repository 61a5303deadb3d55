"""What the timeline tells of real calls."""

from typing import Any

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import talk
from testbed.until import until
from tests.e2e.steering import CUSTOMER, control, talking


async def timeline(company: Company, name: str) -> list[dict[str, Any]]:
    found = (await company.api.get(f"/v1/calls/{name}/timeline")).json
    assert found["id"] == name
    data: list[dict[str, Any]] = found["data"]
    assert data == sorted(data, key=lambda entry: entry["at"])
    return data


def of(entries: list[dict[str, Any]], kind: str) -> list[str]:
    return [entry["what"] for entry in entries if entry["kind"] == kind]


async def test_a_talk_is_told_while_it_goes_on_and_afterwards(
    company: Company, hook: Hook
) -> None:
    """Signals, the decision, events, their deliveries, what a user asked, the recording."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "recording", do="pause") == (200, "")
        live = await timeline(company, name)
        assert of(live, "signal")[0] == "arrived"
        assert "ring" in of(live, "decision")
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
    await until(lambda: hook.events and hook.events[-1]["state"] == "cdr")
    hook.expect_no_more()
    await until(company.is_quiet, 15)

    async def whole() -> list[dict[str, Any]] | None:
        entries = await timeline(company, name)
        return entries if len(of(entries, "delivery")) == len(hook.events) else None

    entries = await until(whole)
    assert of(entries, "event") == [event["state"] for event in hook.events]
    assert set(of(entries, "delivery")) == {"delivered"}
    assert of(entries, "action") == ["record"]
    assert of(entries, "recording") == ["ready"]
    delivery = next(entry for entry in entries if entry["kind"] == "delivery")
    assert delivery["http_status"] == 200
    assert delivery["url"].startswith("http")
    signals = of(entries, "signal")
    for what in ("dialed", "ringing", "answered", "control_asked", "executed", "hung_up"):
        assert what in signals, what
    ringing = next(entry for entry in entries if entry["what"] == "ring")
    assert ringing["party"] == "101"


async def test_a_phone_that_refuses_is_told_with_its_sip_response(
    company: Company, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.phone("102") as bob:
        call = await alice.calls("102")
        await (await bob.rings()).reject(486)
        assert await call.refused() == 486
    await until(lambda: hook.events and hook.events[-1]["state"] == "cdr")
    hook.expect_no_more()
    await until(company.is_quiet, 15)
    name = hook.events[-1]["conversation_id"]
    entries = await timeline(company, name)
    (refused,) = [
        entry for entry in entries if (entry["what"], entry.get("party")) == ("hung_up", "102")
    ]
    assert (refused["sip_status"], refused["cause"]) == (486, "USER_BUSY")
