"""Talks put on hold by command, and taken back: who hears whom, also in the recording."""

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import ALICE_HZ, BOB_HZ, CUSTOMER_HZ, talk
from tests.e2e.steering import CUSTOMER, control, live, shown_talking, talking
from tests.lab import recorded


async def test_a_talk_is_put_on_hold_and_taken_back_twice(company: Company, hook: Hook) -> None:
    await hook.subscribe(company.api, "hold", "unhold")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        await hook.expect("ringing")
        await hook.expect("answered")

        for _ in range(2):
            assert await control(company, name, "hold") == (200, "")
            await hook.expect("hold", to_number="101", conversation_id=name)
            await customer.hears_music()
            await ring.hears_music()
            assert (await live(company))["held_until"]
            assert await control(company, name, "hold") == (409, "NOTHING_TO_CHANGE")

            assert await control(company, name, "unhold") == (200, "")
            await hook.expect("unhold", to_number="101", conversation_id=name)
            await talk(ring, customer)
            assert (await live(company))["held_until"] is None
            assert await control(company, name, "unhold") == (409, "NOTHING_TO_CHANGE")

        await ring.hang_up()
        await customer.over()
        cdr = await hook.over(conversation_id=name)
        assert (cdr["status"], cdr["hangup_by"]) == ("ANSWERED", "callee")
        assert await control(company, name, "hold") == (409, "CALL_ENDED")
        _, samples = await recorded(company)
        assert tones.longest(samples, ALICE_HZ) > 1.5, "the extension, in all three talks"
        assert tones.longest(samples, CUSTOMER_HZ) > 1.5, "the customer"


async def test_who_waits_hangs_up_and_the_other_one_is_released(
    company: Company, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        for customer_leaves in (True, False):
            customer = await carrier.calls(HOTLINE, CUSTOMER)
            ring = await alice.rings()
            name = await talking(company, ring, customer)
            assert await control(company, name, "hold") == (200, "")
            await customer.hears_music()
            leaves, stays = (customer, ring) if customer_leaves else (ring, customer)
            await leaves.hang_up()
            await stays.over()
            await hook.expect("ringing")
            await hook.expect("answered")
            cdr = await hook.over(conversation_id=name)
            assert cdr["hangup_by"] == ("caller" if customer_leaves else "callee")


async def test_a_called_customer_and_a_click_to_call_are_put_on_hold(company: Company) -> None:
    """The extension is the one that Dial() runs on."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await talk(call, customer)
        name = await shown_talking(company)
        assert await control(company, name, "hold") == (200, "")
        await customer.hears_music()
        assert await control(company, name, "unhold") == (200, "")
        await talk(call, customer)
        await customer.hang_up()
        await call.over()
        _, samples = await recorded(company)
        assert tones.longest(samples, CUSTOMER_HZ) > 1.0

        await company.api.click("101", CUSTOMER)
        own = await alice.rings()
        await own.answer()
        customer = await carrier.rings()
        await customer.answer()
        await talk(own, customer)
        name = await shown_talking(company)
        assert await control(company, name, "hold") == (200, "")
        await customer.hears_music()
        assert await control(company, name, "unhold") == (200, "")
        await talk(own, customer)
        await own.hang_up()
        await customer.over()


async def test_a_phone_holds_by_itself(company: Company, hook: Hook) -> None:
    await hook.subscribe(company.api, "hold", "unhold")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        await hook.expect("ringing")
        await hook.expect("answered")
        await ring.hold()
        await hook.expect("hold", conversation_id=name, extension="101")
        assert [leg["number"] for leg in (await live(company))["legs"] if leg["holds"]] == ["101"]
        await ring.resume()
        await hook.expect("unhold", conversation_id=name, extension="101")
        assert not any(leg["holds"] for leg in (await live(company))["legs"])
        # and a talk that has been on hold by command is transferred by the phone as any other
        assert await control(company, name, "hold") == (200, "")
        assert await control(company, name, "unhold") == (200, "")
        await hook.expect("hold")
        await hook.expect("unhold")
        await talk(ring, customer)
        async with company.phone("102", hertz=BOB_HZ) as bob:
            await ring.refer(f"<sip:102@{company.name}>")
            with_bob = await bob.rings()
            await with_bob.answer()
            await talk(with_bob, customer)
            await customer.hang_up()
            await with_bob.over()
        await hook.expect_in_any_order("hangup", "ringing")
        await hook.expect("answered", to_number="102")
        await hook.over()
        _, samples = await recorded(company)
        for hertz in (ALICE_HZ, CUSTOMER_HZ, BOB_HZ):
            assert tones.longest(samples, hertz) > 0.4, hertz
