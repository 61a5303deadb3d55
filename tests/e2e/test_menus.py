"""A hotline leads to a menu: callers hear its prompt, and press keys."""

from typing import Any

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, CAROL_HZ, Talk, talk
from testbed.until import until

WELCOME_HZ, WRONG_HZ, OTHER_HZ = 700, 900, 1_200


@pytest.fixture
async def menu(company: Company) -> Company:
    """The hotline leads to menu 800: 1 and 2 are extensions, 3 is menu 801."""
    await company.add_prompt("Lời chào", tones.wav(WELCOME_HZ, rate_hz=22_050))
    await company.add_prompt("Sai phím", tones.wav(WRONG_HZ))
    await company.add_prompt("Khác", tones.wav(OTHER_HZ))
    await company.add_menu("801", prompt="Khác", keys=("0=103",))
    await company.add_menu(
        "800",
        prompt="Lời chào",
        invalid_prompt="Sai phím",
        keys=("1=101", "2=102", "3=801", "*=800"),
        direct_dialling=True,
        timeout_s=2,
        retries=1,
        overflow="103",
    )
    await company.point_hotline("800")
    return company


async def enters(company: Company, carrier: object) -> Talk:
    customer: Talk = await carrier.calls(HOTLINE, "0909000111")  # type: ignore[attr-defined]
    await customer.answered()
    await customer.hears(WELCOME_HZ)
    return customer


async def record_of(company: Company, customer: str) -> dict[str, Any]:
    """The record of the customer's only call, once it is written."""
    [found] = await until(lambda: company.found(phone=customer), 15)
    return await company.api.cdr(found)


async def passed(company: Company) -> list[str]:
    """What the call of 0909000111 has passed."""
    found: list[str] = (await record_of(company, "0909000111"))["routed_by"]
    return found


async def test_a_key_leads_to_an_extension(menu: Company, hook: Hook) -> None:
    async with menu.phone("102", hertz=BOB_HZ) as bob, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        customer.voice.dial("2")
        ring = await bob.rings()
        told = await hook.expect("ringing", to_number="102", from_number="0909000111")
        assert told["routed_by"] == ["menu:800:2"]
        await ring.answer()
        await hook.expect("answered")
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        await hook.over(call_id=told["call_id"])
        record = await menu.api.cdr(told["call_id"])
        assert record == record | {
            "status": "ANSWERED", "extension": "102", "direction": 2, "routed_by": ["menu:800:2"],
        }  # fmt: skip


async def test_an_extension_is_dialled_in_the_menu(menu: Company) -> None:
    """Also while the prompt is heard; 1 alone would be a key of the menu."""
    async with menu.phone("103", hertz=CAROL_HZ) as carol, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        customer.voice.dial("103")
        ring = await carol.rings()
        await ring.answer()
        await talk(ring, customer)
        await ring.hang_up()
        await customer.over()


async def test_one_key_that_begins_an_extension_is_still_a_key(menu: Company) -> None:
    async with menu.phone("101") as alice, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        customer.voice.dial("1")
        ring = await alice.rings()
        await ring.answer()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()


async def test_a_wrong_key_is_told_and_no_key_leads_to_the_overflow(menu: Company) -> None:
    async with menu.phone("103", hertz=CAROL_HZ) as carol, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        customer.voice.dial("9")
        await customer.hears(WRONG_HZ)
        await customer.hears(WELCOME_HZ)
        ring = await carol.rings()
        await ring.answer()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
    assert await passed(menu) == ["menu:800:none"]


async def test_a_submenu(menu: Company) -> None:
    async with menu.phone("103", hertz=CAROL_HZ) as carol, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        customer.voice.dial("*")
        await customer.hears(WELCOME_HZ)
        customer.voice.dial("3")
        await customer.hears(OTHER_HZ)
        customer.voice.dial("0")
        ring = await carol.rings()
        await ring.answer()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
    assert await passed(menu) == ["menu:800:*", "menu:800:3", "menu:801:0"]


async def test_an_announcement_is_heard_to_its_end_then_the_next_rings(company: Company) -> None:
    await company.add_prompt("Lời chào", tones.wav(WELCOME_HZ, seconds=1))
    await company.add_menu("850", prompt="Lời chào", overflow="101")
    await company.point_hotline("850")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await enters(company, carrier)
        ring = await alice.rings()
        await ring.answer()
        await talk(ring, customer)
        await ring.hang_up()
        await customer.over()


async def test_menus_that_lead_to_each_other_end(company: Company) -> None:
    """They have no prompt, so each is over at once; the record says what happened."""
    await company.add_menu("850")
    await company.add_menu("851", overflow="850")
    async with company._office.database.transaction() as tx:
        await tx.execute(
            "UPDATE menus SET overflow = '851' WHERE domain_uuid = $1 AND number = '850'",
            company.uuid,
        )
    await company.point_hotline("850")
    async with company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, "0909000111")
        await customer.answered()
        await customer.over()
    menus = await passed(company)
    assert (len(menus), menus[-1]) == (21, "too_many_menus")


async def test_without_an_engine_the_overflow_rings(menu: Company, pbx: Instance) -> None:
    """The caller is in the menu when the engine dies, and another one calls then."""
    async with menu.phone("103", hertz=CAROL_HZ) as carol, menu.carrier() as carrier:
        customer = await enters(menu, carrier)
        await pbx.kill()
        customer.voice.dial("2")
        ring = await carol.rings()
        await ring.answer()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        late = await carrier.calls(HOTLINE, "0909000222")
        ring = await carol.rings()
        await ring.answer()
        await late.answered()
        await talk(ring, late)
        await late.hang_up()
        await ring.over()
        await pbx.start()
    for number in ("0909000111", "0909000222"):
        record = await record_of(menu, number)
        assert (record["status"], record["extension"]) == ("ANSWERED", "103")
