"""Version 3, key by key: its clients call methods on every value."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from testbed.samples import record, recording_of
from tongdai import ids
from tongdai.dialects import View, v1, v3
from tongdai.pbx import cdr

CALL, LEG = UUID("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4051"), UUID(int=2)
VIEW = View(ZoneInfo("Asia/Ho_Chi_Minh"), "https://b/r/")
UNKNOWN = {
    "parent_id", "press_key", "fullname", "email", "username", "campaign_uuid", "lead_uuid",
    "rate", "digits", "note", "customer_fullname", "customer_email", "demand_customer",
    "interest_segment", "autocall_presskey_epoch", "time_presskey", "autocall_recording_url",
    "network", "callee_id_name",
}  # fmt: skip


def rendered(**changes: Any) -> dict[str, Any]:
    made = record(ids.new(), **{"cdr_uuid": CALL, "call_id": LEG, "sip_call_id": "s", **changes})
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(v3.record(made, VIEW)))
    return found


def test_a_row_has_every_key_that_its_clients_know() -> None:
    kept = recording_of(record(ids.new()), token="t0")
    row = rendered(recording=kept, application="click2call", sip_hangup_disposition="recv_bye")
    assert row == {
        "id": str(CALL),
        "sip_call_id": "s",
        "cause": "NORMAL_CLEARING",
        "duration": 11,
        "billsec": 3,
        "direction": "outbound",
        "recording_url": "https://b/r/t0",
        "extension": "101",
        "from_number": "19001919",
        "to_number": "0899888999",
        "receive_dest": "",
        "time_started": "2021-02-17T17:30:35Z",
        "time_ringging": "2021-02-17T17:30:36Z",
        "time_answered": "2021-02-17T17:30:43Z",
        "time_ended": "2021-02-17T17:30:46Z",
        "status": "answered",
        "hotline": "19001919",
        "conversation_id": str(CALL),
        "call_id": str(LEG),
        "customer_id": "",
        "recording_status": "ready",
        "hangup_by": "caller",
        "called_count": 1,
        "app": "click2call",
        "sip_hangup_disposition": "recv_bye",
        "trunk": "",
        "sip_status": 0,
        "routed_by": [],
        "additional": {},
        "presskey_delay": 0,
    } | dict.fromkeys(UNKNOWN, "")


def test_it_has_the_keys_of_version_1() -> None:
    # lists, of which clients of version 3 know none, and what is told of a recording's file
    ours = {"participants", "recording_pauses", "recording_format", "recording_channels"}
    ours |= {"recording_seconds", "recording_sha256"}
    assert set(v1.CallRecord.__struct_fields__) - ours <= set(v3.CallRow.__struct_fields__)


@pytest.mark.parametrize("answered", [True, False])
def test_no_value_is_null_and_a_call_always_began_and_ended(*, answered: bool) -> None:
    changes = {} if answered else {"time_answered": None, "time_ringing": None, "called_count": 0}
    row = rendered(**changes)
    assert None not in row.values()
    assert bool(row["time_answered"]) is bool(row["time_ringging"]) is answered
    assert row["time_started"]
    assert row["time_ended"]


@pytest.mark.parametrize("status", cdr.STATUSES)
def test_statuses_are_in_lower_case(status: cdr.Status) -> None:
    assert rendered(status=status)["status"] == status.lower()


@pytest.mark.parametrize("direction", cdr.DIRECTIONS)
def test_directions_are_words(direction: str) -> None:
    assert rendered(direction=cdr.DIRECTIONS[direction])["direction"] == direction


def test_times_are_local_whatever_their_z_says() -> None:
    made = record(ids.new(), "2021-02-17 17:30:35.999999")
    row = v3.record(made, View(ZoneInfo("America/St_Johns"), ""))
    assert row.time_started == "2021-02-17T07:00:35Z"
