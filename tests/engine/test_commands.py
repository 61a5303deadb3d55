"""What API users ask of the engine: taken from the database once, and answered there; or, by an
API in this process, answered at once. Never is success said of a call that was not placed, nor
does one ring too late.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from tests import hanging
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controller
from tests.until import until
from tongdai import errors
from tongdai.engine import commands
from tongdai.engine.commands import Desk
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.signals import OriginateRefused
from tongdai.store import commands as inbox
from tongdai.store import db, hotlines

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
    asterisk: FakeAsterisk,
    controller: Controller,
    company: Company,
    phone: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "LATE_S", -1.0)
    outcome = await controller.desk.outcome(company.uuid, CALL)

    assert (outcome.error, outcome.call_id) == (errors.SwitchDown.code, None)
    assert not [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
    await controller.has_nothing_left(company)


async def test_a_call_that_could_not_be_recorded_as_the_database_hung_does_not_ring_afterwards(
    asterisk: FakeAsterisk, company: Company, phone: str, tmp_path: Path
) -> None:
    async with hanging.before(company.database.dsn) as (between, dsn), behind(dsn) as database:
        controller = Controller(database, asterisk, tmp_path)
        watching = asyncio.create_task(controller.pulse.run())
        await controller.start()
        await controller.engine.directories.get(company.uuid)
        between.hang()
        outcome = await controller.desk.outcome(company.uuid, CALL)
        assert outcome.error == errors.Unavailable.code
        between.flow()
        await until(lambda: not controller.engine.mailboxes)
        await controller.has_nothing_left(company)
        assert not [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await controller.kill()


@asynccontextmanager
async def behind(dsn: str) -> AsyncIterator[db.Database]:
    database = db.Database(dsn)
    await database.open()
    yield database
    await database.close()


# --- the same again


async def test_the_same_again_is_the_same_call(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str
) -> None:
    """As a proxy repeats a GET, and people click twice: while the first is placed, and soon
    after.
    """
    first, second = await asyncio.gather(
        *(controller.desk.outcome(company.uuid, CALL) for _ in range(2))
    )
    third = await controller.desk.outcome(company.uuid, CALL)

    assert first.error == ""
    assert first == second == third
    assert len([asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]) == 1


async def test_another_call_is_another(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str
) -> None:
    first = await controller.desk.outcome(company.uuid, CALL)
    other = await controller.desk.outcome(company.uuid, ClickToCall(ext="101", phone="0899888000"))

    assert other.error == ""
    assert first.call_id != other.call_id


async def test_what_failed_or_is_over_may_be_asked_again_at_once(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    assert (
        await controller.desk.outcome(company.uuid, CALL)
    ).error == errors.UserNotRegistered.code
    address = f"101@{company.name}"
    asterisk.contacts[address] = f"PJSIP/{address}/sip:101@192.0.2.7"
    first = await controller.desk.outcome(company.uuid, CALL)
    assert first.call_id
    controller.engine.signal(
        first.call_id, OriginateRefused(f"{first.call_id.hex}-ext", datetime.now(UTC))
    )
    await until(lambda: first.call_id not in controller.engine.mailboxes)
    again = await controller.desk.outcome(company.uuid, CALL)

    assert again.error == ""
    assert again.call_id != first.call_id


async def test_later_it_is_another_call(
    asterisk: FakeAsterisk,
    controller: Controller,
    company: Company,
    phone: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "REPEAT_S", 0.01)
    first = await controller.desk.outcome(company.uuid, CALL)
    await until(lambda: not controller.desk._recent)
    second = await controller.desk.outcome(company.uuid, CALL)

    assert (first.error, second.error) == ("", "")
    assert first.call_id != second.call_id


# --- through the database

Ask: TypeAlias = Callable[[ClickToCall], Awaitable[UUID]]


@pytest.fixture
def ask(company: Company, controller: Controller) -> Ask:
    """A command of the company's is asked; its command_uuid."""

    async def asked(command: ClickToCall) -> UUID:
        async with company.database.transaction() as tx:
            command_uuid = await inbox.ask(tx, company.uuid, command)
        controller.desk.wake()
        return command_uuid

    return asked


async def outcome_of(company: Company, command_uuid: UUID) -> Outcome | None:
    async with company.database.connection() as tx:
        return await inbox.outcome(tx, company.uuid, command_uuid)


