"""Deliveries as a CRM's receiver sees them: signed, with its key, again when it failed, each call
in order.
"""

import base64
import hashlib
import hmac
import time

import msgspec

from testbed.company import HOTLINE, Company
from testbed.hooks import APIKEY, Hook
from testbed.receivers import Received, receiving
from testbed.until import until


async def test_every_delivery_is_signed_and_carries_the_callback_apikey(
    company: Company, hook: Hook
) -> None:
    await a_missed_call(company)
    await hook.expect("ringing")
    await hook.over(missed=True)
    for request in hook.received:
        state = msgspec.json.decode(request.body)["state"]
        assert request.headers["Authorization"] == APIKEY
        assert request.headers["Content-Type"].startswith("application/json")
        assert is_signed(request, hook.secrets[state]), state
        other = next(secret for name, secret in hook.secrets.items() if name != state)
        assert not is_signed(request, other), "each subscription has a secret of its own"
    assert len({request.headers["webhook-id"] for request in hook.received}) == len(hook.received)


async def test_what_failed_comes_again_and_what_follows_waits_for_it(company: Company) -> None:
    async with receiving(lambda _: 200 if len(receiver.requests) > 1 else 500) as receiver:
        await Hook(receiver).subscribe(company.api)
        await a_missed_call(company)
        await until(lambda: len(receiver.requests) == 5, 20)
    failed, again, *_ = receiver.requests
    assert receiver.states() == ["ringing", "ringing", "hangup", "missed", "cdr"]
    assert failed.headers["webhook-id"] == again.headers["webhook-id"]
    assert failed.body == again.body


async def test_every_subscription_gets_its_own_delivery(company: Company) -> None:
    async with receiving() as one, receiving() as other:
        await Hook(one).subscribe(company.api, "cdr")
        await Hook(one).subscribe(company.api, "cdr")
        await Hook(other).subscribe(company.api, "hangup", "cdr")
        await a_missed_call(company)
        await until(lambda: len(one.requests) == 2 and len(other.requests) == 2, 15)
    assert one.states() == ["cdr", "cdr"]
    assert sorted(other.states()) == ["cdr", "hangup"]


async def test_what_is_subscribed_no_more_comes_no_more(company: Company) -> None:
    async with receiving() as receiver:
        hook = Hook(receiver)
        await hook.subscribe(company.api, "hangup", "cdr")
        listed = (await company.api.get("/v1/event")).json["data"]
        assert {event["event_name"] for event in listed} == {"hangup", "cdr"}
        hangup = next(event for event in listed if event["event_name"] == "hangup")
        deleted = await company.api.ask("DELETE", f"/v1/event/{hangup['event_domain_uuid']}", {})
        assert deleted.json == {"deleted": True}
        await a_missed_call(company)
        await hook.expect("cdr")
    assert receiver.states() == ["cdr"]


async def a_missed_call(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        await (await alice.called()).reject(486)
        await customer.refused()


def is_signed(request: Received, secret: str) -> bool:
    """Standard Webhooks 1.0, checked as a receiver does that knows nothing but the standard."""
    message_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    assert abs(time.time() - int(timestamp)) < 300
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message_id.encode(), timestamp.encode(), request.body))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{expected}" in request.headers["webhook-signature"].split()
