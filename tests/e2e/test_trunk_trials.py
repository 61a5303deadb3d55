"""A test call of a trunk, as an operator makes it: what the carrier answers is told."""

import asyncio
from typing import Any

from testbed.company import HOTLINE, PASSWORD, Answer, Api, Company, Office, log_in
from tongdai import ids
from tongdai.store import operators

CUSTOMER = "0909000111"


async def operator(office: Office) -> Api:
    async with office.database.transaction() as tx:
        made = await operators.insert(tx, office.master_key, f"o{ids.new().hex}", PASSWORD)
    return await log_in(office.instance.ready["base_url"], made.username, PASSWORD)


async def tried(api: Api, company: Company, **given: Any) -> Answer:
    body = {"number": CUSTOMER, **given}
    return await api.ask("POST", "/v1/admin/trunks/ip/test", {"domain": company.name}, body)


async def test_a_call_that_is_answered_ends_at_once(company: Company, office: Office) -> None:
    api = await operator(office)
    async with company.carrier() as carrier:
        asking = asyncio.create_task(tried(api, company))
        call = await carrier.rings()
        await call.answer()
        await call.over()
        trial = (await asking).json
    assert (trial["result"], trial["number"], trial["caller"]) == ("answered", CUSTOMER, HOTLINE)
    assert 0 <= trial["rang_after_ms"] <= trial["answered_after_ms"] <= trial["ended_after_ms"]
    logged = (await api.get("/v1/admin/audit", domain=company.name, noun="trunk")).json["data"][0]
    assert (logged["name"], logged["after"]) == ("ip", {"test_call": CUSTOMER})
    assert logged["actor"].startswith("operator:")
    assert await company.found() == [], "it is no call of the company"


async def test_a_carriers_refusal_is_told_with_its_reason(
    company: Company, office: Office
) -> None:
    api = await operator(office)
    async with company.bare_carrier() as carrier:
        asking = asyncio.create_task(tried(api, company))
        invited = await carrier.invited()
        again = await tried(api, company)
        assert (again.status, again.json["field"]) == (409, "trunk"), "one at a time"
        await invited.respond("403 Forbidden")
        trial = (await asking).json
    assert (trial["result"], trial["sip_status"]) == ("refused", 403)
    assert (trial["q850"], trial["cause"]) == (21, "CALL_REJECTED")
    assert (trial["rang_after_ms"], trial["answered_after_ms"]) == (None, None)


async def test_nobody_who_answers_is_called_off(company: Company, office: Office) -> None:
    api = await operator(office)
    async with company.bare_carrier() as carrier:
        asking = asyncio.create_task(tried(api, company, ring_s=5))
        invited = await carrier.invited()
        await invited.respond("180 Ringing")
        await invited.cancelled()
        trial = (await asking).json
    assert (trial["result"], trial["cause"]) == ("no_answer", "NO_ANSWER")
    assert trial["ended_after_ms"] >= 5000


async def test_a_talk_lasts_as_long_as_was_asked(company: Company, office: Office) -> None:
    api = await operator(office)
    async with company.carrier() as carrier:
        asking = asyncio.create_task(tried(api, company, talk_s=2))
        call = await carrier.rings()
        await call.answer()
        await call.over()
        trial = (await asking).json
    assert trial["ended_after_ms"] - trial["answered_after_ms"] >= 1900
