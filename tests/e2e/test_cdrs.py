"""The records of real calls are found by ids, filters, pages and scrolls."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.phones import talk
from testbed.until import until
from tongdai import ids

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


async def test_the_record_is_there_within_a_second_of_hangup(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await customer.hang_up()
    call_id = (await hook.expect("ringing"))["call_id"]
    await hook.expect("answered")
    await hook.expect("hangup")

    async def is_there() -> bool:
        return (await company.api.get(f"/v1/cdr/{call_id}")).status == 200

    await until(is_there, 1)
    assert (await company.api.cdr(call_id))["status"] == "ANSWERED"
    await hook.expect("cdr")
    assert (await company.api.cdr(call_id))["recording_status"] == "ready"


async def test_the_ids_of_a_call_and_its_legs_hold_the_time_when_it_began(
    company: Company, hook: Hook
) -> None:
    """They are made by the dialplan, for phones and trunks, and by us."""
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        missed = await carrier.calls(HOTLINE)
        await (await alice.called()).reject(486)
        await missed.refused()
        heard = [await hook.expect("ringing"), await hook.over(missed=True)]
        local = await bob.calls("101")
        await (await alice.rings()).reject(603)
        await local.refused()
        heard += [await hook.expect("ringing"), await hook.over()]

    for body in heard:
        record = await company.api.cdr(body["conversation_id"])
        began = datetime.fromisoformat(record["time_started"]).replace(tzinfo=HANOI)
        for name in (body["call_id"], body["conversation_id"], record["call_id"]):
            made = ids.time_of(uuid.UUID(name))
            assert made, name
            assert -timedelta(seconds=1) < made - began < timedelta(seconds=2)


async def test_another_company_finds_nothing_of_it(
    company: Company, hook: Hook, office: Office
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.called()
        await ring.reject(486)
        await customer.refused()
    await hook.expect("ringing")
    call_id = (await hook.over(missed=True))["call_id"]
    other = (await office.company()).api
    unknown = await other.get(f"/v1/cdr/{uuid.uuid4()}")
    for known_as in (call_id, ring.sip_call_id):
        assert (await company.api.get(f"/v1/cdr/{known_as}")).status == 200
        refused = await other.get(f"/v1/cdr/{known_as}")
        assert (refused.status, refused.json) == (404, unknown.json)
    assert (await other.get("/v1/cdr")).json["data"] == []


async def test_calls_are_listed_newest_first_and_filtered(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        missed = await carrier.calls(HOTLINE, "0909000111")
        await (await alice.called()).reject(486)
        await missed.refused()
        await hook.expect("ringing")
        await hook.over(missed=True)

        out = await bob.calls("0909000222")
        await (await carrier.called()).reject(404)
        await out.refused()
        await hook.expect("ringing")
        await hook.over()

        local = await bob.calls("101")
        await (await alice.rings()).reject(603)
        await local.refused()
        await hook.expect("ringing")
        await hook.over()

    async def found(**query: Any) -> list[int]:
        """Directions of the calls found."""
        return [
            record["direction"]
            for record in (await company.api.get("/v1/cdr", **query)).json["data"]
        ]

    assert await found() == [1, 3, 2]
    assert await found(direction="inbound") == [2]
    assert await found(direction="3") == [3]
    assert await found(phone="0909000222") == [3]
    assert await found(phone="+84909000111") == [2]
    assert await found(extension="102") == [1, 3]
    assert await found(status="BUSY") == [1, 2]
    assert await found(extension="101") == [1, 2]
    assert await found(status="INVALID", extension="102") == [3]
    assert await found(start_date="2001-01-01", end_date="2001-01-02") == []

    pages = [(await company.api.get("/v1/cdr", page=page, limit=2)).json for page in (1, 2)]
    assert [[record["direction"] for record in page["data"]] for page in pages] == [[1, 3], [2]]
    assert [(page["page"], page["limit"], page["total"]) for page in pages] == [
        (1, 2, 3),
        (2, 2, 3),
    ]

    scroll = (await company.api.get("/v1/cdr")).json
    assert [record["direction"] for record in scroll["data"]] == [1, 3, 2]
    end = (await company.api.get("/v1/cdr", scroll_id=scroll["scroll_id"])).json
    assert end == {"data": [], "scroll_id": ""}
