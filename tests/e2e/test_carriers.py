"""Carriers as they are: several companies behind one address, the number called in any header, and
callers whom the carrier names in many ways.
"""

import asyncio
from typing import Any

import msgspec
import pytest

from testbed import bare_carrier
from testbed.bare_carrier import BareCarrier
from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.phones import Phone
from testbed.until import until
from tongdai.pbx import carriers, numbers

FIRST, SECOND = "02873001234", "02873001235"
CUSTOMER = "0909000111"


async def rings(carrier: BareCarrier, phone: Phone, number: str, **more: Any) -> str:
    """The phone rings when the carrier calls that number. Returns the phone's From."""
    call = await carrier.calls(number, **more)
    ring = await phone.rings()
    shown = ring.invite.header("From")
    await call.rings()
    await call.cancel()
    await ring.cancelled()
    return shown


async def records(company: Company) -> list[dict[str, Any]]:
    await until(company.is_quiet, 15)
    found: list[dict[str, Any]] = (await company.api.get("/v1/cdr")).json["data"]
    return found


# --- several companies at one address


async def test_the_number_called_decides_between_companies(
    company: Company, office: Office
) -> None:
    other = await office.company()
    await other.remove_hotline(HOTLINE)
    shared = await other.add_trunk(name="same carrier", host=company.address, addresses=())
    await other.add_hotline(FIRST, shared, destination="102")
    async with (
        company.phone("101") as alice,
        other.phone("102") as bob,
        company.bare_carrier() as carrier,
    ):
        await rings(carrier, alice, HOTLINE)
        await rings(carrier, bob, FIRST)
        await rings(carrier, bob, f"+84{FIRST[1:]}")
        for unknown in ("02839999999", "anonymous"):
            assert await (await carrier.calls(unknown)).refused() == 404
        assert (alice.untaken, bob.untaken) == (0, 0)
    assert [each["to_number"] for each in await records(company)] == [HOTLINE]
    assert {each["to_number"] for each in await records(other)} == {FIRST}
    assert "call.unrouted" in office.instance.said
    assert "02839999999" in office.instance.said


async def test_a_number_of_two_companies_at_one_address_is_refused(
    company: Company, office: Office
) -> None:
    other = await office.company()
    shared = await other.add_trunk(name="same carrier", addresses=(f"{company.address}/32",))
    await other.remove_hotline(HOTLINE)
    await other.add_hotline(HOTLINE, shared, destination="101")
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        assert await (await carrier.calls(HOTLINE)).refused() == 404
        assert alice.untaken == 0
    assert await records(company) == []
    assert await records(other) == []


async def test_no_engine_answers_and_the_number_still_decides(
    company: Company, office: Office
) -> None:
    """The entries of both companies are under the key of the carrier's addresses."""
    other = await office.company()
    shared = await other.add_trunk(name="same carrier", addresses=(company.address,))
    await other.add_hotline(FIRST, shared, destination="102")
    async with office.database.connection() as tx:
        key = await tx.fetchval("SELECT carrier_key('', $1)", [company.address])
    await office.has_fallback(f"trunk/{key}/{HOTLINE}/{company.trunk.trunk_uuid}", "101@")
    await office.has_fallback(f"trunk/{key}/{FIRST}/{shared.trunk_uuid}", f"102@{other.name}")


# --- the number called


@pytest.mark.parametrize(
    ("where", "header"),
    [
        ("auto", ""),
        ("to", ""),
        ("p_called_party_id", f"P-Called-Party-ID: <sip:+84{FIRST[1:]}@c.vn;user=phone>"),
        ("diversion", f"Diversion: <tel:{FIRST}>;reason=unconditional"),
    ],
)
async def test_the_number_called_is_found_where_the_trunk_says(
    company: Company, where: carriers.CalledNumberIn, header: str
) -> None:
    """The carrier calls the pilot number that we registered; it is a hotline too."""
    await company.add_hotline(SECOND, company.trunk, destination="101")
    await company.add_hotline(FIRST, company.trunk, destination="102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.bare_carrier() as carrier,
    ):
        await company.change_trunk(
            "trunk-password", auth="registration", username=SECOND, called_number_in=where
        )
        await until(lambda: carrier.received("REGISTER"), 15)
        register = carrier.received("REGISTER")[-1]
        contact = bare_carrier.header(register, "Contact").partition("<")[2].partition(">")[0]
        assert contact.startswith(f"sip:{SECOND}@")
        headers = (header,) if header else ()
        to = f"<sip:{SECOND if header else FIRST}@c.vn>"

        async def is_told() -> bool:
            """The switch has the changed trunk: the call rings 102."""
            call = await carrier.calls(contact, "<sip:0909000111@c.vn>", *headers, to=to)
            ring = await bob.rings()
            await call.rings()
            await call.cancel()
            await ring.cancelled()
            return True

        await is_told()
        await rings(carrier, alice, contact, to=f"<sip:{SECOND}@c.vn>") if not header else None
        assert alice.untaken == 0
    assert {each["to_number"] for each in await records(company)} <= {FIRST, SECOND}


