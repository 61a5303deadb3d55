"""Calls while no engine listened: it died, the link was lost, Asterisk crashed. Afterwards all is
as if it had listened.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import pytest

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk, Recording
from tests.asterisk.test_recording import part, sound
from tests.engine import companies
from tests.engine.companies import CUSTOMER, HOTLINE, Company
from tests.engine.controllers import Controller, Controllers
from tongdai.asterisk import cel_log
from tongdai.asterisk.switch import Snapshot
from tongdai.encryption import MasterKey
from tongdai.engine import recovery
from tongdai.pbx.commands import ClickToCall
from tongdai.store import db, domains, nodes

Offices: TypeAlias = Callable[[], Awaitable[Company]]
Quiet: TypeAlias = Callable[[], Awaitable[object]]


@pytest.fixture
def offices(database: db.Database, master_key: MasterKey) -> Offices:
    """Another company each time."""

    async def office() -> Company:
        async with database.transaction() as tx:
            domain = await domains.insert(tx, f"office{next(_numbers)}.example.vn")
        return await companies.found(database, domain, master_key)

    return office


_numbers = itertools.count(1)


# --- we die


async def nothing() -> None:
    pass


def cut(recording: Recording, index: int) -> tuple[Recording, Recording]:
    """Before the frame, and from it on."""
    at = datetime.fromisoformat(recording.frames[index]["timestamp"]).timestamp()
    heard = [entry for entry in recording.cel_log if float(entry["eventtime"]) < at]
    unheard = recording.cel_log[len(heard) :]
    told = recording.told
    return Recording(told, recording.frames[:index], heard), Recording(
        told, recording.frames[index:], unheard
    )


ANSWERED = (
    "inbound_answered",
    "ring_group",
    "outbound_answered",
    "blind_transfer",
    "attended_transfer",
    "semi_attended_transfer",
)
NOT_ANSWERED = (
    "inbound_cancelled",
    "inbound_rang_out",
    "inbound_busy",
    "inbound_rejected",
    "inbound_unavailable",
    "inbound_unregistered",
    "ring_group_rang_out",
    "ring_group_in_turn_rang_out",
    "queue_timed_out",
    "outbound_busy",
    "outbound_no_answer",
    "outbound_refused",
    "outbound_unreachable",
    "click_to_call_rang_out",
    "click_to_call_rejected",
    "click_to_call_no_answer",
)


@pytest.mark.parametrize("is_settled", [True, False])
@pytest.mark.parametrize("name", [*ANSWERED, *NOT_ANSWERED])
async def test_wherever_we_die_the_record_is_the_same(
    controllers: Controllers, asterisk: FakeAsterisk, offices: Offices, name: str, is_settled: bool
) -> None:
    """Killed before each event after our last dialling; the rest of the call happens while nobody
    listens.
    """
    frames = fake.recording(name).frames
    asterisk.started_at -= timedelta(hours=1)
    outcomes = []
    for index in places_to_die(name):
        company = await offices()
        await companies.prepare(name, company)
        controller = await controllers.start()
        recording = fake.recording(name, company.name, company.trunk, began=began(name, asterisk))
        if index < len(frames):
            heard, unheard = cut(recording, index)
            quiet = controller.quiet if is_settled else nothing
            names = await play(controller, company, heard, quiet)
            await controllers.kill()
            asterisk.pass_unheard(unheard, names)
            controller = await controllers.start()
        else:
            await play(controller, company, recording, controller.quiet)
        await until(partial(is_over, company))
        await controller.has_nothing_left(company)
        await controllers.kill()
        outcomes.append((_matters(await company.cdr()), await _told(company)))
        asterisk.cel_log.write_bytes(b"")  # channels have the same ids the next time
    assert outcomes == [outcomes[-1]] * len(outcomes)


async def _told(company: Company) -> list[tuple[str, ...]]:
    """The events, each with why and how the leg ended."""
    kept = ("state", "from_number", "to_number", "status", "cause", "reason", "hangup_by")
    return sorted(tuple(body[name] for name in kept) for body in await company.events())


async def is_over(company: Company) -> bool:
    return any(told.startswith("cdr ") for told in await company.told())


def began(name: str, asterisk: FakeAsterisk) -> datetime:
    """Long ago; but for calls that wait for a moment (`pbx.call.due`), which must not be over."""
    return asterisk.now - timedelta(minutes=1) if name in ANSWERED else asterisk.now


async def play(
    controller: Controller, company: Company, recording: Recording, quiet: Quiet
) -> dict[str, str]:
    """It happens; a click-to-call is asked for. The ids that we chose this time, by those of the
    recording.
    """
    if not recording.told.startswith("Click-to-call"):
        return await controller.asterisk.play(recording, quiet)
    playing = asyncio.create_task(controller.asterisk.play(recording, quiet))
    command = ClickToCall(ext="101", phone=CUSTOMER)
    asked = asyncio.create_task(controller.commands.outcome(company.uuid, command))
    names = await playing
    assert (await asked).error == ""
    return names


def places_to_die(name: str) -> list[int]:
    """Before which frames, and last after all; not between a transfer and what we must ask then,
    and not before a soft hang-up request, which is no signal.
    """
    recording = fake.recording(name)
    frames = recording.frames
    dialled = max(
        index
        for index, frame in enumerate(frames)
        if frame.get("request", "").endswith(("/continue", "-ext"))
        and not frame["request"].startswith("DELETE")
    )
    places = []
    for index in range(dialled + 1, len(frames)):
        if "request" not in frames[index] and not frames[index].get("soft"):
            heard, _ = cut(recording, index)
            is_transferred = any(
                entry["eventtype"] == "ATTENDEDTRANSFER" for entry in heard.cel_log
            )
            is_recorded = any(
                frame.get("request", "").endswith("/record") for frame in heard.frames
            )
            places += [index] if is_transferred == is_recorded else []
    return [*places, len(frames)]


def _matters(cdr: dict[str, object]) -> tuple[object, ...]:
    """Of calls that nobody answered not the seconds: they begin now, and end at our pace."""
    names = ("status", "cause", "extension", "billsec", "hangup_by")
    return (*(cdr[name] for name in names), cdr["duration"] if cdr["billsec"] else None)


async def test_a_talk_that_ended_while_we_were_dead_ended_when_it_did(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    asterisk.ahead = -timedelta(seconds=3600)
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    asterisk.ahead += timedelta(seconds=8)
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    await controllers.kill()
    asterisk.ahead += timedelta(seconds=125)
    await asterisk.hangs_up(customer)
    await asterisk.ends(phone)

    controller = await controllers.start()
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["hangup_by"]) == ("ANSWERED", "caller")
    assert cdr["billsec"] in (125, 126)
    assert cdr["duration"] in (133, 134)
    assert await company.told() == ["ringing 101", "answered 101", "hangup 101", "cdr 101"]


async def test_a_talk_that_goes_on_is_heard_of_again(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"))
    await until(lambda: company.was_told("ringing 101"))
    await controllers.kill()
    await asterisk.answers(phone, customer)
    controller = await controllers.start()
    await until(lambda: company.was_told("answered 101"))
    assert len(controller.engine.live_calls) == 1
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    assert (await company.cdr())["hangup_by"] == "callee"
    assert await company.told() == ["ringing 101", "answered 101", "hangup 101", "cdr 101"]
    assert asterisk.count(f"POST channels/{customer}/continue") == 1, "nobody dials into a talk"


async def test_a_leg_that_the_cel_log_does_not_tell_of_is_found_by_comparing(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await until(company.live)
    await controllers.kill()
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    asterisk.cel_log.unlink()
    controller = await controllers.start()
    await until(lambda: company.was_told("answered 101"))
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await controller.has_nothing_left(company)
    assert (await company.cdr())["status"] == "ANSWERED"


async def test_an_ended_call_whose_recording_was_not_finished_is_told_of(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    call = asterisk.call_of(customer).hex
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    spoken = part(controller.config.spool, "1", sound(3), closed=False)
    spoken = spoken.rename(spoken.with_name(f"{call}-1795442305-{customer}.wav"))
    await asterisk.hangs_up(phone)
    await asterisk.ends(customer)
    await until(lambda: company.was_told("hangup 101"))
    await controllers.kill()
    assert await company.live() == 1
    closed = part(controller.config.spool, "1", sound(3))
    closed.rename(spoken)
    controller = await controllers.start()
    await controller.has_nothing_left(company)
    assert (await company.recording()).status == "ready"
    assert (await company.told())[-1] == "cdr 101"


# --- Asterisk dies


async def test_calls_of_an_asterisk_that_crashed_ended_when_its_link_did(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """Nothing happened for long before: its CEL log does not tell."""
    asterisk.ahead = -timedelta(seconds=600)
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    asterisk.ahead = timedelta(seconds=2)
    await asterisk.restart()
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert cdr["status"] == "ANSWERED"
    assert 599 <= cdr["billsec"] <= 610


async def test_calls_of_an_asterisk_that_was_back_before_we_missed_the_link(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """A busy engine sees the end of the link after the restart: that is no later than it."""
    asterisk.ahead = -timedelta(seconds=600)
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await asterisk.rings(customer, company.phone("101"), answers=True)
    await until(lambda: company.was_told("answered 101"))
    asterisk.ahead = timedelta()
    await asterisk.restart(noticed_late=True)
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert cdr["status"] == "ANSWERED"
    assert 599 <= cdr["billsec"] <= 610


RESTARTED = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return RESTARTED - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("entries", "heard", "lost", "gone"),
    [
        ([], [], None, 0),  # nothing is known
        ([5], [], None, 5),  # we were dead: the log alone tells
        ([5, -1], [], None, 5),  # what the new one wrote is no sign of the old one
        ([5], [1.5], 0.2, 0.2),
        ([5], [1.5], -0.3, 0),  # noticed late
        ([5], [90], 60, 5),  # the link was lost a minute before it died
        ([5], [90, 2], 60, 2),  # and a later link was not up yet when it died
        ([5], [2, -1], 60, 2),
    ],
)
def test_the_last_sign_of_life(
    entries: list[float], heard: list[float], lost: float | None, gone: float
) -> None:
    written = [
        cel_log.Entry("ANSWER", ago(seconds).timestamp(), "1", "PJSIP/101") for seconds in entries
    ]
    lost_at = None if lost is None else ago(lost)
    snapshot = Snapshot(RESTARTED, {}, lost_at, tuple(map(ago, heard)))
    assert recovery._gone_at(written, snapshot) == ago(gone)


async def test_calls_of_an_asterisk_that_crashed_while_we_were_dead_ended_with_its_last_entry(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    asterisk.ahead = -timedelta(seconds=600)
    controller = await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await asterisk.rings(customer, company.phone("101"), answers=True)
    asterisk.ahead += timedelta(seconds=100)
    other = await asterisk.arrives(company.phone("102"), "103", caller="102")
    await asterisk.hangs_up(other)
    await controller.quiet()
    await controllers.kill()
    asterisk.ahead = timedelta()
    await asterisk.restart()
    controller = await controllers.start()
    await until(lambda: company.was_told("cdr 101"))
    await controller.has_nothing_left(company)
    (cdr,) = [each for each in await company.cdrs() if each["extension"] == "101"]
    assert cdr["status"] == "ANSWERED"
    assert cdr["billsec"] in (100, 101)


async def test_calls_of_an_asterisk_that_crashed_while_we_were_dead_too(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await asterisk.rings(customer, company.phone("101"))
    await until(lambda: company.was_told("ringing 101"))
    await controllers.kill()
    await asterisk.restart()
    controller = await controllers.start()
    await controller.has_nothing_left(company)
    cdr = await company.cdr()
    assert (cdr["status"], cdr["cause"], cdr["billsec"]) == (
        "CONGESTION",
        "NORMAL_TEMPORARY_FAILURE",
        0,
    )


# --- the place in the CEL log


async def test_the_cel_log_before_our_first_start_is_not_ours(
    controllers: Controllers, asterisk: FakeAsterisk, database: db.Database
) -> None:
    asterisk.pass_unheard(fake.recording("inbound_answered"))
    controller = await controllers.start()
    async with database.connection() as tx:
        kept = await nodes.find(tx, controller.config.node)
    assert kept
    assert cel_log.Offset(kept.cel_log_inode, kept.cel_log_offset) == cel_log.end(asterisk.cel_log)


async def test_the_place_is_kept_behind_the_end_and_moves_on(
    controllers: Controllers,
    asterisk: FakeAsterisk,
    database: db.Database,
) -> None:
    controller = await controllers.start(recovery.Timing(keep_s=0.0, lag_s=0.2, tail_s=0.01))
    asterisk.pass_unheard(fake.recording("inbound_answered"))
    end = cel_log.end(asterisk.cel_log)

    async def kept() -> bool:
        async with database.connection() as tx:
            node = await nodes.find(tx, controller.config.node)
        return node is not None and cel_log.Offset(node.cel_log_inode, node.cel_log_offset) == end

    await until(kept)
    assert controller.recovery._read == end
