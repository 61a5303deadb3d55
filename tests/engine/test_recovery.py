"""What happened while nobody listened: we died, the link was lost, Asterisk crashed. As if we had
been there.
"""

import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias

import pytest

from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk, Recording
from tests.asterisk.test_recording import part, sound
from tests.engine import companies
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controllers
from tests.until import until
from tongdai.asterisk import journal
from tongdai.engine import recovery
from tongdai.seal import Seal
from tongdai.store import db, domains, nodes

Offices: TypeAlias = Callable[[], Awaitable[Company]]


@pytest.fixture
def offices(database: db.Database, seal: Seal) -> Offices:
    """Another company each time."""

    async def office() -> Company:
        async with database.transaction() as tx:
            domain = await domains.insert(tx, f"office{next(_numbers)}.example.vn")
        return await companies.found(database, domain, seal)

    return office


_numbers = itertools.count(1)


# --- we die


async def nothing() -> None:
    pass


def cut(recording: Recording, index: int) -> tuple[Recording, Recording]:
    """Before the frame, and from it on."""
    at = datetime.fromisoformat(recording.frames[index]["timestamp"]).timestamp()
    heard = [entry for entry in recording.journal if float(entry["eventtime"]) < at]
    unheard = recording.journal[len(heard) :]
    return Recording("", recording.frames[:index], heard), Recording(
        "", recording.frames[index:], unheard
    )


@pytest.mark.parametrize("is_settled", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "inbound_answered",
        "inbound_cancelled",
        "ring_group",
        "outbound_answered",
        "blind_transfer",
        "attended_transfer",
        "semi_attended_transfer",
    ],
)
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
        if name == "ring_group":
            await company.add_ring_group("600", "101", "102")
        controller = await controllers.start()
        began = asterisk.now - timedelta(minutes=1)
        recording = fake.recording(name, company.name, company.trunk, began=began)
        if index < len(frames):
            heard, unheard = cut(recording, index)
            await asterisk.play(heard, controller.quiet if is_settled else nothing)
            await controllers.kill()
            asterisk.pass_unheard(unheard)
            controller = await controllers.start()
        else:
            await asterisk.play(recording, controller.quiet)
        await controller.has_nothing_left(company)
        await controllers.kill()
        outcomes.append((_matters(await company.cdr()), sorted(await company.told())))
    assert outcomes == [outcomes[-1]] * len(outcomes)


def places_to_die(name: str) -> list[int]:
    """Before which frames; not between a transfer and what we must ask then, and last after
    all.
    """
    recording = fake.recording(name)
    frames = recording.frames
    dialled = max(
        index
        for index, frame in enumerate(frames)
        if frame.get("request", "").endswith("/continue")
    )
    places = []
    for index in range(dialled + 1, len(frames)):
        if "request" not in frames[index]:
            heard, _ = cut(recording, index)
            is_transferred = any(
                entry["eventtype"] == "ATTENDEDTRANSFER" for entry in heard.journal
            )
            is_recorded = any(
                frame.get("request", "").endswith("/record") for frame in heard.frames
            )
            places += [index] if is_transferred == is_recorded else []
    return [*places, len(frames)]


def _matters(cdr: dict[str, object]) -> tuple[object, ...]:
    return tuple(
        cdr[name] for name in ("status", "cause", "extension", "duration", "billsec", "hangup_by")
    )


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


async def test_a_leg_that_the_journal_does_not_tell_of_is_found_by_comparing(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    await controllers.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    await until(company.live)
    await controllers.kill()
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    asterisk.journal.unlink()
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
    assert (await company.cdr())["recording_status"] == "ready"
    assert (await company.told())[-1] == "cdr 101"


# --- Asterisk dies


async def test_calls_of_an_asterisk_that_crashed_ended_when_its_link_did(
    controllers: Controllers, asterisk: FakeAsterisk, company: Company
) -> None:
    """Nothing happened for long before: its journal does not tell."""
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


# --- the place in the journal


async def test_the_journal_before_our_first_start_is_not_ours(
    controllers: Controllers, asterisk: FakeAsterisk, database: db.Database
) -> None:
    asterisk.pass_unheard(fake.recording("inbound_answered"))
    controller = await controllers.start()
    async with database.connection() as tx:
        kept = await nodes.find(tx, controller.config.node)
    assert kept
    assert journal.Place(kept.journal_inode, kept.journal_offset) == journal.end(asterisk.journal)


async def test_the_place_is_kept_behind_the_end_and_moves_on(
    controllers: Controllers,
    asterisk: FakeAsterisk,
    database: db.Database,
) -> None:
    controller = await controllers.start(recovery.Timing(keep_s=0.0, lag_s=0.2, tail_s=0.01))
    asterisk.pass_unheard(fake.recording("inbound_answered"))
    end = journal.end(asterisk.journal)

    async def kept() -> bool:
        async with database.connection() as tx:
            node = await nodes.find(tx, controller.config.node)
        return node is not None and journal.Place(node.journal_inode, node.journal_offset) == end

    await until(kept)
    assert controller.recovery._read == end
