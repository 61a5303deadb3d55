"""Recordings where packets come in bursts, with TONGDAI_JITTER_BUFFER_MS."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company, Office, operated
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import SippSetup, talk

TALK_S = 5.0


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance with jitter buffers."""
    with tempfile.TemporaryDirectory(prefix="tongdai-jitter-") as folder:
        instance = Instance(
            Path(folder), sandbox=False, jitter_buffer_ms="400", callback_allow="127.0.0.0/8"
        )
        try:
            await instance.start()
            yield instance
        finally:
            await instance.end()


@pytest.fixture(scope="module")
async def office(pbx: Instance, sipp_command: list[str]) -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory(prefix="tongdai-sipp-") as folder:
        async with operated(pbx, SippSetup(sipp_command, Path(folder), pbx.sip)) as made:
            yield made


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
    assert seconds <= cdr["billsec"] + 1.5, "it is no longer than the talk"
    for party in (ring, customer):
        heard = tones.longest(samples, party.voice.hertz)
        assert heard >= 0.85 * TALK_S, party.voice.hertz
