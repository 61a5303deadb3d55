"""Events and the record of a call, field by field; the ladders show the rest."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pbx import company, ladder
from tongdai import ids
from tongdai.pbx.call import seconds
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.events import CallFacts, Event
from tongdai.pbx.recording import Recording
from tongdai.pbx.step import Step
from tongdai.pbx.visits import Part, PastVisit

ANSWERED = (
    "0.0 Arrived trunk 0899888999 19001919",
    "0.1 LegDialed 101",
    "0.1 LegDialed 102",
    "4.0 LegAnswered 102",
    "4.1 LegHungUp 101 26",
    "9.0 HangupAsked customer",
    "9.0 LegHungUp customer 16",
    "9.1 LegHungUp 102 16",
    "10.0 RecordingFinished 2026/a.wav",
)
GROUP = ("hotline destination=600", "group 600 members=101,102")


def play(*said: str, given: tuple[str, ...] = ()) -> list[Step]:
    context = company.context()
    for text in given:
        context = company.given(context, text)
    steps: list[Step] = []
    for rung in map(ladder.rung, said):
        played = (
            ladder.go_on(rung, steps[-1].call, {}, context)
            if steps
            else ladder.begin(rung, context)
        )
        assert isinstance(played.outcome, Step)
        steps.append(played.outcome)
    return steps


class Told(msgspec.Struct, frozen=True):
    """An event of a call."""

    event_uuid: UUID
    order_key: UUID
    name: str
    facts: CallFacts


def told(steps: list[Step]) -> list[Told]:
    return [
        _told(event)
        for step in steps
        for event in step.events
        if isinstance(event.facts, CallFacts)
    ]


def _told(event: Event) -> Told:
    assert isinstance(event.facts, CallFacts)
    return Told(event.event_uuid, event.order_key, event.name, event.facts)


def records(steps: list[Step]) -> list[Cdr]:
    return [step.cdr for step in steps if step.cdr]


def test_an_event_holds_the_facts_of_its_leg_and_call() -> None:
    event = told(play(*ANSWERED, given=GROUP))[-1]
    assert event.name == "cdr"
    assert event.facts == CallFacts(
        domain="example.vn",
        call_id=ids.derived(event.order_key, "102"),
        sip_call_id="sip-102",
        conversation_id=event.order_key,
        direction="inbound",
        from_number="0899888999",
        to_number="102",
        hotline="19001919",
        extension="102",
        receive_dest="600",
        time_zone="Asia/Ho_Chi_Minh",
        time_started=ladder.NOON,
        time_answered=ladder.NOON + timedelta(seconds=4),
        time_ended=ladder.NOON + timedelta(seconds=9),
        duration=9,
        billsec=5,
        recording_url="https://pbx/rec/token",
        status="ANSWERED",
        cause="NORMAL_CLEARING",
        hangup_by="caller",
        sip_hangup_disposition="send_bye",
        trunk="carrier",
    )


def test_each_leg_has_the_times_and_the_end_of_its_own() -> None:
    lost, talked = (
        event.facts for event in told(play(*ANSWERED, given=GROUP)) if event.name == "hangup"
    )
    assert (lost.extension, lost.time_answered, lost.time_ended) == (
        "101",
        None,
        ladder.NOON + timedelta(seconds=4.1),
    )
    assert (lost.status, lost.cause, lost.hangup_by, lost.reason) == (
        "NO-ANSWERED",
        "LOSE_RACE",
        "system",
        "answered_elsewhere",
    )
    assert (talked.extension, talked.time_answered) == ("102", ladder.NOON + timedelta(seconds=4))
    assert (talked.status, talked.hangup_by, talked.reason) == ("ANSWERED", "caller", "")


def test_a_click_to_call_is_told_apart() -> None:
    asked = told(play("0.0 Click 101 0899888999", "0.1 LegDialed 101"))
    dialled = told(play("0.0 Arrived phone 101 0899888999"))
    assert [event.facts.application for event in (*asked, *dialled)] == ["click2call", "dial"]


def test_durations_are_told_at_the_end_only() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [(event.name, event.facts.duration, event.facts.billsec) for event in events] == [
        ("ringing", 0, 0),
        ("ringing", 0, 0),
        ("answered", 0, 0),
        ("hangup", 4, 0),
        ("hangup", 9, 5),
        ("cdr", 9, 5),
    ]


def test_only_the_cdr_event_has_the_recording() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [event.name for event in events if event.facts.recording_url] == ["cdr"]


def test_events_keep_their_ids_however_often_they_are_made() -> None:
    first, second = (told(play(*ANSWERED, given=GROUP)) for _ in range(2))
    assert first == second
    assert len({event.event_uuid for event in first}) == len(first)
    assert {event.order_key for event in first} == {first[0].facts.conversation_id}


def test_the_sip_call_id_is_that_of_the_extensions_leg() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [event.facts.sip_call_id for event in events] == [
        "sip-101",
        "sip-102",
        "sip-102",
        "sip-101",
        "sip-102",
        "sip-102",
    ]


def test_with_one_extension_all_ids_are_equal() -> None:
    steps = play(
        "0.0 Arrived trunk 0899888999 19001919", "0.1 LegDialed 101", "2.0 LegAnswered 101"
    )
    assert {event.facts.call_id for event in told(steps)} == {steps[0].call.call_uuid}


def test_the_customers_id_comes_back() -> None:
    steps = play(
        "0.0 Click 101 0899888999 customer_id=crm-7",
        "0.1 LegDialed 101",
        "0.2 LegHungUp 101 17 486",
    )
    assert {event.facts.customer_id for event in told(steps)} == {"crm-7"}
    assert [record.customer_id for record in records(steps)] == ["crm-7"]


def test_the_record() -> None:
    pending, final = records(play(*ANSWERED, given=GROUP))
    assert pending.recording
    assert pending.recording.status == "pending"
    kept = msgspec.structs.replace(
        pending.recording,
        status="ready",
        file_key="2026/a.wav",
        size=32_044,
        duration_s=2.0,
        channels=1,
        sha256="",
    )
    assert final == msgspec.structs.replace(pending, recording=kept)
    call_uuid = pending.cdr_uuid
    assert final == Cdr(
        domain_uuid=company.DOMAIN,
        cdr_uuid=call_uuid,
        call_id=ids.derived(call_uuid, "102"),
        sip_call_id="sip-102",
        direction=2,
        status="ANSWERED",
        cause="NORMAL_CLEARING",
        extension="102",
        from_number="0899888999",
        to_number="19001919",
        from_canonical="84899888999",
        to_canonical="19001919",
        hotline="19001919",
        receive_dest="600",
        customer_id="",
        time_started=ladder.NOON,
        time_answered=ladder.NOON + timedelta(seconds=4),
        time_ended=ladder.NOON + timedelta(seconds=9),
        duration=9,
        billsec=5,
        hangup_by="caller",
        recording=Recording(
            domain_uuid=company.DOMAIN,
            cdr_uuid=call_uuid,
            recording_uuid=ids.derived(call_uuid, "recording"),
            token="token",
            status="ready",
            started_at=ladder.NOON + timedelta(seconds=4),
            file_key="2026/a.wav",
            duration_s=2.0,
            size=32_044,
            channels=1,
            sha256="",
        ),
        time_ringing=ladder.NOON + timedelta(seconds=0.1),
        called_count=2,
        sip_hangup_disposition="send_bye",
        trunk="carrier",
        visits=(
            PastVisit(
                kind="ring_group",
                number="600",
                time_started=ladder.NOON,
                outcome="answered",
                extension="102",
                wait_s=4,
                talk_s=5,
                service_level_s=20,
            ),
        ),
        parts=(Part(extension="102", outcome="answered", wait_s=4, talk_s=5),),
        other_ids=(ids.derived(call_uuid, "102"),),
        other_sip_call_ids=("sip-101", "sip-customer"),
    )


SAME = (
    *("call_id", "sip_call_id", "hotline", "receive_dest", "customer_id", "duration"),
    *("time_started", "time_answered", "time_ended", "status", "cause", "hangup_by"),
    *("application", "sip_hangup_disposition"),
)
"""What the record and its `cdr` event both tell."""


@pytest.mark.parametrize("flow", ladder.read_all(), ids=lambda flow: str(flow.name))
def test_a_record_says_what_its_event_said(flow: ladder.Ladder) -> None:
    for played in ladder.play(flow):
        outcome = played.outcome
        if isinstance(outcome, Step) and outcome.done and outcome.cdr:
            event, *of_joined = [_told(one) for one in outcome.events if one.name == "cdr"]
            assert len(of_joined) == len(outcome.call.joined)
            said = {name: getattr(event.facts, name) for name in SAME}
            assert {name: getattr(outcome.cdr, name) for name in SAME} == said


CALLED: dict[str, tuple[tuple[str, ...], tuple[str, ...], float | None, int]] = {
    "two phones of one extension": (
        (),
        ("Arrived trunk 0899888999 19001919", "LegDialed 101", "LegDialed 101b",
         "HangupAsked customer", "LegHungUp customer 16", "LegHungUp 101 16", "LegHungUp 101b 16"),
        1.0, 1,
    ),
    "a hunt comes to its second step": (
        ("hotline destination=600", "group 600 strategy=sequential members=101,102"),
        ("Arrived trunk 0899888999 19001919", "LegDialed 101", "LegHungUp 101 17 486",
         "DialEnded customer BUSY", "LegDialed 102", "HangupAsked customer",
         "LegHungUp customer 16", "LegHungUp 102 16"),
        1.0, 2,
    ),
    "a call out": (
        (),
        ("Arrived phone 101 0899888999", "LegDialed carrier", "LegRinging carrier",
         "HangupAsked 101", "LegHungUp 101 16", "LegHungUp carrier 16"),
        1.0, 1,
    ),
    "a call that is barred": (
        (),
        ("Arrived phone 101 0011234567890", "HangupAsked 101", "LegHungUp 101 52"),
        None, 0,
    ),
    "an extension that is not registered": (
        (),
        ("Arrived trunk 0899888999 19001919", "DialEnded customer CHANUNAVAIL",
         "LegHungUp customer 20"),
        None, 0,
    ),
    "a click-to-call": (
        (),
        ("Click 101 0899888999", "LegDialed 101", "LegAnswered 101", "LegDialed carrier",
         "HangupAsked carrier", "LegHungUp carrier 17 486", "DialEnded 101 BUSY",
         "LegHungUp 101 17"),
        0.0, 2,
    ),
    "a click-to-call that no phone was asked for": (
        (),
        ("Click 101 0899888999", "Refused Originate 101"),
        None, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_when_it_began_to_ring_and_how_often_somebody_was_called(name: str) -> None:
    given, said, ringing_s, count = CALLED[name]
    rungs = [f"{second}.0 {text}" for second, text in enumerate(said)]
    record = records(play(*rungs, given=given))[-1]
    at = None if ringing_s is None else ladder.NOON + timedelta(seconds=ringing_s)
    assert (record.time_ringing, record.called_count) == (at, count)


@pytest.mark.parametrize(
    ("said", "direction"),
    [("trunk 0899888999 19001919", 2), ("phone 101 0899888999", 3), ("phone 101 102", 1)],
)
def test_directions_are_numbers(said: str, direction: int) -> None:
    channel = "customer" if "trunk" in said else "101"
    steps = play(
        f"0.0 Arrived {said}", f"1.0 HangupAsked {channel}", f"1.0 LegHungUp {channel} 16"
    )
    assert [record.direction for record in records(steps)] == [direction]


@pytest.mark.parametrize(
    ("file", "status", "kept", "is_told"),
    [
        ("a.wav", "ready", "a.wav", True),
        ("none", "none", None, False),
        ("lost", "failed", None, False),
    ],
)
def test_a_record_never_points_to_a_file_that_is_not_there(
    file: str, status: str, kept: str | None, *, is_told: bool
) -> None:
    steps = play(*ANSWERED[:-1], f"10.0 RecordingFinished {file}", given=GROUP)
    last = records(steps)[-1].recording
    assert last
    assert (last.status, last.file_key, last.token) == (status, kept, "token")
    assert (last.size, last.duration_s) == ((32_044, 2.0) if kept else (None, None))
    assert bool(told(steps)[-1].facts.recording_url) is is_told


def test_who_was_not_answered_has_no_recording() -> None:
    (record,) = records(play("0.0 Arrived trunk 0899888999 19001919", "1.0 LegHungUp customer 16"))
    assert (
        record.recording,
        record.time_answered,
        record.billsec,
    ) == (
        None,
        None,
        0,
    )


def test_a_record_is_found_by_every_id_that_was_told() -> None:
    steps = play(*ANSWERED, given=GROUP)
    record = records(steps)[-1]
    uuids = {record.cdr_uuid, record.call_id, *record.other_ids}
    sip_call_ids = {record.sip_call_id, *record.other_sip_call_ids}
    for event in told(steps):
        assert {event.facts.call_id, event.facts.conversation_id} <= uuids
        assert event.facts.sip_call_id in sip_call_ids


def test_with_one_id_everywhere_it_is_the_conversations() -> None:
    steps = play(*ANSWERED, given=(*GROUP, "domain call_id_mode=conversation"))
    assert {event.facts.call_id for event in told(steps)} == {steps[0].call.call_uuid}
    assert {record.call_id for record in records(steps)} == {steps[0].call.call_uuid}


@pytest.mark.parametrize("number", ["anonymous", "sip:eve@evil", "84abc", "Ẽve", "unknown"])
def test_a_caller_who_is_no_number_is_told_as_he_is(number: str) -> None:
    steps = play(
        f"0.0 Arrived trunk {number} 19001919",
        "0.1 LegDialed 101",
        "1.0 LegHungUp customer 16",
        "1.0 LegHungUp 101 0",
    )
    (record,) = records(steps)
    assert (record.from_number, record.from_canonical) == (number, number)
    assert {event.facts.from_number for event in told(steps)} == {number}


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # given one


@given(moments, st.integers(0, 10_000_000_000), st.integers(0, 10_000_000_000))
def test_seconds_are_those_between_the_times_shown(start: datetime, talk: int, rest: int) -> None:
    answered = start + timedelta(microseconds=talk)
    end = answered + timedelta(microseconds=rest)
    shown = [datetime.fromisoformat(str(moment)[:19]) for moment in (start, answered, end)]
    assert seconds(start, end) == (shown[2] - shown[0]).total_seconds()
    assert seconds(answered, end) == (shown[2] - shown[1]).total_seconds() <= seconds(start, end)
    assert seconds(end, start) == 0 or end == start
