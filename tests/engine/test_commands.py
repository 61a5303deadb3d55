"""Commands of API users: the engine takes them from the database once, and answers there; or it
answers an API in this process at once. It never reports success for a call that was not placed,
and none rings too late.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from msgspec.structs import replace

from testbed.until import until
from tests import hanging
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controller, Controllers
from tongdai import errors, ids
from tongdai.engine.commands import CommandRunner
from tongdai.pbx.commands import ClickToCall, Command, EndCall, Outcome, ProvisionExtension
from tongdai.pbx.signals import EndAsked, LegHungUp
from tongdai.store import commands as inbox
from tongdai.store import db, hotlines

CALL = ClickToCall(ext="101", phone="0899888999")


@pytest.fixture
def phone(asterisk: FakeAsterisk, company: Company) -> str:
    """One of extension 101, registered."""
    address = f"101@{company.name}"
    asterisk.contacts[address] = f"PJSIP/{address}/sip:101@192.0.2.7"
    return asterisk.contacts[address]


async def comes(asterisk: FakeAsterisk, controller: Controller, address: str) -> None:
    """Its phone registers, and the engine has heard of it."""
    contacts = controller.engine.switch.contacts
    before = contacts.changes
    await asterisk.registers(address, "sip:101@192.0.2.7")
    await until(lambda: contacts.changes > before)


async def test_the_phone_rings_and_the_call_has_an_id(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str
) -> None:
    outcome = await controller.commands.outcome(company.uuid, CALL)

    assert outcome.error == ""
    assert outcome.call_id
    assert outcome.call_id in controller.engine.mailboxes
    (originate,) = [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
    assert originate.body["variables"]["__TD_CALL_ID"] == outcome.call_id.hex


async def test_without_a_phone_nothing_is_placed(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    asterisk.contacts[company.phone("101")] = ""
    outcome = await controller.commands.outcome(company.uuid, CALL)

    assert (outcome.error, outcome.call_id) == (errors.UserNotRegistered.code, None)
    await controller.has_nothing_left(company)


async def test_a_call_that_could_not_be_recorded_in_time_does_not_ring_afterwards(
    asterisk: FakeAsterisk, company: Company, phone: str, tmp_path: Path
) -> None:
    controller = Controller(company.database, asterisk, tmp_path, late_s=-1.0)
    await controller.start()
    outcome = await controller.commands.outcome(company.uuid, CALL)

    assert (outcome.error, outcome.call_id) == (errors.SwitchDown.code, None)
    await controller.has_nothing_left(company)
    assert not [asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]
    assert (await company.cdr())["status"] == "INVALID"
    await controller.kill()


async def test_a_call_that_could_not_be_recorded_as_the_database_hung_does_not_ring_afterwards(
    asterisk: FakeAsterisk, company: Company, phone: str, tmp_path: Path
) -> None:
    async with hanging.before(company.database.dsn) as (between, dsn), behind(dsn) as database:
        controller = Controller(database, asterisk, tmp_path)
        watching = asyncio.create_task(controller.health_probe.run())
        await controller.start()
        await controller.engine.directories.get(company.uuid)
        between.hang()
        outcome = await controller.commands.outcome(company.uuid, CALL)
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
        *(controller.commands.outcome(company.uuid, CALL) for _ in range(2))
    )
    third = await controller.commands.outcome(company.uuid, CALL)

    assert first.error == ""
    assert first == second == third
    assert len([asked for asked in asterisk.asked if asked.query.get("endpoint") == phone]) == 1


async def test_another_call_is_another(
    asterisk: FakeAsterisk, controller: Controller, company: Company, phone: str
) -> None:
    first = await controller.commands.outcome(company.uuid, CALL)
    other = await controller.commands.outcome(
        company.uuid, ClickToCall(ext="101", phone="0899888000")
    )

    assert other.error == ""
    assert first.call_id != other.call_id


async def test_what_failed_or_is_over_may_be_asked_again_at_once(
    asterisk: FakeAsterisk, controller: Controller, company: Company
) -> None:
    address = company.phone("101")
    asterisk.contacts[address] = ""
    assert (
        await controller.commands.outcome(company.uuid, CALL)
    ).error == errors.UserNotRegistered.code
    await comes(asterisk, controller, address)
    first = await controller.commands.outcome(company.uuid, CALL)
    assert first.call_id
    controller.engine.signal(
        first.call_id, LegHungUp(f"{first.call_id.hex}-ext", datetime.now(UTC), 21, 603)
    )
    await until(lambda: first.call_id not in controller.engine.mailboxes)
    again = await controller.commands.outcome(company.uuid, CALL)

    assert again.error == ""
    assert again.call_id != first.call_id


async def test_later_it_is_another_call(
    asterisk: FakeAsterisk, company: Company, phone: str, tmp_path: Path
) -> None:
    controller = Controller(company.database, asterisk, tmp_path, repeat_s=0.0)
    await controller.start()
    first = await controller.commands.outcome(company.uuid, CALL)
    await asyncio.sleep(0.01)
    second = await controller.commands.outcome(company.uuid, CALL)

    assert (first.error, second.error) == ("", "")
    assert first.call_id != second.call_id
    await controller.kill()


# --- through the database

Ask: TypeAlias = Callable[[Command], Awaitable[UUID]]


@pytest.fixture
def ask(company: Company, controller: Controller) -> Ask:
    """A command of the company's is asked; its command_uuid."""

    async def asked(command: Command) -> UUID:
        async with company.database.transaction() as tx:
            command_uuid = await inbox.ask(tx, company.uuid, command)
        controller.commands.wake()
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
        assert await inbox.take(tx, company.domain.node) == []


