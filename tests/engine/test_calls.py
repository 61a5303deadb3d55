"""Real calls, replayed as they were recorded, and what the database then holds of them; and calls
that become one.
"""

from datetime import UTC, datetime

import pytest

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk, Recording
from tests.asterisk.test_recording import part, sound
from tests.engine.companies import CUSTOMER, HOTLINE, Company, prepare
from tests.engine.controllers import URL, Controller
from tongdai.pbx.call import Stage
from tongdai.pbx.cdr import DIRECTIONS
from tongdai.store import cdr_search

# Recording: events told, in order, each with its extension; then direction, status, cause,
# extension and who hung up.
CALLS = {
    "inbound_answered": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "inbound_by_registration": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "inbound_cancelled": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "CANCEL", "ORIGINATOR_CANCEL", "101", "caller"),
    ),
    "inbound_busy": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "BUSY", "USER_BUSY", "101", "callee"),
    ),
    "inbound_rang_out": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "NO-ANSWERED", "NO_ANSWER", "101", "system"),
    ),
    "inbound_unregistered": (
        ["hangup 101", "missed 101", "cdr 101"],
        ("inbound", "NOT-AVAILABLE", "SUBSCRIBER_ABSENT", "101", "system"),
    ),
    "ring_group": (
        ["ringing 101", "ringing 102", "answered 102", "hangup 101", "hangup 102", "cdr 102"],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "102", "callee"),
    ),
    "queue": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "inbound_rejected": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "BUSY", "CALL_REJECTED", "101", "callee"),
    ),
    "inbound_unavailable": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "NOT-AVAILABLE", "SUBSCRIBER_ABSENT", "101", "system"),
    ),
    "ring_group_rang_out": (
        ["ringing 101", "ringing 102", "hangup 101", "hangup 102", "missed 101", "cdr 101"],
        ("inbound", "NO-ANSWERED", "NO_ANSWER", "101", "system"),
    ),
    "ring_group_in_turn_rang_out": (
        ["ringing 101", "ringing 102", "hangup 101", "hangup 102", "missed 101", "cdr 101"],
        ("inbound", "NO-ANSWERED", "NO_ANSWER", "101", "system"),
    ),
    "queue_timed_out": (
        ["ringing 101", "hangup 101", "missed 101", "cdr 101"],
        ("inbound", "NO-ANSWERED", "NO_ANSWER", "101", "system"),
    ),
    "outbound_busy": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("outbound", "BUSY", "USER_BUSY", "101", "callee"),
    ),
    "outbound_no_answer": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("outbound", "NO-ANSWERED", "NO_ANSWER", "101", "system"),
    ),
    "outbound_unreachable": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("outbound", "NOT-AVAILABLE", "SUBSCRIBER_ABSENT", "101", "system"),
    ),
    "outbound_answered": (
        ["ringing 101", "answered 101", "hangup 101", "cdr 101"],
        ("outbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "outbound_refused": (
        ["ringing 101", "hangup 101", "cdr 101"],
        ("outbound", "INVALID", "UNALLOCATED_NUMBER", "101", "system"),
    ),
    "local_answered": (
        ["ringing 102", "answered 102", "hangup 102", "cdr 102"],
        ("local", "ANSWERED", "NORMAL_CLEARING", "101", "callee"),
    ),
    "blind_transfer": (
        [
            "ringing 101",
            "answered 101",
            "hangup 101",
            "ringing 102",
            "answered 102",
            "hangup 102",
            "cdr 101",
        ],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "attended_transfer": (
        [
            "ringing 101",
            "answered 101",
            "ringing 102",
            "answered 102",
            "hangup 102",  # of the consultation
            "ringing 102",
            "answered 102",
            "hangup 101",
            "hangup 102",
            "cdr 101",
        ],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
    "semi_attended_transfer": (
        [
            "ringing 101",
            "answered 101",
            "ringing 102",
            "hangup 102",  # of the consultation
            "ringing 102",
            "hangup 101",
            "answered 102",
            "hangup 102",
            "cdr 101",
        ],
        ("inbound", "ANSWERED", "NORMAL_CLEARING", "101", "caller"),
    ),
}
PARTIES = {
    "inbound": (CUSTOMER, HOTLINE),
    "outbound": (HOTLINE, CUSTOMER),
    "local": ("101", "102"),
}


def begin_to_end(recording: Recording) -> tuple[int, int]:
    """Seconds from the beginning, and from the first answer if any, until a party hung up or the
    last one went.
    """
    moments = [
        (int(datetime.fromisoformat(each["timestamp"]).timestamp()), each)
        for each in recording.events
    ]
    asked = [
        at
        for at, each in moments
        if each["type"] == "ChannelHangupRequest" and not each.get("soft")
    ]
    answered = [at for at, each in moments if each.get("dialstatus") == "ANSWER"]
    ended = asked[-1] if answered and asked else moments[-1][0]
    return ended - moments[0][0], ended - answered[0] if answered else 0


@pytest.mark.parametrize("name", CALLS)
async def test_a_real_call_becomes_its_events_and_its_record(
    controller: Controller, company: Company, name: str
) -> None:
    events, expected = CALLS[name]
    direction = expected[0]
    await prepare(name, company)
    recording = await controller.play(name, company)

    assert sorted(await company.told()) == sorted(events)
    bodies = {body["state"]: body for body in await company.events()}
    cdr = await company.cdr()
    assert (cdr["direction"], cdr["status"], cdr["cause"], cdr["extension"], cdr["hangup_by"]) == (
        DIRECTIONS[direction],
        *expected[1:],
    )
    assert (cdr["from_number"], cdr["to_number"]) == PARTIES[direction]
    assert cdr["hotline"] == ("" if direction == "local" else HOTLINE)
    group, queue = name.startswith("ring_group"), name.startswith("queue")
    assert cdr["receive_dest"] == ("600" if group else "700" if queue else "")
    assert (cdr["duration"], cdr["billsec"]) == begin_to_end(recording)
    assert bodies["cdr"]["call_id"] == str(cdr["call_id"])
    assert {body["conversation_id"] for body in await company.events()} >= {str(cdr["cdr_uuid"])}
    await controller.has_nothing_left(company)


@pytest.mark.parametrize("name", CALLS)
async def test_told_twice_or_thrice_it_is_the_same_call(
    controller: Controller, company: Company, name: str
) -> None:
    """Asterisk may tell what happens twice, when a channel is subscribed to in two ways."""
    await prepare(name, company)
    recording = fake.recording(name, company.name, company.trunk, began=datetime.now(UTC))
    frames = [frame for frame in recording.frames for _ in range(1 if "request" in frame else 3)]
    await controller.asterisk.play(
        Recording(recording.told, frames, recording.cel_log), controller.quiet
    )
    assert sorted(await company.told()) == sorted(CALLS[name][0])
    assert (await company.cdr())["status"] == CALLS[name][1][1]
    await controller.has_nothing_left(company)


async def test_all_ids_of_a_call_find_its_record(controller: Controller, company: Company) -> None:
    await company.add_ring_group("600", "101", "102")
    await controller.play("ring_group", company)
    cdr = await company.cdr()
    async with company.database.connection() as tx:
        for body in await company.events():
            for name in (body["call_id"], body["sip_call_id"], body["conversation_id"]):
                found = await cdr_search.get(tx, company.uuid, name)
                assert found.cdr_uuid == cdr["cdr_uuid"]


async def test_a_recorded_call_is_told_of_when_its_recording_can_be_played(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    call = asterisk.call_of(customer).hex
    await asterisk.expect(f"POST channels/{customer}/continue", context="dial-recorded")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    spoken = part(controller.config.spool, f"1795442305-{customer}", sound(7))
    spoken.rename(mine := spoken.with_name(f"{call}-1795442305-{customer}.wav"))
    content, header = mine.read_bytes(), mine.read_bytes()[:40] + bytes(4)
    mine.write_bytes(header + content[44:])  # not closed yet
    await asterisk.hangs_up(customer)
    await asterisk.hangs_up(phone)
    await until(lambda: company.was_told("hangup 101"))
    assert (await company.recording()).status == "pending"
    assert "cdr 101" not in await company.told()
    mine.write_bytes(content)
    await controller.quiet()
    recording, told = await company.recording(), (await company.events())[-1]
    assert recording.status == "ready"
    assert (controller.kept / str(recording.file_key)).read_bytes() == content
    assert (recording.size, recording.duration_s) == (len(content), (len(content) - 44) / 16_000)
    assert (told["state"], told["recording_url"]) == ("cdr", URL + recording.token)
    assert list(controller.config.spool.iterdir()) == []
    await controller.has_nothing_left(company)


async def test_a_recording_that_cannot_be_kept_is_known_to_be_lost(
    controller: Controller, asterisk: FakeAsterisk, company: Company, errors_said: set[str]
) -> None:
    errors_said.add("recording.lost")
    controller.kept.write_text("a file where the folder should be")
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    call = asterisk.call_of(customer).hex
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    spoken = part(controller.config.spool, "1", sound(7))
    kept = spoken.rename(spoken.with_name(f"{call}-1795442305-{customer}.wav"))
    await asterisk.hangs_up(customer)
    await asterisk.hangs_up(phone)
    await until(lambda: company.was_told("cdr 101"))
    assert (await company.recording()).status == "failed"
    assert kept.exists(), "for whoever mends it"


# --- merging


async def test_two_calls_become_one_and_keep_the_first_ones_name(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    recording = await controller.play("attended_transfer", company)
    cdr = await company.cdr()
    own = recording.events[0]["channel"]["channelvars"]["TD_CALL_ID"]
    consultation = recording.events[4]["channel"]["channelvars"]["TD_CALL_ID"]
    assert cdr["cdr_uuid"].hex == own != consultation
    async with company.database.connection() as tx:
        rows = await tx.fetch("SELECT id FROM cdr_ids WHERE cdr_uuid = $1", cdr["cdr_uuid"])
    assert consultation in {row["id"].hex for row in rows}


async def test_a_merge_waits_for_a_consultation_that_is_busy(
    controller: Controller, asterisk: FakeAsterisk, company: Company
) -> None:
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    alice = await asterisk.rings(customer, company.phone("101"), answers=True)
    asks = await asterisk.arrives(company.phone("101"), "102", caller="101")
    await asterisk.expect(f"POST channels/{asks}/continue")
    bob = await asterisk.rings(asks, company.phone("102"))
    await controller.quiet()
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE calls IN SHARE MODE")
        await asterisk.answers(bob, asks)
        await until(company.is_locked_out)
        asterisk.transfer(alice, transferee=customer, target=bob)
        box = controller.engine.mailboxes[asterisk.call_of(customer)]
        await until(lambda: box.is_busy)
        await until(lambda: controller.engine.mailboxes[asterisk.call_of(asks)].waiting)
    await until(lambda: len(controller.engine.mailboxes) == 1)
    for gone in (alice, asks):
        await asterisk.ends(gone)
    await controller.quiet()
    (box,) = controller.engine.mailboxes.values()
    assert box.call
    assert (box.call.stage, box.call.channel) == (Stage.TALKING, customer)
    await asterisk.hangs_up(customer)
    await asterisk.ends(bob)
    await controller.quiet()
    assert (await company.cdr())["status"] == "ANSWERED"
    await controller.has_nothing_left(company)
