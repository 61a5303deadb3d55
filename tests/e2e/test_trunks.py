"""Trunks: by address, by digest, by registration. Calls come in by them and go out by them, shown
by the hotline.
"""

from testbed import phones
from testbed.company import HOTLINE, Company, Office
from testbed.phones import Phone, talk
from testbed.until import until


async def test_a_trunk_by_address(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        await _calls_out(alice, carrier)
        await _is_called(alice, carrier)


async def test_the_hotline_is_shown_to_who_is_called(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        invite = (await carrier.rings()).invite
        assert invite.start == f"INVITE sip:0909000111@{carrier.host} SIP/2.0"
        assert invite.header("From").startswith(f"<sip:{HOTLINE}@")
        assert invite.header("P-Asserted-Identity").startswith(f"<sip:{HOTLINE}@")
        assert "101" not in invite.header("From") + invite.header("Contact") + invite.header(
            "P-Asserted-Identity"
        )
        await call.cancel()


async def test_an_extension_with_a_hotline_of_its_own_shows_that(company: Company) -> None:
    await company.add_hotline("02873001234", company.trunk)
    await company.change_extension("102", hotline="02873001234")
    async with company.phone("102") as bob, company.carrier() as carrier:
        call = await bob.calls("0909000111")
        assert (await carrier.rings()).invite.header("From").startswith("<sip:02873001234@")
        await call.cancel()


async def test_a_trunk_by_digest(company: Company) -> None:
    await company.change_trunk("trunk-password", auth="digest", username="customer7")
    async with (
        company.phone("101") as alice,
        company.carrier("customer7", "trunk-password") as carrier,
    ):
        await _calls_out(alice, carrier, is_challenged=True)
        await _is_called(alice, carrier)


async def test_a_trunk_that_calls_from_anywhere_proves_who_it_is(
    company: Company, office: Office
) -> None:
    """A customer's own exchange, behind an address that nobody knows beforehand."""
    login = f"branch-{company.uuid.hex[:8]}"
    await company.change_trunk(
        "trunk-password", auth="digest", username="customer7", auth_username=login
    )
    await office.knows(f"{login}@Tongdai")
    async with company.phone("101") as alice, office.stranger() as exchange:
        customer = await exchange.calls(
            HOTLINE, "0909000222", credentials=(login, "trunk-password")
        )
        ring = await alice.rings()
        assert ring.invite.header("From").startswith("<sip:0909000222@")
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        await until(company.is_quiet, 15)
        record = await company.api.cdr(customer.sip_call_id)
        assert record == record | {"direction": 2, "hotline": HOTLINE, "from_number": "0909000222"}

        for wrong in (
            (login, "another-password"),
            ("branch-8", "trunk-password"),
            ("101", "trunk-password"),
        ):
            customer = await exchange.calls(HOTLINE, credentials=wrong)
            assert await customer.refused() == 401
        assert alice.untaken == 0


async def test_a_trunk_by_registration(company: Company) -> None:
    async with (
        company.phone("101") as alice,
        company.carrier("customer7", "trunk-password") as carrier,
    ):
        await company.change_trunk("trunk-password", auth="registration", username="customer7")
        register = await carrier.member()
        assert register.header("To").startswith("<sip:customer7@")
        await _calls_out(alice, carrier, is_challenged=True)
        # A carrier calls us where we registered; the hotline stands in To alone.
        contact = register.header("Contact").partition("<")[2].partition(">")[0]
        await _is_called(alice, carrier, target=contact)


async def test_a_trunk_by_tcp(company: Company) -> None:
    await company.change_trunk(transport="tcp")
    async with company.phone("101") as alice, company.carrier(transport="tcp") as carrier:
        await _calls_out(alice, carrier)
        await _is_called(alice, carrier)


async def test_numbers_go_out_as_the_carrier_wants_them(company: Company) -> None:
    await company.change_trunk(number_format="e164")
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        assert (await carrier.rings()).invite.start.startswith("INVITE sip:+84909000111@")
        await call.cancel()


async def test_a_stranger_cannot_call_by_somebody_elses_trunk(
    company: Company, office: Office
) -> None:
    async with company.phone("101") as alice, office.stranger() as stranger:
        call = await stranger.calls(HOTLINE)
        assert await call.refused() == 401
        assert alice.untaken == 0


async def _calls_out(
    alice: Phone, carrier: phones.Carrier, *, is_challenged: bool = False
) -> None:
    call = await alice.calls("0909000111")
    customer = await carrier.called()
    if is_challenged:
        await customer.challenge()
    await customer.ring()
    await call.ringing()
    await customer.answer()
    await call.answered()
    await talk(call, customer)
    await call.hang_up()
    await customer.over()


async def _is_called(alice: Phone, carrier: phones.Carrier, target: str = "") -> None:
    customer = await carrier.calls(HOTLINE, "0909000222", target=target)
    ring = await alice.rings()
    assert ring.invite.header("From").startswith("<sip:0909000222@")
    await customer.ringing()
    await ring.answer()
    await customer.answered()
    await talk(ring, customer)
    await customer.hang_up()
    await ring.over()
