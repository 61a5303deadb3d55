"""Media of a call, and before it: early media, digits, hold."""

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import PATIENCE_S, talk
from testbed.until import until

TALK_S = 5.0


async def test_the_caller_hears_the_carriers_announcement(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        announcement = await carrier.called()
        await announcement.progress()
        await call.progressing()
        await call.hears(announcement)
        await announcement.reject(480)
        assert await call.refused() == 480


async def test_early_media_passes_both_ways(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        announcement = await carrier.called()
        await announcement.progress()
        await call.progressing()
        await talk(call, announcement)
        await announcement.answer()
        await call.answered()
        await talk(call, announcement)
        await call.hang_up()
        await announcement.over()


async def test_digits_pass_both_ways(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        ring.voice.dial("19#")
        customer.voice.dial("*05")
        await until(lambda: customer.voice.digits == "19#", PATIENCE_S)
        await until(lambda: ring.voice.digits == "*05", PATIENCE_S)
        await talk(ring, customer)


async def test_who_is_on_hold_hears_music(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await talk(call, customer)
        await call.hold()
        await customer.hears_music()
        await call.resume()
        await talk(call, customer)
        await customer.hang_up()
        await call.over()


async def test_a_customer_holds_too(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await customer.hold()
        await ring.hears_music()
        await customer.resume()
        await talk(ring, customer)


@pytest.mark.parametrize("burst", [3, 5])
@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_packets_in_bursts_do_not_stretch_a_recording(
    company: Company, hook: Hook, burst: int, who: str
) -> None:
    """As over mobile networks and Wi-Fi: nothing is lost, but it comes 60 or 100 ms at once."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        (customer if who == "customer" else ring).voice.burst = burst
        await ring.answer()
        await customer.answered()
        await talk(ring, customer, seconds=TALK_S)
        await customer.hang_up()
        await ring.over()
    ringing = await hook.expect("ringing")
    await hook.expect("answered")
    cdr = await hook.over(call_id=ringing["call_id"])
    recording = (await company.api.get(cdr["recording_url"])).body
    samples = tones.samples_of(recording)
    seconds = len(samples) / tones.RATE_HZ
    assert seconds <= cdr["billsec"] + 1.5, "it is no longer than the talk"
    for party in (ring, customer):
        heard = tones.longest(samples, party.voice.hertz)
        assert heard >= 0.85 * TALK_S, party.voice.hertz
