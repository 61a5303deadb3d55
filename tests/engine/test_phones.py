"""Registered phones: shown and signed off by the engine, for API users."""

from datetime import UTC, datetime

import msgspec
import pytest

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import Company
from tests.engine.controllers import Controller
from tests.engine.test_commands import comes
from tongdai import errors
from tongdai.engine.phones import Phones
from tongdai.pbx.commands import DropPhones, ListPhones, Outcome, Phone
from tongdai.store import commands, db

URI = "sip:101@192.0.2.7"


async def told(
    controller: Controller, company: Company, asked: ListPhones | DropPhones
) -> list[Phone]:
    outcome = await Phones(controller.engine).outcome(company.uuid, asked)
    assert outcome.error == ""
    return msgspec.json.decode(outcome.report, type=list[Phone])


async def refused(controller: Controller, company: Company, asked: ListPhones | DropPhones) -> str:
    return (await Phones(controller.engine).outcome(company.uuid, asked)).error


async def test_phones_are_shown_with_program_address_and_time(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    address = company.phone("101")
    asterisk.contacts[address] = ""
    began = datetime.now(UTC)
    await comes(asterisk, controller, address)
    asterisk.objects["contact", f"{address};@0"] = {"user_agent": "Yealink SIP-T46U"}

    (shown,) = await told(controller, company, ListPhones(extension="101"))
    assert (shown.extension, shown.device, shown.address, shown.user_agent, shown.status) == (
        "101", "default", "192.0.2.7", "Yealink SIP-T46U", "reachable",
    )  # fmt: skip
    assert shown.since
    assert began <= shown.since <= datetime.now(UTC)
    assert shown.expires_at == datetime.fromtimestamp(1795442152, UTC)
    everybody = await told(controller, company, ListPhones())
    assert everybody[0] == shown
    assert [one.extension for one in everybody] == sorted(one.extension for one in everybody)


async def test_those_from_before_have_no_time(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    address = company.phone("101")
    asterisk.contacts[address] = f"PJSIP/{address}/{URI}"
    (shown,) = await told(controller, company, ListPhones(extension="101"))
    assert (shown.since, shown.user_agent) == (None, "")


async def test_a_phone_is_signed_off(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    address = company.phone("101")
    uris = (URI, "sip:101@192.0.2.8:5070")
    asterisk.contacts[address] = "&".join(f"PJSIP/{address}/{uri}" for uri in uris)
    for at in range(2):
        asterisk.objects["contact", f"{address};@{at}"] = {"user_agent": "wire"}
    asked = DropPhones(extension="101", address="192.0.2.8:5070")

    (gone,) = await told(controller, company, asked)
    assert gone.address == "192.0.2.8:5070"
    left = [name for kind, name in asterisk.objects if kind == "contact"]
    assert left == [f"{address};@0"]


@pytest.mark.parametrize(
    "asked",
    [
        ListPhones(extension="999"),
        DropPhones(extension="999"),
        DropPhones(extension="101"),
        DropPhones(extension="101", address="192.0.2.99:5060"),
    ],
)
async def test_what_is_not_there_is_not_found(
    asterisk: FakeAsterisk,
    controller: Controller,
    company: Company,
    asked: ListPhones | DropPhones,
) -> None:
    address = company.phone("101")
    has_another = isinstance(asked, DropPhones) and asked.address
    asterisk.contacts[address] = f"PJSIP/{address}/{URI}" if has_another else ""
    assert await refused(controller, company, asked) == errors.NotFound.code


async def test_a_command_of_the_inbox_is_answered(
    asterisk: FakeAsterisk, controller: Controller, company: Company, database: db.Database
) -> None:
    address = company.phone("101")
    asterisk.contacts[address] = f"PJSIP/{address}/{URI}"
    async with database.connection() as tx:
        asked = await commands.ask(tx, company.uuid, ListPhones(extension="101"))
    controller.commands.wake()

    async def outcome() -> Outcome | None:
        async with database.connection() as tx:
            return await commands.outcome(tx, company.uuid, asked)

    known = await until(outcome)
    assert known
    (shown,) = msgspec.json.decode(known.report, type=list[Phone])
    assert shown.address == "192.0.2.7"
