"""Call detail records: how a call ended, in the reference's words."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Status = Literal["ANSWERED", "BUSY", "NO-ANSWERED", "CANCEL", "NOT-AVAILABLE", "INVALID", "CONGESTION"]
STATUSES: tuple[Status, ...] = ("ANSWERED", "BUSY", "NO-ANSWERED", "CANCEL", "NOT-AVAILABLE", "INVALID", "CONGESTION")
DIRECTIONS: dict[str, int] = {"local": 1, "inbound": 2, "outbound": 3}
RecordingStatus = Literal["none", "pending", "ready", "failed", "deleted"]


class Cdr(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation, ended. Times are aware datetimes; `duration` and `billsec` whole seconds."""

    domain_uuid: UUID
    cdr_uuid: UUID
    call_id: UUID
    sip_call_id: str
    direction: int
    status: Status
    cause: str
    extension: str
    from_number: str
    to_number: str
    from_canonical: str
    to_canonical: str
    hotline: str
    receive_dest: str
    customer_id: str
    time_started: datetime
    time_answered: datetime | None
    time_ended: datetime
    duration: int
    billsec: int
    hangup_by: str
    recording_status: RecordingStatus = "none"
    recording_token: str | None = None
    recording_file: str | None = None
    settled: bool = False
    other_ids: tuple[str, ...] = ()  # leg ids and SIP Call-IDs by which it is found too