async def test_commands_are_taken_once_whoever_takes_them(
    asterisk: FakeAsterisk, company: Company, controller: Controller, phone: str
) -> None:
    await company.change_extension("101", max_calls=100)
    controller.engine.directories.forget(str(company.uuid))
    other = CommandRunner(company.database, controller.engine, controller.provision)
    running = asyncio.create_task(other.run())
    different = [ClickToCall(ext="101", phone=f"08998889{number:02}") for number in range(20)]
    async with company.database.transaction() as tx:
        asked = [await inbox.ask(tx, company.uuid, command) for command in different]
    controller.commands.wake()
    other.wake()
    outcomes = [await outcome(company, command_uuid) for command_uuid in asked]
    assert len({written.call_id for written in outcomes} - {None}) == 20
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 20
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# --- hung up


async def test_a_call_is_hung_up_once(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    placed = (await outcome(company, await ask(CALL))).call_id
    assert placed
    channel = await originated(asterisk)
    end = EndCall(call_uuid=placed)
    first = await outcome(company, await ask(end))
    asked = await asterisk.expect(f"DELETE channels/{channel}")
    await controller.quiet()
    again = await outcome(company, await ask(end))

    assert (first.call_id, first.error) == (placed, "")
    assert asked.query["reason_code"] == "19"
    assert again.error == errors.CallEnded.code
    assert (await company.cdr())["hangup_by"] == "system"


async def test_the_outcome_of_the_call_is_not_that_of_its_end(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    """The click-to-call waits for its extension, which is not answered any more."""
    waiting = await ask(replace(CALL, wait_answer=True))
    channel = await originated(asterisk)
    placed = UUID(channel.removesuffix("-ext"))
    ended = await outcome(company, await ask(EndCall(call_uuid=placed)))

    assert (ended.call_id, ended.error) == (placed, "")
    assert (await outcome(company, waiting)).error == errors.UserNotAnswering.code


async def test_a_call_that_is_not_there_has_ended(company: Company, ask: Ask) -> None:
    unknown = await outcome(company, await ask(EndCall(call_uuid=ids.new())))
    assert unknown.error == errors.CallEnded.code


async def test_the_end_of_a_consultation_that_a_transfer_takes_over_is_answered(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask
) -> None:
    """Asked for between the transfer and the merge; the call that remains is ended."""
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    alice = await asterisk.rings(customer, company.phone("101"), answers=True)
    asks = await asterisk.arrives(company.phone("101"), "102", caller="101")
    await asterisk.expect(f"POST channels/{asks}/continue")
    bob = await asterisk.rings(asks, company.phone("102"))
    await controller.quiet()
    remains, consultation = asterisk.call_of(customer), asterisk.call_of(asks)
    taken_over = controller.engine.mailboxes[consultation]
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        await asterisk.answers(bob, asks)
        await until(company.is_locked_out)
        asterisk.transfer(alice, transferee=customer, target=bob)
        await until(lambda: taken_over.waiting)
        asked = await ask(EndCall(call_uuid=consultation))
        await until(lambda: taken_over.waiting == 2)
    ended = await outcome(company, asked)
    assert (ended.call_id, ended.error) == (remains, "")
    for party in (customer, bob):
        asked_for = await asterisk.expect(f"DELETE channels/{party}")
        assert asked_for.query["reason_code"] == "16"
    for gone in [*asterisk.channels]:
        await asterisk.ends(gone)
    await controller.quiet()
    await controller.has_nothing_left(company)


async def test_a_call_of_another_domain_is_not_hung_up(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    placed = (await outcome(company, await ask(CALL))).call_id
    assert placed
    signal = EndAsked("", datetime.now(UTC), ids.new(), ids.new())
    controller.engine.mailboxes[placed].put(signal)
    await controller.quiet()

    assert placed in controller.engine.mailboxes
    assert asterisk.count("DELETE channels/.*") == 0


async def test_while_the_switch_is_away_nothing_is_taken(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    asterisk.may_answer.clear()
    await asterisk.lose_link()
    await until(lambda: not controller.commands.is_open)
    first, second = await ask(CALL), await ask(CALL)
    await controller.commands.take()
    async with company.database.transaction() as tx:
        assert await inbox.withdraw(tx, company.uuid, first), "nobody has taken it"
    asterisk.may_answer.set()
    assert (await outcome(company, second)).error == ""
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 1


async def test_a_command_that_cannot_be_carried_out_says_why(
    company: Company, ask: Ask, asterisk: FakeAsterisk, controller: Controller
) -> None:
    """Its phones, its extension, its hotline: in this order the company gets what it needs."""
    asterisk.contacts[company.phone("101")] = ""
    assert (await outcome(company, await ask(CALL))).error == errors.UserNotRegistered.code
    assert await outcome(
        company, await ask(ClickToCall(ext="999", phone="0899888999"))
    ) == Outcome(error=errors.InvalidExtension.code, field="ext")
    wrong = await outcome(
        company, await ask(ClickToCall(ext="101", phone="0899888999", hotline="1900"))
    )
    assert (wrong.error, wrong.field) == (errors.Invalid.code, "hotline")
    await comes(asterisk, controller, company.phone("101"))
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
    asterisk.refuses = {"originate"}
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
    assert await controller.commands.outcome(company.uuid, CALL) == outcome
    assert asterisk.count(f"POST channels/{outcome.call_id.hex}-ext") == 1


async def test_an_engine_that_stops_ends_what_is_under_way(
    asterisk: FakeAsterisk, company: Company, controller: Controller, ask: Ask, phone: str
) -> None:
    await ask(ClickToCall(ext="101", phone="0899888999", wait_answer=True))
    await originated(asterisk)
    async with asyncio.timeout(10):
        await controller.kill()
    assert not controller.commands.is_open


# --- an engine that dies


async def keyed(company: Company, key: str = "a-key") -> UUID:
    """CALL is asked with the key; its command_uuid."""
    async with company.database.connection() as tx:
        return await inbox.ask(tx, company.uuid, CALL, key)


async def test_the_key_of_a_command_that_died_with_its_engine_is_free(
    asterisk: FakeAsterisk, company: Company, controllers: Controllers, phone: str
) -> None:
    """The first engine has taken it, and not yet committed a call."""
    first = await controllers.start()
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        asked = await keyed(company)
        first.commands.wake()
        await until(company.is_locked_out)
        await until(lambda: first.engine.mailboxes)
        dying = asyncio.create_task(controllers.kill())
        await until(lambda: asterisk.is_deserted)
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
    await dying
    assert await company.live() == 0
    await controllers.start()
    assert await outcome_of(company, asked) == Outcome(error=errors.SwitchDown.code)
    again = await keyed(company)
    assert again != asked
    assert (await outcome(company, again)).error == ""
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 1


async def test_the_outcome_of_a_call_that_was_never_placed_as_the_engine_died(
    asterisk: FakeAsterisk, company: Company, controllers: Controllers, phone: str
) -> None:
    """The call was committed, and the engine died before it asked Asterisk: the next engine ends
    the call, and its requester learns that it may have rung.
    """
    first = await controllers.start()
    asked = await keyed(company)
    hold = asyncio.Event()

    async def held(*_: object) -> None:
        await hold.wait()

    first.engine.actor.act = held  # type: ignore[method-assign, assignment]
    first.commands.wake()
    await until(company.live)
    await controllers.kill()
    assert await outcome_of(company, asked) is None
    second = await controllers.start()
    written = await outcome(company, asked)
    assert (written.error, written.call_id is not None) == (errors.SwitchDown.code, True)
    assert await keyed(company) == asked, "it may have rung: the same key is the same call"
    await second.has_nothing_left(company)
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 0
    assert (await company.cdr())["status"] == "INVALID"


async def test_the_outcome_of_a_call_that_rings_as_the_engine_died(
    asterisk: FakeAsterisk, company: Company, controllers: Controllers, phone: str
) -> None:
    first = await controllers.start()
    async with company.database.connection() as tx:
        waiting = replace(CALL, wait_answer=True)
        asked = await inbox.ask(tx, company.uuid, waiting, "a-key")
    first.commands.wake()
    channel = await originated(asterisk)
    await first.quiet()
    await controllers.kill()
    second = await controllers.start()
    asterisk.channels[channel]["state"] = "Up"
    await asterisk.dial(channel, "ANSWER")
    assert await outcome(company, asked) == Outcome(call_id=asterisk.call_of(channel))
    await second.quiet()


async def test_the_same_again_through_the_database_has_the_same_outcome(
    asterisk: FakeAsterisk, company: Company, ask: Ask, phone: str
) -> None:
    first = await ask(CALL)
    second = await ask(CALL)
    assert await outcome(company, first) == await outcome(company, second)
    assert asterisk.count(r"POST channels/[0-9a-f]{32}-ext") == 1


# --- real ones


REAL = {
    "click_to_call": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("ANSWERED", "NORMAL_CLEARING", "callee"),
    ),
    "click_to_call_rang_out": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("INVALID", "NO_ANSWER", "system"),
    ),
    "click_to_call_no_answer": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("NO-ANSWERED", "NO_ANSWER", "system"),
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


async def test_an_extension_is_on_the_switch_before_the_request_is_answered(
    company: Company, controller: Controller
) -> None:
    async with company.database.transaction() as tx:
        asked = await inbox.ask(tx, company.uuid, ProvisionExtension(extension="101"))
    controller.commands.wake()
    assert (await outcome(company, asked)).error == ""
    assert controller.provisioned == [(company.uuid, "101")]
