"""What is told of a call and written down of it, field by field; the ladders show the rest."""

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
from tongdai.pbx.events import Body, Event
from tongdai.pbx.step import Step

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


def told(steps: list[Step]) -> list[Event]:
    return [event for step in steps for event in step.events]


def records(steps: list[Step]) -> list[Cdr]:
    return [step.cdr for step in steps if step.cdr]


def test_an_event_is_the_json_of_the_reference() -> None:
    steps = play(*ANSWERED, given=GROUP)
    event = told(steps)[-1]
    leg_id = str(ids.derived(event.call_uuid, "102"))
    assert msgspec.to_builtins(event.body) == {
        "call_id": leg_id,
        "sip_call_id": "sip-102",
        "domain": "example.vn",
        "direction": "inbound",
        "from_number": "0899888999",
        "to_number": "102",
        "hotline": "19001919",
        "state": "cdr",
        "duration": 9,
        "billsec": 5,
        "recording_url": "https://pbx/rec/token",
        "conversation_id": str(event.call_uuid),
        "customer_id": "",
    }


def test_durations_are_told_at_the_end_only() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [(event.body.state, event.body.duration, event.body.billsec) for event in events] == [
        ("ringing", 0, 0),
        ("ringing", 0, 0),
        ("answered", 0, 0),
        ("hangup", 9, 5),
        ("cdr", 9, 5),
    ]


def test_only_the_cdr_event_has_the_recording() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [event.body.state for event in events if event.body.recording_url] == ["cdr"]


def test_events_keep_their_ids_however_often_they_are_made() -> None:
    first, second = (told(play(*ANSWERED, given=GROUP)) for _ in range(2))
    assert first == second
    assert len({event.event_uuid for event in first}) == len(first)
    assert {event.call_uuid for event in first} == {first[0].body.conversation_id}


def test_the_sip_call_id_is_that_of_the_extensions_leg() -> None:
    events = told(play(*ANSWERED, given=GROUP))
    assert [event.body.sip_call_id for event in events] == [
        "sip-101",
        "sip-102",
        "sip-102",
        "sip-102",
        "sip-102",
    ]


def test_with_one_extension_all_ids_are_equal() -> None:
    steps = play(
        "0.0 Arrived trunk 0899888999 19001919", "0.1 LegDialed 101", "2.0 LegAnswered 101"
    )
    assert {event.body.call_id for event in told(steps)} == {steps[0].call.call_uuid}


def test_the_customers_id_comes_back() -> None:
    steps = play(
        "0.0 Click 101 0899888999 customer_id=crm-7",
        "0.1 LegDialed 101",
        "0.2 LegHungUp 101 17 486",
    )
    assert {event.body.customer_id for event in told(steps)} == {"crm-7"}
    assert [record.customer_id for record in records(steps)] == ["crm-7"]


def test_the_record() -> None:
    pending, final = records(play(*ANSWERED, given=GROUP))
    assert pending.recording_status == "pending"
    assert final == msgspec.structs.replace(
        pending, recording_status="ready", recording_file="2026/a.wav"
    )
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
        recording_status="ready",
        recording_token="token",
        recording_file="2026/a.wav",
        other_ids=tuple(
            sorted((str(ids.derived(call_uuid, "102")), "sip-101", "sip-102", "sip-customer"))
        ),
    )


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
    last = records(steps)[-1]
    assert (last.recording_status, last.recording_file) == (status, kept)
    assert last.recording_token == (None if status == "none" else "token")
    assert bool(told(steps)[-1].body.recording_url) is is_told


def test_who_was_not_answered_has_no_recording() -> None:
    (record,) = records(play("0.0 Arrived trunk 0899888999 19001919", "1.0 LegHungUp customer 16"))
    assert (
        record.recording_status,
        record.recording_token,
        record.time_answered,
        record.billsec,
    ) == (
        "none",
        None,
        None,
        0,
    )


def test_a_record_is_found_by_every_id_that_was_told() -> None:
    steps = play(*ANSWERED, given=GROUP)
    record = records(steps)[-1]
    names = {str(record.cdr_uuid), str(record.call_id), *record.other_ids}
    for event in told(steps):
        assert {
            str(event.body.call_id),
            event.body.sip_call_id,
            str(event.body.conversation_id),
        } <= names


def test_with_one_id_everywhere_it_is_the_conversations() -> None:
    steps = play(*ANSWERED, given=(*GROUP, "domain call_id_mode=conversation"))
    assert {event.body.call_id for event in told(steps)} == {steps[0].call.call_uuid}
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
    assert {event.body.from_number for event in told(steps)} == {number}


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # given one


@given(moments, st.integers(0, 10_000_000_000), st.integers(0, 10_000_000_000))
def test_seconds_are_those_between_the_times_shown(start: datetime, talk: int, rest: int) -> None:
    answered = start + timedelta(microseconds=talk)
    end = answered + timedelta(microseconds=rest)
    shown = [datetime.fromisoformat(str(moment)[:19]) for moment in (start, answered, end)]
    assert seconds(start, end) == (shown[2] - shown[0]).total_seconds()
    assert seconds(answered, end) == (shown[2] - shown[1]).total_seconds() <= seconds(start, end)
    assert seconds(end, start) == 0 or end == start


def test_bodies_have_every_documented_key() -> None:
    documented = "call_id sip_call_id domain direction from_number to_number hotline state duration billsec recording_url"
    assert set(documented.split()) <= {field.name for field in msgspec.structs.fields(Body)}
    assert all(
        isinstance(event.body.call_id, UUID) for event in told(play(*ANSWERED, given=GROUP))
    )
