"""Records and calls as the engine writes them, with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.pbx import cdr, recording
from tongdai.pbx.call import Call, Ended, Leg, Talking
from tongdai.pbx.directory import Domain

VIETNAM = timezone(timedelta(hours=7))


def record(domain_uuid: UUID, started: str = "2021-02-17 17:30:35", **changes: Any) -> cdr.Cdr:
    """An answered outbound call of 11 seconds; `started` is local time in Vietnam."""
    start = datetime.fromisoformat(started).replace(tzinfo=VIETNAM)
    call = ids.new(start)
    fields: dict[str, Any] = {
        "domain_uuid": domain_uuid,
        "cdr_uuid": call,
        "call_id": ids.derived(call, "1"),
        "sip_call_id": f"{call}@phone",
        "direction": cdr.DIRECTIONS["outbound"],
        "status": "ANSWERED",
        "cause": "NORMAL_CLEARING",
        "extension": "101",
        "from_number": "19001919",
        "to_number": "0899888999",
        "from_canonical": "19001919",
        "to_canonical": "84899888999",
        "hotline": "19001919",
        "receive_dest": "",
        "customer_id": "",
        "time_started": start,
        "time_answered": start + timedelta(seconds=8),
        "time_ended": start + timedelta(seconds=11),
        "duration": 11,
        "billsec": 3,
        "hangup_by": "caller",
        "time_ringing": start + timedelta(seconds=1),
    }
    return cdr.Cdr(**fields | changes)


def recorded(domain_uuid: UUID, started: str = "2021-02-17 17:30:35", **changes: Any) -> cdr.Cdr:
    """Such a call, with a ready recording of three seconds, whose file key is "a.wav"; `changes`
    are of its recording.
    """
    made = record(domain_uuid, started)
    return msgspec.structs.replace(made, recording=recording_of(made, **changes))


def recording_of(record: cdr.Cdr, **changes: Any) -> recording.Recording:
    """The main recording of the record's call."""
    fields: dict[str, Any] = {
        "domain_uuid": record.domain_uuid,
        "cdr_uuid": record.cdr_uuid,
        "recording_uuid": recording.main_uuid(record.cdr_uuid),
        "token": str(ids.new()),
        "status": "ready",
        "started_at": record.time_answered or record.time_started,
        "file_key": "a.wav",
        "duration_s": 3.0,
        "size": 48_044,
    }
    return recording.Recording(**fields | changes)


def call(domain: Domain, started_at: datetime | None = None, **changes: Any) -> Call:
    """A customer has called extension 101, which has answered; begun a minute ago."""
    start = started_at or datetime.now(UTC) - timedelta(minutes=1)
    legs = (
        Leg(channel="1", number="0899888999", role="caller", is_extension=False, started_at=start),
        Leg(
            channel="2",
            number="101",
            role="callee",
            is_extension=True,
            started_at=start,
            connected_at=start,
        ),
    )
    call = Call(
        call_uuid=ids.new(),
        domain_uuid=domain.domain_uuid,
        domain=domain.name,
        country_code="84",
        call_id_mode="leg",
        direction="inbound",
        course=Talking(),
        started_at=start,
        answered_at=start,
        channel="1",
        caller_number="0899888999",
        dialled="19001919",
        legs=legs,
    )
    is_over = isinstance(changes.get("course"), Ended)
    over = {"ended_at": start + timedelta(seconds=50)} if is_over else {}
    return msgspec.structs.replace(call, **over | changes)
