"""Call records of another system, as records here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tongdai import ids
from tongdai.admin.importing.carrying import Row
from tongdai.pbx import cdr, numbers
from tongdai.pbx.causes import CAUSES, Status
from tongdai.pbx.directory import Domain

_STATUS_OF: dict[str, Status] = {
    "ORIGINATOR_CANCEL": "CANCEL",
    **dict(CAUSES.values()),
}
_LONGEST = 128  # characters of a number or name
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Found(msgspec.Struct, frozen=True):
    """A call of the other system: its record here, or why it is left out."""

    record: cdr.Cdr | None = None
    why: str = ""
    has_recording: bool = False


class Times(msgspec.Struct, frozen=True):
    """Of a call; `talked_s` is 0 where nobody talked."""

    started: datetime
    answered: datetime | None
    ended: datetime
    talked_s: int = 0

    @property
    def are_possible(self) -> bool:
        in_order = _FIRST < self.started <= self.ended < _LAST
        return in_order and self.talked_s >= 0


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """Of a call, as the other system has their numbers."""

    direction: str  # a key of cdr.DIRECTIONS
    caller: str
    called: str
    extension: str
    hotline: str = ""
    receive_dest: str = ""


def record(
    domain: Domain,
    key: str,
    times: Times,
    parties: Parties,
    *,
    cause: str,
    hangup_by: str = "",
    names: tuple[str, ...] = (),
) -> cdr.Cdr:
    """The record. Its id follows from the domain, the system's `key` of the call and the time, so
    the same call is the same record each time. `names` find it, as SIP Call-IDs do.
    """
    uuid = ids.derived(ids.lowest(times.started), f"{domain.domain_uuid}/{key}")
    first, *others = (*(text(name) for name in names if name), "")
    return cdr.Cdr(
        domain_uuid=domain.domain_uuid,
        cdr_uuid=uuid,
        call_id=uuid,
        sip_call_id=first,
        direction=cdr.DIRECTIONS[parties.direction],
        status="ANSWERED" if times.talked_s else _STATUS_OF.get(cause, "NOT-AVAILABLE"),
        cause=cause,
        extension=text(parties.extension),
        from_number=text(parties.caller),
        to_number=text(parties.called),
        from_canonical=numbers.canonical(text(parties.caller), domain.country),
        to_canonical=numbers.canonical(text(parties.called), domain.country),
        hotline=text(parties.hotline),
        receive_dest=text(parties.receive_dest),
        customer_id="",
        time_started=times.started,
        time_answered=times.answered if times.talked_s else None,
        time_ended=times.ended,
        duration=int((times.ended - times.started).total_seconds()),
        billsec=times.talked_s,
        hangup_by=hangup_by,
        other_sip_call_ids=tuple(filter(None, others)),
    )


def fit(found: Found, domain: Domain, now: datetime) -> Found:
    """The same, unless housekeeping would delete the record at once."""
    days = domain.cdr_days
    if found.record and days and found.record.time_started < now - timedelta(days=days):
        return Found(why=f"it is older than the {days} days for which the domain keeps records")
    return found


def text(value: Any) -> str:
    """What a column says, in one line."""
    return "".join(char for char in str(value or "").strip() if char.isprintable())[:_LONGEST]


def lowered(row: Row, column: str) -> str:
    """What a column says, in small letters."""
    return text(row.get(column)).lower()
