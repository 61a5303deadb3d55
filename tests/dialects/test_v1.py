"""Version 1 to the byte: the keys of the reference in its order, and then ours."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from testbed.samples import record, recording_of
from tongdai import dialects, ids
from tongdai.dialects import View, v1
from tongdai.pbx import cdr, events

CALL, LEG = UUID("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4051"), UUID(int=2)
AT = datetime(2026, 11, 23, 9, 12, 55, 201334, tzinfo=UTC)
CALL_FACTS = events.CallFacts(
    domain="demo.example.vn",
    call_id=LEG,
    sip_call_id='a "quoted" đường @phone',
    conversation_id=CALL,
    direction="inbound",
    from_number="0899888999",
    to_number="101",
    hotline="19001919",
    extension="101",
    receive_dest="600",
    customer_id="crm-7",
    application="click2call",
    time_zone="Asia/Tokyo",
    time_started=AT,
    time_answered=None,
    time_ended=AT,
    duration=9,
    billsec=5,
    recording_url="https://pbx.example.vn/recordings/t0",
    status="BUSY",
    cause="CALL_REJECTED",
    hangup_by="system",
    reason="rejected",
    sip_hangup_disposition="recv_refuse",
    trunk="viettel",
    sip_status=603,
    routed_by=("closed",),
)
CALL_JSON = (
    '{"call_id":"00000000-0000-0000-0000-000000000002",'
    '"sip_call_id":"a \\"quoted\\" đường @phone","domain":"demo.example.vn",'
    '"direction":"inbound","from_number":"0899888999","to_number":"101",'
    '"hotline":"19001919","state":"cdr","duration":9,"billsec":5,'
    '"recording_url":"https://pbx.example.vn/recordings/t0",'
    '"conversation_id":"019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4051","customer_id":"crm-7",'
    '"extension":"101","receive_dest":"600","application":"click2call",'
    '"time_started":"2026-11-23 18:12:55","time_answered":"",'
    '"time_ended":"2026-11-23 18:12:55","status":"BUSY","cause":"CALL_REJECTED",'
    '"hangup_by":"system","reason":"rejected","sip_hangup_disposition":"recv_refuse",'
    '"trunk":"viettel","sip_status":603,"routed_by":["closed"]}'
)
NOTICE_FACTS = events.SubscriptionFacts(
    domain="demo.example.vn",
    subscription_uuid=CALL,
    event_name="cdr",
    callback_url="https://crm.example.vn/hook",
    disabled_reason="The endpoint answered 410 Gone.",
    disabled_at=AT,
)
NOTICE_JSON = (
    '{"state":"endpoint.disabled","domain":"demo.example.vn",'
    '"event_domain_uuid":"019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4051","event_name":"cdr",'
    '"callback_url":"https://crm.example.vn/hook",'
    '"disabled_reason":"The endpoint answered 410 Gone.",'
    '"disabled_at":"2026-11-23T09:12:55.201334Z"}'
)


@pytest.mark.parametrize(
    ("name", "facts", "body"),
    [("cdr", CALL_FACTS, CALL_JSON), (events.DISABLED, NOTICE_FACTS, NOTICE_JSON)],
)
def test_an_event_is_these_bytes_however_often_it_is_rendered(
    name: str, facts: events.Facts, body: str
) -> None:
    """A delivery that is sent again is signed over the same bytes."""
    stored = msgspec.json.encode(facts).decode()
    for _ in range(2):
        assert dialects.event("v1", name, stored).decode() == body
    event = events.Event(ids.new(), ids.new(), CALL, name, facts)
    assert dialects.event_of("v1", event).decode() == body


@pytest.mark.parametrize(
    ("dialect", "stored"),
    [
        ("v9", msgspec.json.encode(CALL_FACTS).decode()),
        ("v1", '{"about":"voicemail","seconds":3}'),
        ("v1", '{"about":"call"}'),
    ],
)
def test_what_a_newer_version_wrote_is_known_as_such(dialect: str, stored: str) -> None:
    with pytest.raises(dialects.Unknown):
        dialects.event(dialect, "cdr", stored)


def rendered(**changes: Any) -> dict[str, Any]:
    made = record(ids.new(), **{"cdr_uuid": CALL, "call_id": LEG, "sip_call_id": "s", **changes})
    found: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(v1.record(made, View(ZoneInfo("Asia/Ho_Chi_Minh"), "https://b/r/")))
    )
    return found


def test_a_record_has_the_keys_of_the_reference_in_its_order_and_then_ours() -> None:
    assert list(rendered().items()) == [
        ("id", str(CALL)),
        ("sip_call_id", "s"),
        ("cause", "NORMAL_CLEARING"),
        ("duration", 11),
        ("direction", 3),
        ("recording_url", ""),
        ("extension", "101"),
        ("from_number", "19001919"),
        ("to_number", "0899888999"),
        ("receive_dest", ""),
        ("time_started", "2021-02-17 17:30:35"),
        ("time_answered", "2021-02-17 17:30:43"),
        ("time_ended", "2021-02-17 17:30:46"),
        ("status", "ANSWERED"),
        ("billsec", 3),
        ("hotline", "19001919"),
        ("conversation_id", str(CALL)),
        ("call_id", str(LEG)),
        ("customer_id", ""),
        ("recording_status", "none"),
        ("hangup_by", "caller"),
        ("time_ringging", "2021-02-17 17:30:36"),
        ("called_count", 1),
        ("participants", []),
        ("trunk", ""),
        ("sip_status", 0),
        ("routed_by", []),
        ("recording_pauses", []),
        ("recording_format", ""),
        ("recording_channels", 0),
        ("recording_seconds", 0.0),
        ("recording_sha256", ""),
    ]


def test_a_further_party_is_shown_with_its_trunk_and_its_seconds() -> None:
    at = datetime(2021, 2, 17, 10, 31, tzinfo=UTC)
    party = cdr.Participant(
        number="0912345678",
        canonical="84912345678",
        trunk="carrier",
        transferred_by="101",
        time_started=at,
        time_answered=at,
        seconds=15,
    )
    assert rendered(participants=(party,))["participants"] == [
        {
            "number": "0912345678",
            "trunk": "carrier",
            "transferred_by": "101",
            "time_started": "2021-02-17 17:31:00",
            "time_answered": "2021-02-17 17:31:00",
            "billsec": 15,
        }
    ]


def test_what_never_rang_has_no_time_of_ringing() -> None:
    found = rendered(time_ringing=None, called_count=0)
    assert (found["time_ringging"], found["called_count"]) == ("", 0)


@pytest.mark.parametrize(
    ("status", "url"),
    [
        ("none", ""),
        ("pending", "https://b/r/t0"),
        ("ready", "https://b/r/t0"),
        ("failed", ""),
        ("deleted", ""),
    ],
)
def test_a_recordings_url_is_there_while_it_is_or_will_be(status: str, url: str) -> None:
    sample = record(ids.new())
    found = rendered(recording=recording_of(sample, status=status, token="t0"))
    assert (found["recording_status"], found["recording_url"]) == (status, url)


def test_text_that_looks_like_the_json_around_it_stays_text() -> None:
    tricky = '"recording_url":"/ \\ " đường \x01"'
    found = rendered(customer_id=tricky, sip_call_id=tricky)
    assert (found["customer_id"], found["sip_call_id"]) == (tricky, tricky)


@pytest.mark.parametrize(
    ("zone", "started"),
    [
        ("Asia/Ho_Chi_Minh", "2021-02-17 17:30:35"),
        ("Europe/Berlin", "2021-02-17 11:30:35"),
        ("America/St_Johns", "2021-02-17 07:00:35"),
    ],
)
def test_times_are_those_of_the_domains_zone(zone: str, started: str) -> None:
    made = record(ids.new(), "2021-02-17 17:30:35.999999", time_answered=None)
    found = v1.record(made, View(ZoneInfo(zone), ""))
    assert (found.time_started, found.time_answered) == (started, "")
