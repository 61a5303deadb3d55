"""Whatever was missed of a call, it gets its record and its events, once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import CUSTOMER, HOTLINE, Company
from tests.engine.controllers import Controller
from tongdai import errors
from tongdai.engine import watchdog
from tongdai.pbx.step import Declined, Step
from tongdai.store import db

ANSWERED = ["ringing 101", "answered 101", "hangup 101", "cdr 101"]


IMPATIENT = watchdog.Timing(look_s=0.01, audit_s=0.1, grace_s=0.2)


@pytest.fixture
async def controller(
    request: pytest.FixtureRequest,
    database: db.Database,
    asterisk: FakeAsterisk,
    tmp_path: Path,
) -> AsyncIterator[Controller]:
    """Its watchdog is impatient; or as the test wants it."""
    watching = getattr(request, "param", IMPATIENT)
    controller = Controller(database, asterisk, tmp_path, watching=watching)
    await controller.start()
    yield controller
    await controller.kill()


@pytest.fixture
async def second(
    database: db.Database, asterisk: FakeAsterisk, tmp_path: Path
) -> AsyncIterator[Controller]:
    """To be started after the first was killed."""
    controller = Controller(database, asterisk, tmp_path, watching=IMPATIENT)
    yield controller
    await controller.kill()


# --- calls that nobody heard of


async def test_of_a_long_outage_no_more_calls_wait_in_memory_than_may(
    database: db.Database,
    asterisk: FakeAsterisk,
    company: Company,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are left to the dialplan, and get their records from the CEL log, once each."""
    controller = Controller(database, asterisk, tmp_path, watching=IMPATIENT, most_waiting=2)
    await controller.start()
    engine = controller.engine
    write, away = engine.group_commit._write, True

    async def written(made: list[Step | Declined]) -> None:
        if away:
            raise errors.Unavailable
        await write(made)

    monkeypatch.setattr(engine.group_commit, "_write", written)
    try:
        callers = []
        for n in range(7):
            customer = await asterisk.arrives(company.trunk, HOTLINE, caller=f"090900011{n}")
            callers.append(customer)
            await controller.heard()
            await until(lambda: engine.room == max(0, 1 - n))  # noqa: B023
        assert len(engine.mailboxes) == 2
        for customer in callers:
            await asterisk.hangs_up(customer)
        assert len(engine.mailboxes) == 2
        away = False

        async def all_have_one() -> bool:
            return len(await company.cdrs()) == 7

        await until(all_have_one, 30)
        await controller.has_nothing_left(company)
        cdrs = await company.cdrs()
        assert {one["from_number"] for one in cdrs} == {f"090900011{n}" for n in range(7)}
        assert len(cdrs) == 7
        assert sum(one["reconstructed"] for one in cdrs) == 5
    finally:
        await controller.kill()


async def test_a_call_that_came_and_went_while_we_were_dead(
    controller: Controller, second: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    await controller.kill()
    asterisk.ahead = -timedelta(seconds=3600)
    customer = asterisk.arrives_in_fallback(company.trunk, HOTLINE)
    asterisk.ahead += timedelta(seconds=8)
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    asterisk.ahead += timedelta(seconds=125)
    await asterisk.hangs_up(customer)
    await asterisk.ends(phone)
    await second.start()
    await until(lambda: company.was_told("cdr 101"))
    await second.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["hangup_by"], cdr["reconstructed"]) == ("ANSWERED", "caller", True)
    assert (cdr["direction"], cdr["from_number"], cdr["to_number"], cdr["extension"]) == (
        2,
        CUSTOMER,
        HOTLINE,
        "101",
    )
    assert cdr["billsec"] in (125, 126)
    assert cdr["duration"] in (133, 134)
    assert await company.told() == ANSWERED
    assert asterisk.count(f"(POST|DELETE) channels/{customer}.*") == 0, (
        "nothing was left to decide"
    )