WAYS = [
    *(
        f"{FIRST};cpc=ordinary",
        f"+84{FIRST[1:]};npdi;rn=+84901000000",
        f"{FIRST};phone-context=+84",
    ),
    *(f"{FIRST}%3Bcpc%3Dordinary", "+84-28-7300-1234", "028.7300.1234", "(028)73001234"),
    *("%2B842873001234", "842873001234", "2873001234", "28-7300-1234;phone-context=+84"),
    "73001234;phone-context=+8428",
]


async def test_a_number_in_every_form_that_sip_allows(company: Company) -> None:
    await company.add_hotline(FIRST, company.trunk, destination="101")
    await company.change_extension("101", max_calls=50)
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        for way in WAYS:
            assert CUSTOMER in await rings(carrier, alice, way), way
        await rings(carrier, alice, "tel:+84-28-7300-1234")
    assert {each["to_number"] for each in await records(company)} == {FIRST}


async def test_a_phone_dials_in_every_form_that_sip_allows(company: Company) -> None:
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        for way in (
            "0909-000-111",
            "0909.000.111",
            "0909000111;phone-context=+84",
            "909000111;phone-context=+84",
            "0909000111%3Bphone-context%3D+84",
            "+84-909-000-111;npdi",
        ):
            call = await alice.calls(way)
            invited = await carrier.invited()
            assert invited.target.startswith("sip:0909000111@"), way
            await invited.respond("486 Busy Here")
            assert await call.refused() == 486
    written = {numbers.canonical(each["to_number"], "84") for each in await records(company)}
    assert written == {"84909000111"}


# --- the caller


ASSERTED = "P-Asserted-Identity: "
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
CALLERS: list[tuple[str, tuple[str, ...], str]] = [
    ("<sip:+84909000111;cpc=ordinary@c.vn>", (), CUSTOMER),
    ("<sip:+84-909-000-111@c.vn>", (), CUSTOMER),
    ("<sip:909000111@c.vn>", (), CUSTOMER),  # without its leading 0
    (ANONYMOUS, (f'{ASSERTED}"An" <sip:+84909000111@c.vn>, <tel:+84909000111>',), CUSTOMER),
    (ANONYMOUS, (f"{ASSERTED}<sip:+84909000111@c.vn>",), CUSTOMER),
    (ANONYMOUS, (f"{ASSERTED}<sip:+84909000111@c.vn>", "Privacy: id"), "anonymous"),
    (
        ANONYMOUS,
        (f"{ASSERTED}<sip:+84909000111@c.vn>, <tel:+84909000111>", "Privacy: id;critical"),
        "anonymous",
    ),
    ("<sip:0909000111@c.vn>", ("Privacy: user;id",), "anonymous"),
    ("<sip:0909000111@c.vn>", ("Privacy: none",), CUSTOMER),
    (
        ANONYMOUS,
        ("Remote-Party-ID: <sip:0909000111@c.vn>;party=calling;privacy=full",),
        "anonymous",
    ),
    ('"Bank24h" <sip:Bank24h@c.vn>', (), "Bank24h"),
    (ANONYMOUS, (), "anonymous"),
]


@pytest.mark.parametrize(("who", "headers", "number"), CALLERS)
async def test_the_caller_is_who_the_carrier_says_and_may_be_withheld(
    company: Company, hook: Hook, who: str, headers: tuple[str, ...], number: str
) -> None:
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        call = await carrier.calls(HOTLINE, who, *headers)
        ring = await alice.rings()
        await hook.expect("ringing", from_number=number)
        shown = ring.invite.header("From")
        if number == CUSTOMER:
            assert f"<sip:{CUSTOMER}@" in shown
        else:
            assert not any(
                char.isdigit() for char in shown.partition("<sip:")[2].partition("@")[0]
            )
            assert "909000111" not in ring.invite.text
        await call.rings()
        await call.cancel()
        await ring.cancelled()
        await hook.over(missed=True, from_number=number)
    assert [each["from_number"] for each in await records(company)] == [number]


async def test_the_calling_number_has_the_trunks_format(company: Company) -> None:
    await company.add_hotline(FIRST, company.trunk, destination="101")
    await company.change_extension("101", hotline=FIRST)
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        for form, shown in (("national", FIRST), ("e164", f"+84{FIRST[1:]}")):
            await company.change_trunk(number_format=form)
            await asyncio.sleep(0.3)  # the directory is read anew
            call = await alice.calls(CUSTOMER)
            invited = await carrier.invited()
            for name in ("From", "P-Asserted-Identity"):
                assert f"<sip:{shown}@" in bare_carrier.header(invited.invite, name)
            await invited.respond("486 Busy Here")
            await call.refused()
    assert {each["from_number"] for each in await records(company)} == {FIRST}
    assert msgspec.json.encode(await records(company))
