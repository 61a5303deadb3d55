"""Callers who stood in our hands while nobody listened: they go on from where they were, and
nothing is done twice.
"""

from datetime import timedelta

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controllers
from tongdai.pbx.call import Stage


async def test_a_caller_whose_call_was_written_but_not_dialled_is_dialled(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    controller = await controllers.start()
    await controller.engine.switch.phones(company.phone("101"))  # its phones are known
    asterisk.is_answering = False  # it does nothing of what is asked any more
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    assert await company.live() == 1
    await controllers.kill()
    asterisk.is_answering = True
    controller = await controllers.start()
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    assert (await company.cdr())["status"] == "ANSWERED"
    assert await company.told() == ["ringing 101", "answered 101", "hangup 101", "cdr 101"]


async def test_a_phone_that_dialled_as_we_died_rings_out_once(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """The event of an outbound call is told with its first step, which is taken twice."""
    await controllers.start()
    asterisk.is_answering = False
    phone = await asterisk.arrives(company.phone("101"), "0909000111", caller="101")
    await asterisk.expect(f"POST channels/{phone}/continue")
    await controllers.kill()
    asterisk.is_answering = True
    controller = await controllers.start()
    await asterisk.expect(f"POST channels/{phone}/continue")
    await asterisk.hangs_up(phone)
    await controller.has_nothing_left(company)
    assert await company.told() == ["ringing 101", "hangup 101", "cdr 101"]


async def test_a_caller_of_whom_nothing_was_written_begins(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await controllers.start()
    await controllers.kill()
    asterisk.ahead = -timedelta(seconds=30)
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    controller = await controllers.start()
    await asterisk.expect(f"POST channels/{customer}/continue")
    asterisk.ahead = timedelta()
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert cdr["status"] == "ANSWERED"
    assert cdr["duration"] >= 30, "it began when the caller came"


async def test_a_caller_nobody_answered_while_the_link_was_half_open_goes_on(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    controller = await controllers.start()
    await company.add_ring_group("600", "101", "102", strategy="sequential")
    controller.engine.directories.forget(str(company.uuid))
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    first = await asterisk.expect(f"POST channels/{customer}/variable")
    assert company.phone("101") in first.query["value"]
    phone = await asterisk.rings(customer, company.phone("101"))
    await until(lambda: company.was_told("ringing 101"))
    await asterisk.lose_link()
    await asterisk.returns(customer, "NOANSWER")  # nobody hears
    await asterisk.ends(phone, 0)
    second = await asterisk.expect(f"POST channels/{customer}/variable")
    assert company.phone("102") in second.query["value"]
    assert asterisk.count(f"POST channels/{customer}/variable") == 2


async def test_a_customer_sent_on_while_the_link_was_half_open_gets_there(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    await asterisk.lose_link()
    await asterisk.sent_on(customer, "102")
    await asterisk.ends(phone)
    second = await asterisk.expect(f"POST channels/{customer}/variable", variable="TD_DIAL")
    second = await asterisk.expect(f"POST channels/{customer}/variable", variable="TD_DIAL")
    assert company.phone("102") in second.query["value"]
    await asterisk.hangs_up(customer)
    await controller.has_nothing_left(company)
    assert (await company.cdr())["status"] == "ANSWERED"


async def test_a_customer_sent_on_while_we_were_dead(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """The transferor has hung up, which was not the end of the call."""
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    await controllers.kill()
    asterisk.sends_on(phone, customer, "102")
    await asterisk.hangs_up(phone)
    asterisk.ahead += timedelta(seconds=20)
    other = await asterisk.rings(customer, company.phone("102"), answers=True)
    asterisk.ahead += timedelta(seconds=40)
    await asterisk.hangs_up(customer)
    await asterisk.ends(other)
    controller = await controllers.start()
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["hangup_by"], cdr["reconstructed"]) == ("ANSWERED", "caller", True)
    assert cdr["billsec"] in (60, 61)
    told = ["hangup 101", "ringing 102", "answered 102", "hangup 102", "cdr 101"]
    assert await company.told() == ["ringing 101", "answered 101", *told]
    assert asterisk.count(f"(POST|DELETE) channels/{customer}.*") == 2, (
        "nothing was left to decide"
    )


async def test_a_transfer_that_we_decided_about_is_not_made_again(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """The CEL log tells of it all the same."""
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    asterisk.sends_on(phone, customer, "102")
    asterisk.ahead += timedelta(seconds=0.1)  # extensions.conf waits for the old recording to end
    await asterisk.sent_on(customer, "102")
    await asterisk.expect(f"POST channels/{customer}/continue")
    await asterisk.hangs_up(phone)
    other = await asterisk.rings(customer, company.phone("102"), answers=True)
    await until(lambda: company.was_told("answered 102"))
    asked = asterisk.count(f"POST channels/{customer}/continue")
    await controllers.kill()
    controller = await controllers.start()
    await asterisk.hangs_up(other)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["hangup_by"], cdr["reconstructed"]) == ("ANSWERED", "callee", False)
    assert (await company.told())[-2:] == ["hangup 102", "cdr 101"]
    assert asterisk.count(f"POST channels/{customer}/continue") == asked


async def test_a_caller_of_a_call_that_we_do_not_know_is_not_kept(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.returns(customer, "NOANSWER")
    await controllers.start()
    await asterisk.expect(f"POST channels/{customer}/continue", extension="500*41")


async def test_a_caller_in_a_queue_keeps_waiting_and_is_offered(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await company.add_queue("700", "102")
    controller = await controllers.start()
    busy = await asterisk.arrives(company.phone("102"), "103", caller="102")
    # else the agent may still count as idle
    await asterisk.expect(f"POST channels/{busy}/continue")
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/moh")
    await controller.quiet()
    await controllers.kill()
    controller = await controllers.start()
    await controller.quiet()
    (waiting,) = [
        box.call
        for box in controller.engine.mailboxes.values()
        if box.call and box.call.channel == customer
    ]
    assert waiting.stage is Stage.WAITING
    await asterisk.hangs_up(busy)
    dial = await asterisk.expect(f"POST channels/{customer}/variable", variable="TD_DIAL")
    assert company.phone("102") in dial.query["value"]
    assert asterisk.count(f"POST channels/{customer}/moh") == 1, "the music went on"


async def test_each_round_is_rung_once_whenever_we_die(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """Killed as soon as the second round was asked for, before anything rang."""
    await company.add_ring_group("600", "101", "102", strategy="sequential")
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    first = await asterisk.rings(customer, company.phone("101"))
    await asterisk.returns(customer, "NOANSWER")
    await asterisk.ends(first, 0)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await controller.quiet()
    await controllers.kill()
    controller = await controllers.start()
    second = await asterisk.rings(customer, company.phone("102"))
    await asterisk.returns(customer, "NOANSWER")
    await asterisk.ends(second, 0)
    await asterisk.expect(f"DELETE channels/{customer}")
    assert asterisk.count(f"POST channels/{customer}/continue") == 2


async def test_what_came_while_we_connected_is_not_done_twice(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """Its event waits behind the comparison that finds the caller in Stasis."""
    await company.add_ring_group("600", "101", "102", "103", strategy="sequential")
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"))
    await controller.quiet()
    asterisk.may_answer.clear()
    await asterisk.lose_link()
    await until(lambda: asterisk.count("PUT applications/tongdai/eventFilter") == 2)
    await asterisk.returns(customer, "NOANSWER")
    await asterisk.ends(phone, 0)
    asterisk.may_answer.set()
    await until(lambda: asterisk.count(f"POST channels/{customer}/continue") == 2)
    await controller.quiet()
    await until(lambda: controller.engine.switch.is_up)
    assert asterisk.count(f"POST channels/{customer}/continue") == 2
