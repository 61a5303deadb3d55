"""The main job of tongdai, from the reference alone: log in, subscribe, click to call, talk, find
the call, play it.
"""

import asyncio
from typing import Any

import aiohttp
import msgspec

from testbed import tones
from testbed.company import Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import talk
from testbed.receivers import receiving
from testbed.until import until

CUSTOMER = "0909000111"

# Every key that the reference documents
ACCOUNT = {"user_uuid", "domain_uuid", "username", "api_key", "user_enabled", "level"}
TOKEN = {"expired", "token", "user_id"}
EVENT = {
    "event_domain_uuid",
    "domain_uuid",
    "domain_name",
    "event_name",
    "callback_url",
    "callback_apikey",
}
HOOK = {
    *("call_id", "sip_call_id", "domain", "direction", "from_number", "to_number"),
    *("hotline", "state", "duration", "billsec", "recording_url"),
}
CDR = {
    *(
        "id",
        "sip_call_id",
        "cause",
        "duration",
        "direction",
        "recording_url",
        "extension",
        "from_number",
    ),
    *("to_number", "receive_dest", "time_started", "time_answered", "time_ended", "status"),
}


async def test_click_to_call_from_subscription_to_recording(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        clicked = await company.api.click("101", CUSTOMER)
        assert (clicked.status, clicked.json["status"], clicked.json["data"]["message"]) == (
            200,
            "success",
            "success",
        )
        call_id = clicked.json["call_id"]

        ring = await alice.rings()
        who = {
            "call_id": call_id,
            "direction": "outbound",
            "from_number": "101",
            "to_number": CUSTOMER,
        }
        await hook.expect(
            "ringing", **who, hotline="19001919", domain=company.name, sip_call_id=ring.sip_call_id
        )
        await ring.answer()
        customer = await carrier.rings()
        await customer.answer()
        await hook.expect("answered", **who, sip_call_id=ring.sip_call_id)
        await talk(ring, customer, seconds=1.2)

        await customer.hang_up()
        await ring.over()
        hangup = await hook.expect("hangup", **who)
        assert hangup["duration"] >= hangup["billsec"] >= 1
        cdr = await hook.expect("cdr", **who, conversation_id=call_id)

        played = await company.api.get(cdr["recording_url"])
        assert (played.status, played.headers["content-type"]) == (200, "audio/wav")
        samples = tones.samples_of(played.body)
        assert tones.longest(samples, ring.voice.hertz) > 1
        assert tones.longest(samples, customer.voice.hertz) > 1

        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "ANSWERED",
            "cause": "NORMAL_CLEARING",
            "direction": 3,
            "extension": "101",
        }
        assert await company.api.cdr(ring.sip_call_id) == record
        assert record["recording_url"] == cdr["recording_url"]


async def test_the_demo_company_serves_a_client_written_from_the_reference(pbx: Instance) -> None:
    """ready.json, HTTP and nothing else: a robot answers, a simulated customer hangs up after five
    seconds.
    """
    ready = pbx.ready
    async with aiohttp.ClientSession(ready["base_url"]) as client, receiving() as receiver:
        account = await ask(client, "POST", "/v1/auth", json=ready["admin"])
        assert account["data"].keys() >= ACCOUNT
        assert account["data"]["api_key"] == ready["api_key"]
        token = await ask(client, "POST", "/v1/auth/token", json={"api_key": ready["api_key"]})
        assert token["data"].keys() >= TOKEN
        client.headers["Authorization"] = f"Bearer {token['data']['token']}"

        for event in ("ringing", "answered", "hangup", "cdr"):
            wish = {"callback_url": receiver.url, "callback_apikey": "foo", "event": event}
            assert (await ask(client, "POST", "/v1/event", json=wish))["created"] is True
        subscribed = (await ask(client, "GET", "/v1/event"))["data"]
        assert all(event.keys() >= EVENT for event in subscribed)

        robots, customers = ready["sandbox"]["robots"], ready["sandbox"]["customers"]
        query = {"ext": robots["answers"], "phone": customers["hangs_up"]}
        assert (await ask(client, "GET", "/v1/click2call", params=query))["data"][
            "message"
        ] == "success"
        await until(lambda: len(receiver.requests) == 4, 30)
        told: list[dict[str, Any]] = [
            msgspec.json.decode(request.body) for request in receiver.requests
        ]
        assert [event["state"] for event in told] == ["ringing", "answered", "hangup", "cdr"]
        assert all(event.keys() >= HOOK for event in told)
        (call_id,) = {event["call_id"] for event in told}

        listed = await ask(
            client,
            "GET",
            "/v1/cdr",
            params={"page": 1, "limit": 10, "phone": customers["hangs_up"]},
        )
        assert (listed["page"], listed["limit"]) == (1, 10)
        record = next(record for record in listed["data"] if record["id"] == call_id)
        assert record.keys() >= CDR
        by_sip_call_id = await ask(client, "GET", f"/v1/cdr/{told[-1]['sip_call_id']}")
        assert by_sip_call_id == await ask(client, "GET", f"/v1/cdr/{call_id}")
        async with client.get(told[-1]["recording_url"]) as played:
            assert tones.longest(tones.samples_of(await played.read()), 450) > 2, (
                "the robot's tone"
            )

        for event in subscribed:
            deleted = await ask(client, "DELETE", f"/v1/event/{event['event_domain_uuid']}")
            assert deleted == {"deleted": True}
        assert (await ask(client, "GET", "/v1/event"))["data"] == []


async def ask(client: aiohttp.ClientSession, method: str, path: str, **what: Any) -> Any:
    async with asyncio.timeout(30), client.request(method, path, **what) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()
