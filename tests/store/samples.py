"""Records as the engine writes them, with what a test does not care about filled in."""

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from tongdai import ids
from tongdai.pbx import cdr

VIETNAM = timezone(timedelta(hours=7))


def record(domain_uuid: UUID, started: str = "2021-02-17 17:30:35", **changes: Any) -> cdr.Cdr:
    """An answered outbound call of 11 seconds; `started` is local time in Vietnam."""
    start = datetime.fromisoformat(started).replace(tzinfo=VIETNAM)
    call = ids.new()
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
    }
    return cdr.Cdr(**fields | changes)
