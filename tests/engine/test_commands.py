"""What an API in the same process asks of the engine: answered without the database's inbox, and never too late."""

import pytest

from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import Company
from tests.engine.controllers import Controller
from tongdai import errors
from tongdai.engine import commands
from tongdai.pbx.commands import ClickToCall

CALL = ClickToCall(ext="101", phone="0899888999")


@pytest.fixture
def phone(asterisk: FakeAsterisk, company: Company) -> str:
    """One of extension 101, registered."""
    address = f"101@{company.name}"
    asterisk.contacts[address] = f"PJSIP/{address}/sip:101@192.0.2.7"
    return asterisk.contacts[address]


async def test_the_phone_rings_and_the_call_has_an_id(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str
) -> None:
    outcome = await controller.desk.outcome(company.uuid, CALL)

    assert outcome.error == ""
    assert outcome.call_id in controller.engine.mailboxes
    (originate,) = [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
    assert originate.body["variables"]["__TD_CALL_ID"] == outcome.call_id.hex


async def test_without_a_phone_nothing_is_placed(controller: Controller, company: Company) -> None:
    outcome = await controller.desk.outcome(company.uuid, CALL)

    assert (outcome.error, outcome.call_id) == (errors.UserNotRegistered.code, None)
    await controller.has_nothing_left(company)


async def test_a_call_that_could_not_be_recorded_in_time_does_not_ring_afterwards(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "LATE_S", -1.0)
    outcome = await controller.desk.outcome(company.uuid, CALL)

    assert (outcome.error, outcome.call_id) == (errors.SwitchDown.code, None)
    assert not [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
    await controller.has_nothing_left(company)
