"""A customer calls the hotline of an extension: right answer, events in order, record."""

from typing import Any

from testbed import wire
from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, talk

CUSTOMER = "0909000111"


async def test_it_is_answered(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await customer.ringing()
        who: dict[str, Any] = {
            "direction": "inbound",
            "from_number": CUSTOMER,
            "to_number": "101",
            "hotline": HOTLINE,
            "domain": company.name,
            "sip_call_id": ring.sip_call_id,
        }
        call_id = (await hook.expect("ringing", **who, duration=0, billsec=0, recording_url=""))[
            "call_id"
        ]
        who |= {"call_id": call_id, "conversation_id": call_id}
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", **who)
        await talk(ring, customer, seconds=1.2)
        await ring.hang_up()
        await customer.over()
        cdr = await hook.over(**who)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "id": call_id,
            "status": "ANSWERED",
            "cause": "NORMAL_CLEARING",
            "direction": 2,
            "extension": "101",
            "from_number": CUSTOMER,
            "to_number": HOTLINE,
            "hotline": HOTLINE,
            "receive_dest": "",
            "hangup_by": "callee",
            "recording_status": "ready",
            "recording_url": cdr["recording_url"],
        }
        assert record["duration"] >= record["billsec"] >= 1
        assert cdr["duration"] == record["duration"]
        assert cdr["billsec"] == record["billsec"]
        assert record["time_started"] <= record["time_answered"] < record["time_ended"]


async def test_it_is_busy(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.called()
        call_id = (await hook.expect("ringing"))["call_id"]
        await ring.reject(486)
        assert await customer.refused() == 486
        cdr = await hook.over(missed=True, call_id=call_id, billsec=0, recording_url="")
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "BUSY",
            "cause": "USER_BUSY",
            "extension": "101",
            "time_answered": "",
            "hangup_by": "callee",
        }


async def test_it_is_rejected(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await hook.expect("ringing")
        await ring.reject(603)
        assert await customer.refused() == 603
        cdr = await hook.over(missed=True)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "BUSY",
            "cause": "CALL_REJECTED",
            "hangup_by": "callee",
        }


async def test_nobody_answers(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await hook.expect("ringing")
        await ring.cancelled()  # after the extension's 5 seconds
        assert await customer.refused() == 480
        cdr = await hook.over(missed=True)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "NO-ANSWERED",
            "cause": "NO_ANSWER",
            "billsec": 0,
            "hangup_by": "system",
        }
        assert record["duration"] >= 4


async def test_nobody_is_registered(company: Company, hook: Hook) -> None:
    async with company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        assert await customer.refused() == 480
        cdr = await hook.over(missed=True, to_number="101", sip_call_id=customer.sip_call_id)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "NOT-AVAILABLE",
            "cause": "SUBSCRIBER_ABSENT",
            "extension": "101",
        }


async def test_the_customer_gives_up(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        call_id = (await hook.expect("ringing"))["call_id"]
        await customer.ringing()
        await customer.cancel()
        await ring.cancelled()
        await hook.over(missed=True, call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "hangup_by": "caller",
        }


async def test_a_number_that_is_nobodys(company: Company, hook: Hook, office: Office) -> None:
    """It is booked in no company: the operator finds it in the log."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls("02839999998")
        assert await customer.refused() == 404
        assert alice.untaken == 0
    assert (await company.api.get("/v1/cdr")).json["data"] == []
    assert "dialled=02839999998" in office.instance.said


async def test_two_calls_at_once_on_one_extension(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        first = await carrier.calls(HOTLINE, "0909000111")
        ring = await alice.rings()
        one = await hook.expect(
            "ringing", from_number="0909000111", to_number="101", sip_call_id=ring.sip_call_id
        )
        await ring.answer()
        await first.answered()
        await hook.expect("answered", call_id=one["call_id"])

        second = await carrier.calls(HOTLINE, "0909000222")
        waiting = await alice.rings()
        two = await hook.expect(
            "ringing", from_number="0909000222", to_number="101", sip_call_id=waiting.sip_call_id
        )
        assert one["call_id"] != two["call_id"]
        await ring.hold()
        await waiting.answer()
        await second.answered()
        await hook.expect("answered", call_id=two["call_id"])
        await talk(waiting, second)

        third = await carrier.calls(HOTLINE, "0909000333")
        assert await third.refused() == 486, "an extension has two calls at once, no more"
        await hook.over(missed=True, from_number="0909000333", to_number="101")

        await second.hang_up()
        await waiting.over()
        await hook.over(call_id=two["call_id"], from_number="0909000222")
        await ring.resume()
        await talk(ring, first)
        await ring.hang_up()
        await first.over()
        await hook.over(call_id=one["call_id"], from_number="0909000111")


async def test_several_phones_of_the_extension_are_one_in_events(
    company: Company, hook: Hook
) -> None:
    async with (
        company.phone("101") as desk,
        company.phone("101", hertz=BOB_HZ) as mobile,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        on_desk, on_mobile = await desk.rings(), await mobile.rings()
        call_id = (await hook.expect("ringing", to_number="101"))["call_id"]
        await on_mobile.answer()
        await on_desk.cancelled()
        await customer.answered()
        await hook.expect("answered", call_id=call_id, sip_call_id=on_mobile.sip_call_id)
        await customer.hang_up()
        await hook.over(call_id=call_id, to_number="101")


async def test_a_request_that_comes_by_two_ways_is_one_call(
    company: Company, office: Office, hook: Hook
) -> None:
    """RFC 3261 §8.2.2.2: the second one gets 482."""
    to = f"{HOTLINE}@{office.instance.sip}"
    async with (
        company.phone("101") as alice,
        wire.udp(office.instance.sip, company.address) as line,
    ):
        first = wire.request(line, "INVITE", "0909000111", "c.vn", to=to, call="twin", body=SDP)
        await line.send(first)
        ring = await alice.rings()
        await hook.expect("ringing")
        second = await wire.ask(line, first.replace(b"z9hG4bKtwin", b"z9hG4bKother"))
        assert wire.status(second) == 482
        assert "z9hG4bKother" in second
        assert alice.untaken == 0
        cancel = first.replace(b"INVITE", b"CANCEL").partition(b"Content-Type")[0]
        await line.send(cancel + b"Content-Length: 0\r\n\r\n")
        await ring.cancelled()
    await hook.over(missed=True)
    assert len((await company.api.get("/v1/cdr")).json["data"]) == 1


SDP = (
    *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
    "m=audio 4000 RTP/AVP 8",
)
