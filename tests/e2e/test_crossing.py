"""A customer's CANCEL crosses with the answer of a phone (RFC 3261 §9.2): record and events say
what the customer was told.
"""

import asyncio
import re
from collections.abc import Sequence

import pytest

from testbed import wire
from testbed.company import HOTLINE, PASSWORD, Company, Office
from testbed.until import until

SDP = (
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 40000 RTP/AVP 8",
    "a=rtpmap:8 PCMA/8000",
)
CALLER = "0909000111"


@pytest.mark.parametrize("is_answer_first", [True, False])
async def test_the_record_says_what_the_customer_was_told(
    company: Company, office: Office, *, is_answer_first: bool
) -> None:
    switch = office.instance.sip
    async with (
        wire.udp(switch) as desk,
        wire.udp(switch, company.address) as customer,
    ):
        answers = await wire.authenticated(desk, "REGISTER", "101", company.name, PASSWORD)
        assert [wire.status(answer) for answer in answers] == [401, 200]
        for number in range(3):
            call = f"crossing-{company.name}-{is_answer_first}-{number}"
            told = await crossing(desk, customer, switch, call, is_answer_first=is_answer_first)
            await is_recorded(company, call)
            record = await company.api.cdr(call)
            states = await published(company, record["id"])
            if told == 487:
                assert record == record | {"status": "CANCEL", "time_answered": "", "billsec": 0}
                assert states[-3:] == ["hangup", "missed", "cdr"]
            else:
                assert record["status"] == "ANSWERED"
                assert states == ["ringing", "answered", "hangup", "cdr"]


async def crossing(
    desk: wire.Wire, customer: wire.Wire, switch: str, call: str, *, is_answer_first: bool
) -> int:
    """The status of the customer's INVITE."""

    def asks(method: str, *, cseq: int = 1, body: Sequence[str] = ()) -> bytes:
        to = f"{HOTLINE}@{switch}"
        return wire.request(
            customer, method, CALLER, "carrier.example.vn", to=to, call=call, cseq=cseq, body=body
        )

    await customer.send(asks("INVITE", body=SDP))
    invite = await wire.called(desk)
    await wire.reply(desk, invite, "180 Ringing")
    await final(customer, least=180)
    contact = f"Contact: <sip:101@{desk.address}>"
    answering = wire.reply(desk, invite, "200 OK", contact, body=SDP)
    cancelling = customer.send(asks("CANCEL"))
    for step in (answering, cancelling) if is_answer_first else (cancelling, answering):
        await step
    response = await final(customer, least=200)
    tagged = re.search(r"(?im)^To: .*", response)
    assert tagged
    to = re.compile(rb"(?im)^To: .*")
    ack = to.sub(tagged[0].strip().encode(), asks("ACK"))
    await customer.send(ack)
    if wire.status(response) == 200:
        bye = to.sub(tagged[0].strip().encode(), asks("BYE", cseq=2))
        await customer.send(bye)
    bye_of_switch = await wire.next_request(desk, "BYE")
    await wire.reply(desk, bye_of_switch, "200 OK")
    return wire.status(response)


async def final(line: wire.Wire, *, least: int) -> str:
    """The next response to an INVITE with such a status or a higher one."""
    async with asyncio.timeout(wire.ANSWER_S):
        while True:
            message = (await line.receive()).decode()
            is_response = message.startswith("SIP/2.0 ") and "INVITE" in message
            if is_response and wire.status(message) >= least:
                return message


async def published(company: Company, conversation: str) -> list[str]:
    events = (await company.api.get("/v1/event/feed?limit=1000")).json["data"]
    return [one["event"] for one in events if one["body"].get("conversation_id") == conversation]


async def is_recorded(company: Company, call: str) -> None:
    async def is_there() -> bool:
        answer = await company.api.get(f"/v1/cdr/{call}")
        return answer.status == 200 and "cdr" in await published(company, answer.json["id"])

    await until(is_there, 20)
