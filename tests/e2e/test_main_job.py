"""What tongdai is for, from the reference alone: log in, subscribe, click to call, talk, find the call, play it."""

from tests.e2e import tones
from tests.e2e.company import Company
from tests.e2e.hooks import Hook


async def test_click_to_call_from_subscription_to_recording(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        clicked = await company.api.click("101", "0909000111")
        assert (clicked.status, clicked.json["status"], clicked.json["data"]["message"]) == (200, "success", "success")
        call_id = clicked.json["call_id"]

        ring = await alice.rings()
        who = {"call_id": call_id, "direction": "outbound", "from_number": "101", "to_number": "0909000111"}
        await hook.expect("ringing", **who, hotline="19001919", domain=company.name, sip_call_id=ring.sip_call_id)
        await ring.answer()
        customer = await carrier.rings()
        await customer.answer()
        await hook.expect("answered", **who, sip_call_id=ring.sip_call_id)
        await ring.hears(customer)
        await customer.hears(ring)

        await customer.hang_up()
        await ring.over()
        hangup = await hook.expect("hangup", **who)
        assert hangup["duration"] >= hangup["billsec"] >= 0
        cdr = await hook.expect("cdr", **who, conversation_id=call_id)

        played = await company.api.get(cdr["recording_url"])
        assert (played.status, played.headers["content-type"]) == (200, "audio/wav")
        samples = tones.samples_of(played.body)
        assert tones.longest(samples, ring.voice.hertz) > 0
        assert tones.longest(samples, customer.voice.hertz) > 0

        record = await company.api.cdr(call_id)
        assert record["status"] == "ANSWERED"
        assert record["cause"] == "NORMAL_CLEARING"
        assert await company.api.cdr(ring.sip_call_id) == record
        assert record["recording_url"] == cdr["recording_url"]
