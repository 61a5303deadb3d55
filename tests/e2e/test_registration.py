"""Phones register by UDP and TCP, with digest, as extension@domain."""

import asyncio
from collections.abc import Callable

import pytest

from testbed import wire
from testbed.company import PASSWORD, Company, Office
from testbed.instance import Instance
from testbed.phones import BOB_HZ, Phone, Transport, talk
from testbed.until import until


@pytest.mark.shows("sipp", "{transport}", "calls", "called")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_phone_registers_calls_and_is_called(
    company: Company, transport: Transport
) -> None:
    async with (
        company.phone("101", transport=transport) as alice,
        company.phone("102", hertz=BOB_HZ, transport=transport) as bob,
    ):
        calling = await alice.calls("102")
        called = await bob.rings()
        await calling.ringing()
        await called.answer()
        await calling.answered()
        await talk(calling, called)
        await called.hang_up()
        await calling.over()


async def test_a_wrong_password_is_refused(company: Company) -> None:
    async with (
        company.phone("101", password="a-wrong-password") as stranger,
        company.phone("102") as bob,
    ):
        assert not await stranger.register()
        call = await bob.calls("101")
        assert await call.refused() == 480, "nobody is registered there"
        call = await stranger.calls("102")
        assert await call.refused() == 401
        assert bob.untaken == 0


async def test_a_phone_that_signs_off_is_called_no_more(company: Company) -> None:
    async with company.phone("101") as alice, company.phone("102") as bob:
        assert await alice.register(expires_s=0)
        call = await bob.calls("101")
        assert await call.refused() == 480
        assert await alice.register()
        call = await bob.calls("101")
        ring = await alice.rings()
        await call.cancel()
        await ring.cancelled()


async def test_a_restarted_controller_leaves_registrations_as_they_are(
    company: Company, pbx: Instance
) -> None:
    async with company.phone("101") as alice, company.phone("102") as bob:
        await pbx.kill()
        await pbx.start()
        call = await bob.calls("101")
        ring = await alice.rings()
        await call.cancel()
        await ring.cancelled()
        assert alice.untaken == 0, "it rang once"
        assert await alice.register(expires_s=0)
        call = await bob.calls("101")
        assert await call.refused() == 480


async def test_the_same_extension_lives_in_two_companies(company: Company, office: Office) -> None:
    other = await office.company()
    async with (
        company.phone("101") as here,
        other.phone("101") as there,
        company.phone("102") as caller,
        other.phone("102") as other_caller,
    ):
        call = await caller.calls("101")
        ring = await here.rings()
        assert ring.invite.header("From").startswith(f"<sip:102@{company.name}>")
        other_call = await other_caller.calls("101")
        other_ring = await there.rings()
        assert other_ring.invite.header("From").startswith(f"<sip:102@{other.name}>")
        assert (here.untaken, there.untaken) == (0, 0)
        await call.cancel()
        await other_call.cancel()
        await ring.cancelled()
        await other_ring.cancelled()


async def test_every_phone_of_an_extension_rings_and_the_first_to_answer_talks(
    company: Company,
) -> None:
    async with (
        company.phone("101") as desk,
        company.phone("101", transport="tcp") as mobile,
        company.phone("102", hertz=BOB_HZ) as bob,
    ):
        call = await bob.calls("101")
        on_desk, on_mobile = await desk.rings(), await mobile.rings()
        await on_mobile.answer()
        await on_desk.cancelled()
        await call.answered()
        await talk(call, on_mobile)
        await call.hang_up()
        await on_mobile.over()


async def test_all_devices_of_an_extension_ring_and_call_as_it(company: Company) -> None:
    await company.add_device("101", "desk-2", max_contacts=1)
    async with (
        company.phone("101") as default,
        company.phone("101-desk-2", transport="tcp") as desk,
        company.phone("102", hertz=BOB_HZ) as bob,
    ):
        call = await bob.calls("101")
        on_default, on_desk = await default.rings(), await desk.rings()
        await on_desk.answer()
        await on_default.cancelled()
        await call.answered()
        await talk(call, on_desk)
        await call.hang_up()
        await on_desk.over()

        call = await desk.calls("102")
        ring = await bob.rings()
        assert ring.invite.header("From").startswith(f"<sip:101@{company.name}>")
        await ring.answer()
        await call.answered()
        await call.hang_up()
        await ring.over()
        await until(company.is_quiet)
        records = (await company.api.get("/v1/cdr")).json["data"]
        assert {record["from_number"] for record in records} == {"101", "102"}


async def test_a_device_registers_with_its_own_name_alone(company: Company) -> None:
    await company.add_device("101", "desk-2")
    async with company.phone("101-desk-2") as desk, company.phone("102") as bob:
        await company.remove_device("101", "desk-2")
        await until(lambda: _is_refused(desk))
        call = await bob.calls("101")
        assert await call.refused() == 480


async def _is_refused(phone: Phone) -> bool:
    return not await phone.register()


def oddly(domain: str) -> str:
    """As nobody writes it: cOmPaNy."""
    return "".join(letter.upper() if index % 2 else letter for index, letter in enumerate(domain))


@pytest.mark.parametrize("spelling", [str.upper, str.capitalize, str.title, oddly])
async def test_a_domain_in_capitals_is_the_domain(
    company: Company, office: Office, spelling: Callable[[str], str]
) -> None:
    async with wire.udp(office.instance.sip) as line, company.phone("102") as bob:
        answers = await wire.authenticated(
            line, "REGISTER", "101", spelling(company.name), PASSWORD
        )
        assert [wire.status(answer) for answer in answers] == [401, 200]
        call = await bob.calls("101")
        await wire.reply(line, await wire.called(line), "486 Busy Here")
        assert await call.refused() == 486
        to = f"102@{spelling(company.name)}"
        calling = asyncio.create_task(
            wire.authenticated(line, "INVITE", "101", spelling(company.name), PASSWORD, to=to)
        )
        try:
            ring = await bob.rings()
            await ring.reject(486)
            answers = await calling
        finally:
            calling.cancel()
        assert [wire.status(answer) for answer in answers] == [401, 486]
        wrong = await wire.authenticated(line, "REGISTER", "101", spelling(company.name), "wrong")
        assert [wire.status(answer) for answer in wrong] == [401, 401]


async def test_a_phone_may_authenticate_with_its_address(company: Company, office: Office) -> None:
    for user in ("101", f"101@{company.name}"):
        async with wire.udp(office.instance.sip) as line:
            for password, last in ((PASSWORD, 200), ("wrong", 401)):
                answers = await wire.authenticated(
                    line, "REGISTER", "101", company.name, password, login=user
                )
                assert [wire.status(answer) for answer in answers] == [401, last]
                assert answers[0].count("WWW-Authenticate:") == 1, "some phones know MD5 alone"


async def test_displays_show_the_names_of_colleagues_and_carriers_do_not(
    company: Company,
) -> None:
    await company.change_extension("101", name="Lê Hoàng Châu")
    await company.knows_field("101", "callerid", '"Lê Hoàng Châu" <101>')
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls("102")
        ring = await bob.rings()
        for header in ("From", "P-Asserted-Identity"):
            shown = ring.invite.header(header)
            assert shown.startswith(f'"Lê Hoàng Châu" <sip:101@{company.name}>'), header
        await call.cancel()
        await ring.cancelled()
        call = await alice.calls("0909000111")
        outside = await carrier.called()
        assert "Châu" not in outside.invite.text
        await outside.reject()
        await call.refused()
