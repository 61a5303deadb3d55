"""Recordings where packets come in bursts."""

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import talk

TALK_S = 8.0
BEFORE_S = 2.0
"""From the answer until a party that needs a jitter buffer has one that is long enough."""


@pytest.mark.parametrize("burst", [5, 10])
@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_packets_in_bursts_do_not_stretch_a_recording(
    company: Company, hook: Hook, burst: int, who: str
) -> None:
    """As over mobile networks and Wi-Fi: nothing is lost, but it comes 100 or 200 ms at once."""
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
    later = samples[round(BEFORE_S * tones.RATE_HZ) :]
    assert seconds <= cdr["billsec"] + 1.5, "it is no longer than the talk"
    for party in (ring, customer):
        heard = tones.longest(later, party.voice.hertz)
        assert heard >= 0.9 * (TALK_S - BEFORE_S), party.voice.hertz
