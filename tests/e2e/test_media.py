"""Media of a call, and before it: early media, digits, hold."""

import pytest

from testbed.company import HOTLINE, Company
from testbed.phones import PATIENCE_S, talk
from testbed.until import until


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


@pytest.mark.shows("sipp", "keys", "keys heard")
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


@pytest.mark.shows("sipp", "hold")
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
