"""Legs that took another's place (INVITE with Replaces): ARI tells of none of them."""

from datetime import UTC, datetime

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import CUSTOMER, HOTLINE, Company
from tests.engine.controllers import Controller, Controllers


async def talking(asterisk: FakeAsterisk, company: Company, endpoint: str = "") -> tuple[str, str]:
    """The channels of a customer and of 101, who talk."""
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    return customer, await asterisk.rings(customer, company.phone("101"), answers=True)


async def test_a_party_that_takes_a_place_is_a_leg_of_the_call(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer, alice = await talking(asterisk, company)
    await controller.quiet()
    bob = await asterisk.replaces(alice, company.phone("102"), customer)
    await asterisk.expect("POST channels/tongdai-query/variable")
    await until(lambda: asterisk.channels[bob]["channelvars"]["TD_CALL_ID"])
    assert asterisk.call_of(bob) == asterisk.call_of(customer)
    await controller.quiet()
    directory = await controller.engine.directories.get(company.uuid)
    context = controller.engine.live_calls.context(directory, datetime.now(UTC))
    assert context.talks == {"102": 1}

    await asterisk.hangs_up(bob)
    await asterisk.ends(customer)
    await controller.quiet()
    assert await company.told() == [
        *("ringing 101", "answered 101", "hangup 101"),
        *("ringing 102", "answered 102", "hangup 102", "cdr 101"),
    ]
    assert (await company.cdr())["hangup_by"] == "callee"
    await controller.has_nothing_left(company)


async def test_an_extension_is_busy_while_its_place_may_have_been_taken(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    """Between the end of its leg and what the CEL log says."""
    await company.change_extension("101", max_calls=1)
    out = await asterisk.arrives(company.phone("101"), CUSTOMER, caller="101")
    await asterisk.expect(f"POST channels/{out}/continue")
    customer = await asterisk.rings(out, company.trunk, answers=True)
    await asterisk.ends(out)
    again = await asterisk.arrives(company.phone("101"), CUSTOMER, caller="101")
    await asterisk.expect(f"DELETE channels/{again}", reason_code="17")
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)


async def test_one_of_another_domain_ends_the_call_and_both_have_a_record(
    controller: Controller, asterisk: FakeAsterisk, company: Company, other: Company
) -> None:
    customer, alice = await talking(asterisk, company)
    await controller.quiet()
    thief = await asterisk.replaces(alice, other.phone("102"), customer, dialled="101")
    await until(lambda: {thief, customer}.isdisjoint(asterisk.channels))
    await controller.quiet()
    record = await company.cdr()
    assert (record["status"], record["cause"]) == ("ANSWERED", "CALL_REJECTED")
    assert (record["extension"], record["hangup_by"]) == ("101", "system")
    own = await other.cdr()
    assert (own["status"], own["cause"]) == ("INVALID", "CALL_REJECTED")
    assert (own["from_number"], own["to_number"], own["billsec"]) == ("102", "101", 0)
    assert not {each["to_number"] for each in await company.events()} & {"102"}
    for each in (company, other):
        await controller.has_nothing_left(each)


async def test_a_channel_in_no_call_is_hung_up(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer, alice = await talking(asterisk, company)
    lost = await asterisk.replaces(alice, company.phone("102"), "a-channel-of-nobody")
    await asterisk.expect(f"DELETE channels/{lost}", reason_code="21")
    assert customer in asterisk.channels, "its own call goes on"
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)


async def test_calls_of_two_domains_are_not_joined(
    controller: Controller, asterisk: FakeAsterisk, company: Company, other: Company
) -> None:
    customer, alice = await talking(asterisk, company)
    theirs, bob = await talking(asterisk, other)
    await controller.quiet()
    asterisk.transfer(alice, transferee=customer, target=theirs)
    for gone in (alice, bob):
        await asterisk.ends(gone)
    await until(lambda: {customer, theirs}.isdisjoint(asterisk.channels))
    await controller.quiet()
    for each in (company, other):
        record = await each.cdr()
        assert (record["status"], record["cause"]) == ("ANSWERED", "CALL_REJECTED")
        assert record["hangup_by"] == "system"
        await controller.has_nothing_left(each)


async def test_one_that_came_while_no_engine_ran_is_found_by_the_next(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    controller = await controllers.start()
    customer, alice = await talking(asterisk, company)
    await controller.quiet()
    await controllers.kill()
    bob = await asterisk.replaces(alice, company.phone("102"), customer)

    controller = await controllers.start()
    await until(lambda: asterisk.channels[bob]["channelvars"]["TD_CALL_ID"])
    await controller.quiet()
    await asterisk.hangs_up(bob)
    await asterisk.ends(customer)
    await controller.quiet()
    assert await company.told() == [
        *("ringing 101", "answered 101", "hangup 101"),
        *("ringing 102", "answered 102", "hangup 102", "cdr 101"),
    ]
    await controller.has_nothing_left(company)


async def test_one_that_came_and_went_while_no_engine_ran_is_in_the_record(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company, other: Company
) -> None:
    """By the CEL log alone; one of another domain is not."""
    controller = await controllers.start()
    customer, alice = await talking(asterisk, company)
    theirs, carol = await talking(asterisk, other)
    await controller.quiet()
    await controllers.kill()
    bob = await asterisk.replaces(alice, company.phone("102"), customer)
    thief = await asterisk.replaces(carol, company.phone("103"), theirs)
    for gone in (bob, customer, thief, theirs):
        asterisk.ends_untold(gone)

    controller = await controllers.start()
    await controller.quiet()
    assert "answered 102" in await company.told()
    assert (await company.cdr())["reconstructed"] is True
    assert "103" not in {each["to_number"] for each in await other.events()}
    assert (await other.cdr())["extension"] == "101"
    for each in (company, other):
        await controller.has_nothing_left(each)
