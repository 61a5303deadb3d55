"""Calls are parked, by transfer and by command, and taken back by others, or come back."""

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import ALICE_HZ, BOB_HZ, CUSTOMER_HZ, talk
from testbed.until import until
from tests.e2e.steering import CUSTOMER, control, live, talking
from tests.e2e.test_menus import record_of
from tests.lab import recorded


async def parked(company: Company, slot: str = "1") -> None:
    """The live call shows its slot."""

    async def is_shown() -> bool:
        shown = await live(company)
        return (shown["state"], shown["park_slot"]) == ("parked", slot)

    await until(is_shown)


async def test_a_customer_is_parked_and_taken_back(company: Company, hook: Hook) -> None:
    await hook.subscribe(company.api, "parked")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await hook.expect("ringing", to_number="101")
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", to_number="101")
        await talk(ring, customer)
        await ring.refer(f"<sip:*70@{company.name}>")
        await hook.expect_in_any_order("parked", "hangup")
        await customer.hears_music()
        await parked(company)

        back = await bob.calls("*711")
        await back.answered()
        told = await hook.expect_in_any_order("ringing", "answered")
        assert {each["to_number"] for each in told} == {"102"}
        assert {tuple(each["routed_by"]) for each in told} == {("parked:1",)}
        await talk(back, customer, seconds=3)
        await customer.hang_up()
        await back.over()
        await hook.expect("hangup", to_number="102")
        await hook.expect("cdr", from_number=CUSTOMER)
        record, samples = await recorded(company)
    assert (record["status"], record["routed_by"]) == ("ANSWERED", ["parked:1"])
    assert [each["number"] for each in record["participants"]] == ["102"]
    for hertz in (ALICE_HZ, BOB_HZ, CUSTOMER_HZ):
        assert tones.longest(samples, hertz) > 0.9, hertz
    assert len(await company.found()) == 1, "taking it back is no call of its own"


async def test_a_talk_is_parked_by_command_and_comes_back(company: Company) -> None:
    await company.change(park_timeout_s=10)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "park") == (200, "")
        await ring.over()
        await parked(company)
        assert await control(company, name, "hold") == (409, "CALL_NOT_TALKING")
        again = await alice.rings()
        await again.answer()
        await talk(again, customer)
        await again.hang_up()
        await customer.over()
    record = await record_of(company, CUSTOMER)
    assert (record["status"], record["routed_by"]) == ("ANSWERED", ["parked:1"])


async def test_who_waits_longest_is_taken_back_first(company: Company) -> None:
    await company.change_extension("101", max_calls=4)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customers = []
        for number in (CUSTOMER, "0909000222"):
            customer = await carrier.calls(HOTLINE, number)
            ring = await alice.rings()
            await ring.answer()
            await customer.answered()
            await talk(ring, customer)
            await ring.refer(f"<sip:*70@{company.name}>")
            await customer.hears_music()
            customers.append(customer)
        back = await bob.calls("*71")
        await back.answered()
        await talk(back, customers[0])
        nobody = await bob.calls("*719")
        assert await nobody.refused() == 480
        await customers[1].hang_up()
        await back.hang_up()
        await customers[0].over()


async def test_a_parked_customer_whose_engine_dies_comes_back(
    company: Company, pbx: Instance
) -> None:
    """101, who parked it, rings when the time is over; and who has been taken back talks on."""
    await company.change(park_timeout_s=10)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        first = await carrier.calls(HOTLINE, "0909000222")
        ring = await alice.rings()
        await ring.answer()
        await first.answered()
        await talk(ring, first)
        await ring.refer(f"<sip:*70@{company.name}>")
        await first.hears_music()
        back = await bob.calls("*711")
        await back.answered()
        await talk(back, first)
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await ring.refer(f"<sip:*70@{company.name}>")
        await customer.hears_music()
        await pbx.kill()
        again = await alice.rings()
        await again.answer()
        await talk(again, customer)
        await talk(back, first)
        await customer.hang_up()
        await again.over()
        await first.hang_up()
        await back.over()
        await pbx.start()
    for number in (CUSTOMER, "0909000222"):
        record = await record_of(company, number)
        assert (record["status"], record["hangup_by"]) == ("ANSWERED", "caller")
    assert len(await company.found()) == 2
