"""Questions about calls that are not made: the engine answers with its own load, and the phones
that the switch knows.
"""

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import CUSTOMER, HOTLINE, Company
from tests.engine.controllers import Controller
from tests.engine.test_commands import comes
from tongdai import errors, ids
from tongdai.engine.rehearsals import Rehearsals
from tongdai.pbx.commands import ClickToCall, FindRoute, Rehearse
from tongdai.pbx.rehearsal import Rehearsal
from tongdai.pbx.simulation import Route

Kind = TypeVar("Kind", Route, Rehearsal)


async def told(
    controller: Controller, company: Company, question: Rehearse | FindRoute, kind: type[Kind]
) -> Kind:
    outcome = await Rehearsals(controller.engine).outcome(company.uuid, question)
    assert outcome.error == ""
    return msgspec.json.decode(outcome.report, type=kind)


async def test_phones_are_asked_for_as_far_as_the_way_leads(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    """101 has none, the overflow has one: it rings."""
    for number in ("101", "102"):
        asterisk.contacts[company.phone(number)] = ""
    await company.add_ring_group("600", "101", overflow="102", timeout_s=20)
    controller.engine.directories.forget(str(company.uuid))
    await comes(asterisk, controller, company.phone("102"))
    question = FindRoute(caller=CUSTOMER, dialled=HOTLINE)
    found = await told(controller, company, question, Route)

    rung = {step.extensions: step.lasts_s for step in found.steps if step.kind == "rings"}
    assert rung == {("101",): 0, ("102",): 5}
    assert found.endpoints == (company.phone("101"), company.phone("102"))


async def test_at_another_time_nobody_is_on_a_call_and_every_phone_is_there(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    asterisk.contacts[company.phone("101")] = ""
    question = FindRoute(
        caller=CUSTOMER, dialled=HOTLINE, at=datetime(2027, 1, 5, 13, 5, tzinfo=UTC)
    )
    found = await told(controller, company, question, Route)

    assert [(step.kind, step.lasts_s) for step in found.steps] == [
        ("arrives", 0),
        ("rings", 5),
        ("ends", 0),
    ]


async def test_since_when_a_phone_is_registered(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    question = Rehearse(click=ClickToCall(ext="101", phone=CUSTOMER))
    asterisk.contacts[company.phone("101")] = ""
    before = await told(controller, company, question, Rehearsal)
    began = datetime.now(UTC)
    await comes(asterisk, controller, company.phone("101"))
    after = await told(controller, company, question, Rehearsal)

    assert before.outcome.error == errors.UserNotRegistered.code
    assert before.extension.phones == ()
    assert after.outcome.error == ""
    (phone,) = after.extension.phones
    assert phone.address == "192.0.2.7"
    assert phone.since
    assert phone.since >= began
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 0


async def test_a_domain_that_is_not_there(controller: Controller, company: Company) -> None:
    question = FindRoute(caller="101", dialled="102")
    outcome = await Rehearsals(controller.engine).outcome(company.uuid, question)
    gone = await Rehearsals(controller.engine).outcome(ids.new(), question)

    assert (outcome.error, gone.error) == ("", errors.NotFound.code)