async def test_a_call_that_goes_on_as_we_come_back(
    controller: Controller, second: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    await controller.kill()
    customer = asterisk.arrives_in_fallback(company.trunk, HOTLINE)
    phone = await asterisk.rings(customer, company.phone("101"))
    await second.start()
    await until(lambda: company.was_told("ringing 101"))
    await asterisk.answers(phone, customer)
    await until(lambda: company.was_told("answered 101"))
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await second.has_nothing_left(company)
    assert (await company.cdr())["hangup_by"] == "callee"
    assert await company.told() == ANSWERED
    assert asterisk.count(f"(POST|DELETE) channels/{customer}.*") == 0


async def test_a_call_that_we_were_not_told_of_though_we_listened(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    phone = asterisk.arrives_in_fallback(company.phone("102"), "101", caller="102")
    await asterisk.ends(phone, 42)
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["direction"], cdr["status"], cdr["cause"]) == (
        1,
        "CONGESTION",
        "SWITCH_CONGESTION",
    )
    assert (cdr["from_number"], cdr["to_number"], cdr["extension"]) == ("102", "101", "102")


async def test_a_call_that_was_recorded_is_not_recorded_again(
    controller: Controller, second: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    """Each start reads the CEL log from a while before the last one's end."""
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    told, record = await company.told(), await company.cdr()
    await controller.kill()
    await second.start()
    later = asterisk.arrives_in_fallback(company.trunk, HOTLINE)  # judged after all before it
    await asterisk.hangs_up(later)
    await until(lambda: company.was_told("missed 101"))
    await second.quiet()
    assert (await company.told())[: len(told)] == told
    assert [cdr for cdr in await company.cdrs() if cdr["cdr_uuid"] == record["cdr_uuid"]] == [
        record
    ]
    assert len(await company.cdrs()) == 2


async def test_a_call_of_which_the_beginning_could_not_be_written(
    controller: Controller,
    asterisk: FakeAsterisk,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    errors_said: set[str],
) -> None:
    """PostgreSQL refuses it: the caller is sent away, and that is what the record says."""
    committed = controller.engine.group_commit.commit
    errors_said.add("call.failed")

    async def refused(_step: object, **_how: object) -> None:
        monkeypatch.setattr(controller.engine.group_commit, "commit", committed)
        raise ValueError

    monkeypatch.setattr(controller.engine.group_commit, "commit", refused)
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue", extension="500*41")
    await until(lambda: company.was_told("cdr 101"))
    cdr = await company.cdr()
    assert (cdr["status"], cdr["cause"], cdr["reconstructed"]) == (
        "CONGESTION",
        "NORMAL_TEMPORARY_FAILURE",
        True,
    )


async def test_a_caller_who_stands_in_our_hands_is_waited_for(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    """We are about to hear of him; or the dialplan will go on by itself."""
    customer = asterisk.arrives_in_fallback(company.trunk, HOTLINE)
    asterisk.channels[customer]["dialplan"] = {
        "app_name": "Stasis",
        "app_data": "tongdai,arrived,trunk,",
    }
    looks = asterisk.count("GET channels")
    watch = controller.recovery.watchdog
    await until(lambda: asterisk.count("GET channels") > looks + 3)
    assert controller.engine.mailboxes == {}
    assert watch._arrivals.keys() == {asterisk.call_of(customer)}
    asterisk.channels[customer]["dialplan"] = {"app_name": "Dial", "app_data": ""}
    await until(lambda: controller.engine.mailboxes.knows(asterisk.call_of(customer)))
    await asterisk.hangs_up(customer)
    await until(lambda: company.was_told("missed 101"))


async def test_a_call_that_is_nobodys_is_not_recorded(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    asterisk.arrives_in_fallback("01a208b1-0000-7000-8000-0000000000ff", "19001919")
    await until(lambda: controller.recovery.watchdog._arrivals)
    await until(lambda: not controller.recovery.watchdog._arrivals)
    assert controller.engine.mailboxes == {}


async def test_a_caller_who_was_put_through_meanwhile_is_not_turned_away(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    """We come to decide when the switch has not waited for us any longer; and would have refused
    the call.
    """
    await company.change_extension("101", enabled=False)
    asterisk.ahead = -timedelta(seconds=10)
    asterisk.goes_on = True
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    await controller.quiet()
    assert asterisk.count(f"DELETE channels/{customer}") == 0
    await asterisk.hangs_up(customer)
    await asterisk.ends(phone)
    await controller.has_nothing_left(company)
    assert await company.told() == ANSWERED


# --- calls that we know, and were told too little of


async def a_talk(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> tuple[str, str]:
    """The channels of a customer and of 101, who talk."""
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    await controller.quiet()
    return customer, phone


@pytest.mark.parametrize("is_in_cel_log", [True, False])
async def test_a_call_whose_end_was_not_told(
    controller: Controller, asterisk: FakeAsterisk, company: Company, *, is_in_cel_log: bool
) -> None:
    customer, phone = await a_talk(controller, asterisk, company)
    if is_in_cel_log:
        asterisk.ends_untold(customer, 16)
        asterisk.ends_untold(phone, 16)
    else:
        asterisk.channels.clear()
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["reconstructed"]) == ("ANSWERED", True)
    assert await company.told() == ANSWERED


@pytest.mark.parametrize("controller", [replace(IMPATIENT, longest_s=-1000)], indirect=True)
async def test_a_call_that_lasts_too_long_is_ended(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"DELETE channels/{customer}", reason_code="102")
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    assert (await company.cdr())["cause"] == "RECOVERY_ON_TIMER_EXPIRE"


@pytest.mark.parametrize("controller", [replace(IMPATIENT, finishing_s=0)], indirect=True)
async def test_a_record_that_was_refused_is_written_again(
    controller: Controller,
    asterisk: FakeAsterisk,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    errors_said: set[str],
) -> None:
    """The call is over in memory, and not in the database: it goes on from what was committed, by
    the CEL log.
    """
    customer, phone = await a_talk(controller, asterisk, company)
    committed = controller.engine.group_commit.commit
    errors_said.add("call.failed")

    async def refused(step: Step, *, is_urgent: bool = True) -> None:
        if step.cdr:
            monkeypatch.setattr(controller.engine.group_commit, "commit", committed)
            raise ValueError
        await committed(step, is_urgent=is_urgent)

    monkeypatch.setattr(controller.engine.group_commit, "commit", refused)
    await asterisk.hangs_up(customer)
    await asterisk.ends(phone)
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["hangup_by"], cdr["reconstructed"]) == ("ANSWERED", "caller", True)
    assert await company.told() == ANSWERED


@pytest.mark.parametrize("controller", [replace(IMPATIENT, finishing_s=0)], indirect=True)
async def test_an_ended_call_whose_last_event_was_forgotten(
    controller: Controller,
    asterisk: FakeAsterisk,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever was to finish its recording did not come back."""
    finish = controller.engine.recordings.finish

    def lost(_call: object) -> None:
        monkeypatch.setattr(controller.engine.recordings, "finish", finish)

    monkeypatch.setattr(controller.engine.recordings, "finish", lost)
    customer, phone = await a_talk(controller, asterisk, company)
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    assert await company.told() == ANSWERED
    assert len(await company.cdrs()) == 1
