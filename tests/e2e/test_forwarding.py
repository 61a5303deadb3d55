"""Call forwarding set on a phone (302), by the rules of the domain and with the true parties."""

from testbed import wire
from testbed.company import HOTLINE, PASSWORD, Company, Office
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, Talk, talk


async def forwards(office: Office, company: Company, line: wire.Wire, extension: str) -> None:
    answers = await wire.authenticated(line, "REGISTER", extension, company.name, PASSWORD)
    assert [wire.status(answer) for answer in answers] == [401, 200]


async def forward(line: wire.Wire, to: str) -> None:
    """The next call is answered with 302."""
    invite = await wire.called(line)
    await wire.reply(line, invite, "302 Moved Temporarily", f"Contact: <sip:{to}>")


async def test_to_a_colleague(company: Company, office: Office, hook: Hook) -> None:
    async with (
        wire.udp(office.instance.sip) as desk,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await forwards(office, company, desk, "101")
        customer = await carrier.calls(HOTLINE, "0909000111")
        await forward(desk, f"102@{company.name}")
        ring = await bob.rings()
        await customer.ringing()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await hook.expect("ringing", to_number="101", from_number="0909000111")
        await hook.expect("hangup", to_number="101")
        rang = await hook.expect("ringing", to_number="102", from_number="0909000111")
        await hook.expect("answered", call_id=rang["call_id"])
        await customer.hang_up()
        await ring.over()
        await hook.over(call_id=rang["call_id"])
        record = await company.api.cdr(rang["call_id"])
        assert record == record | {"status": "ANSWERED", "extension": "102"}


async def outside(company: Company, number: str, office: Office) -> Talk | int:
    """What comes of a call to 101, who forwards there: the leg outside, or the refusal."""
    async with (
        wire.udp(office.instance.sip) as desk,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        await forwards(office, company, desk, "101")
        call = await bob.calls("101")
        await forward(desk, f"{number}@{company.name}")
        if number == "0907654321":
            customer = await carrier.called()
            await customer.reject(486)
            assert await call.refused() == 486
            return customer
        status = await call.refused()
        assert carrier.untaken == 0
        return status


async def test_to_a_mobile_by_the_hotline_of_who_forwards(
    company: Company, office: Office
) -> None:
    customer = await outside(company, "0907654321", office)
    assert isinstance(customer, Talk)
    assert customer.invite.start.startswith("INVITE sip:0907654321@")
    assert f"<sip:{HOTLINE}@" in customer.invite.header("From")


async def test_not_to_a_barred_number(company: Company, office: Office) -> None:
    assert await outside(company, "0019005551234", office) in (403, 603)


async def test_two_that_forward_to_each_other_end(company: Company, office: Office) -> None:
    async with (
        wire.udp(office.instance.sip) as first,
        wire.udp(office.instance.sip) as second,
        company.phone("103") as carol,
    ):
        await forwards(office, company, first, "101")
        await forwards(office, company, second, "102")
        call = await carol.calls("101")
        for line, to in [(first, "102"), (second, "101")] * 3:
            await forward(line, f"{to}@{company.name}")
        assert await call.refused() in (480, 486)


async def test_a_carriers_302_is_not_followed(
    company: Company, office: Office, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("0909000111")
        customer = await carrier.called()
        await customer.reject(302)
        status = await call.refused()
        assert status >= 400
        assert carrier.untaken == 0
        await hook.expect("ringing", from_number="101")
        await hook.over(from_number="101")