async def outcome(company: Company, command_uuid: UUID) -> Outcome:
    """Once it is written."""
    written: Outcome = await until(lambda: outcome_of(company, command_uuid))
    return written


async def originated(asterisk: FakeAsterisk) -> str:
    """The channel of the extension's phone, which has been asked to ring."""
    asked = await asterisk.expect(r"POST channels/[0-9a-f]{32}-ext", context="click")
    channel = asked.what.rpartition("/")[2]
    assert channel in asterisk.channels
    return channel


async def test_a_command_is_carried_out_and_its_outcome_written(
    asterisk: FakeAsterisk, company: Company, ask: Ask, phone: str
) -> None:
    command_uuid = await ask(CALL)
    written = await outcome(company, command_uuid)
    assert written.error == ""
    assert written.call_id == asterisk.call_of(await originated(asterisk))
    assert await company.live() == 1
    async with company.database.connection() as tx:
        assert await inbox.take(tx) == []


async def test_commands_are_taken_once_whoever_takes_them(
    asterisk: FakeAsterisk, company: Company, controller: Controller, phone: str
) -> None:
    await company.change_extension("101", max_calls=100)
    controller.engine.directories.forget(str(company.uuid))
    other = Desk(company.database, controller.engine, controller.pulse)
    running = asyncio.create_task(other.run())
    different = [ClickToCall(ext="101", phone=f"08998889{number:02}") for number in range(20)]
    async with company.database.transaction() as tx:
        asked = [await inbox.ask(tx, company.uuid, command) for command in different]
    controller.desk.wake()
    other.wake()
    outcomes = [await outcome(company, command_uuid) for command_uuid in asked]
    assert len({written.call_id for written in outcomes} - {None}) == 20
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 20
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_while_the_switch_is_away_nothing_is_taken(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    asterisk.may_answer.clear()
    await asterisk.lose_link()
    await until(lambda: not controller.desk.is_open)
    first, second = await ask(CALL), await ask(CALL)
    await controller.desk._take()
    async with company.database.transaction() as tx:
        assert await inbox.withdraw(tx, company.uuid, first), "nobody has taken it"
    asterisk.may_answer.set()
    assert (await outcome(company, second)).error == ""
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 1


async def test_a_command_that_cannot_be_carried_out_says_why(
    company: Company, ask: Ask, asterisk: FakeAsterisk
) -> None:
    """Its phones, its extension, its hotline: in this order the company gets what it needs."""
    assert (await outcome(company, await ask(CALL))).error == errors.UserNotRegistered.code
    assert await outcome(
        company, await ask(ClickToCall(ext="999", phone="0899888999"))
    ) == Outcome(error=errors.InvalidExtension.code, field="ext")
    wrong = await outcome(
        company, await ask(ClickToCall(ext="101", phone="0899888999", hotline="1900"))
    )
    assert (wrong.error, wrong.field) == (errors.Invalid.code, "hotline")
    asterisk.contacts[company.phone("101")] = "PJSIP/x/sip:101@192.0.2.7"
    itself = await outcome(company, await ask(ClickToCall(ext="101", phone="101")))
    assert (itself.error, itself.call_id) == (errors.InvalidPhone.code, None)
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 0


async def test_without_a_hotline_nobody_outside_can_be_called(
    company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    async with company.database.transaction() as tx:
        await hotlines.delete(tx, company.uuid, HOTLINE)
    controller.engine.directories.forget(str(company.uuid))
    assert (await outcome(company, await ask(CALL))).error == errors.NoHotline.code
    inside = await outcome(company, await ask(ClickToCall(ext="101", phone="102")))
    assert inside.error == ""


async def test_a_busy_extension_is_not_rung(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    await company.change_extension("101", max_calls=1)
    controller.engine.directories.forget(str(company.uuid))
    talking = await asterisk.arrives(company.phone("101"), "102", caller="101")
    await asterisk.expect(f"POST channels/{talking}/continue")
    assert (await outcome(company, await ask(CALL))).error == errors.UserBusy.code
    await asterisk.hangs_up(talking)
    await controller.quiet()
    assert (await outcome(company, await ask(CALL))).error == ""


async def test_who_waits_for_the_answer_is_told_when_it_comes(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    command_uuid = await ask(ClickToCall(ext="101", phone="0899888999", wait_answer=True))
    channel = await originated(asterisk)
    await controller.quiet()
    assert await outcome_of(company, command_uuid) is None
    call = asterisk.call_of(channel)
    asterisk.channels[channel]["state"] = "Up"
    await asterisk.dial(channel, "ANSWER")
    assert await outcome(company, command_uuid) == Outcome(call_id=call)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ((17, 486), errors.UserBusy.code),
        ((21, 603), errors.UserRejected.code),
        ((0, 0), errors.UserNotAnswering.code),
        ((20, 480), errors.UserNotRegistered.code),
    ],
)
@pytest.mark.usefixtures("phone")
async def test_who_waits_for_the_answer_is_told_why_it_did_not_come(
    controller: Controller, company: Company, ask: Ask, ending: tuple[int, int], code: str
) -> None:
    asterisk = controller.asterisk
    cause, tech_cause = ending
    command_uuid = await ask(ClickToCall(ext="101", phone="0899888999", wait_answer=True))
    channel = await originated(asterisk)
    if tech_cause != 480:
        await asterisk.dial(channel, "RINGING")
    await asterisk.ends(channel, cause, tech_cause)
    written = await outcome(company, command_uuid)
    assert (written.error, written.call_id is not None) == (code, True)
    await controller.has_nothing_left(company)
    assert (await company.cdr())["status"] == "INVALID"


async def test_a_phone_that_the_switch_does_not_ring_is_no_success(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    asterisk.refuses_calls = True
    written = await outcome(company, await ask(CALL))
    assert (written.error, written.call_id) == (errors.CallRefused.code, None)
    await controller.has_nothing_left(company)


async def test_a_phone_that_may_ring_though_the_link_was_lost_is_not_rung_again(
    asterisk: FakeAsterisk,
    controller: Controller,
    company: Company,
    phone: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The switch was asked, and its answer is lost: the call is followed, and the same request
    means it.
    """
    originate = asterisk._originate

    def breaking(id: str, asked: fake.Request) -> tuple[int, Any]:
        answer = originate(id, asked)
        if phone == asked.query.get("endpoint") and asterisk._transport:
            asterisk._transport.abort()
        return answer

    monkeypatch.setattr(asterisk, "_originate", breaking)
    async with company.database.connection() as tx:
        asked = await inbox.ask(tx, company.uuid, CALL, "a-key")
        outcome = await until(lambda: inbox.outcome(tx, company.uuid, asked))
        assert outcome.error == errors.SwitchDown.code
        assert outcome.call_id in controller.engine.mailboxes
        assert await inbox.ask(tx, company.uuid, CALL, "a-key") == asked
    await until(lambda: controller.engine.switch.is_up)
    assert await controller.desk.outcome(company.uuid, CALL) == outcome
    assert asterisk.count(f"POST channels/{outcome.call_id.hex}-ext") == 1


async def test_a_desk_that_closes_ends_what_is_under_way(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    await ask(ClickToCall(ext="101", phone="0899888999", wait_answer=True))
    await originated(asterisk)
    async with asyncio.timeout(10):
        await controller.kill()
    assert not controller.desk.is_open


# --- real ones


REAL = {
    "click_to_call": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("ANSWERED", "NORMAL_CLEARING", "callee"),
    ),
    "click_to_call_rejected": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("INVALID", "CALL_REJECTED", "caller"),
    ),
}


@pytest.mark.parametrize("name", REAL)
async def test_a_real_click_to_call(
    controller: Controller, company: Company, ask: Ask, name: str
) -> None:
    told, record = REAL[name]
    recording = fake.recording(name, company.name, company.trunk, began=datetime.now(UTC))
    playing = asyncio.create_task(controller.asterisk.play(recording, controller.quiet))
    command_uuid = await ask(ClickToCall(ext="101", phone="0909000111"))
    await playing
    assert await company.told() == told
    cdr = await company.cdr()
    assert (cdr["status"], cdr["cause"], cdr["hangup_by"]) == record
    assert (cdr["from_number"], cdr["to_number"], cdr["extension"]) == (
        HOTLINE,
        "0909000111",
        "101",
    )
    assert (await outcome(company, command_uuid)).call_id == cdr["call_id"]
    assert {body["call_id"] for body in await company.events()} == {str(cdr["call_id"])}
    await controller.has_nothing_left(company)
