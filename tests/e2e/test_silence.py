"""A party that sends no audio: its call ends only after the time that the operator set, and its
record says so; a call on hold does not end by itself.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from testbed.company import HOTLINE, Company, Office, operated
from testbed.instance import Instance
from testbed.phones import SippSetup, talk
from testbed.until import until

SILENCE_S = 4


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance that ends silent calls soon."""
    with tempfile.TemporaryDirectory(prefix="tongdai-silence-") as folder:
        instance = Instance(Path(folder), sandbox=False, silence_s=str(SILENCE_S))
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


async def only_record(company: Company) -> dict[str, Any]:
    """The company's only CDR, which comes a moment after its call."""

    async def found() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await company.api.get("/v1/cdr")).json["data"]
        return listed

    records: list[dict[str, Any]] = await until(found, 10)
    (record,) = records
    return record


async def test_a_silent_talk_ends_by_the_operators_limit(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        customer.voice.fall_silent()
        await asyncio.sleep(SILENCE_S / 2)
        assert not ring.received("BYE")
        await customer.over()
        await ring.over()
    record = await only_record(company)
    assert (record["status"], record["cause"]) == ("ANSWERED", "MEDIA_TIMEOUT")
    assert record["hangup_by"] == "system"


async def test_a_call_on_hold_goes_on(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await ring.hold()
        ring.voice.fall_silent()
        await asyncio.sleep(SILENCE_S * 2)
        assert not customer.received("BYE")
        await customer.hears_music()
        await ring.hang_up()
        await customer.over()
    record = await only_record(company)
    assert (record["cause"], record["hangup_by"]) == ("NORMAL_CLEARING", "callee")
