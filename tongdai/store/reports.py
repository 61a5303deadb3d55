"""Reports: what calls came to in a period, of the counts that `report_counts` keeps."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongdai.store import db, local_days
from tongdai.store.report_counts import KINDS, MOST, SUMS

By: TypeAlias = Literal["name", "day", "week", "month", "hour", "heat"]

_KEYS: dict[By, dict[str, str]] = {
    "name": {"name": "name"},
    "day": {"day": "day"},
    "week": {"day": "date_trunc('week', day)::date"},
    "month": {"day": "date_trunc('month', day)::date"},
    "hour": {"day": "day", "hour": "hour::integer"},
    "heat": {"weekday": "extract(isodow FROM day)::integer", "hour": "hour::integer % 24"},
}


class Wanted(msgspec.Struct, frozen=True):
    """The lines of a report: of the things of that kind, by `by`, of the local days from `since`
    to `until`, both included. () is any name, any direction; the domain itself has no name.
    """

    kind: str  # of KINDS
    by: By
    since: date
    until: date
    names: tuple[str, ...] = ()
    directions: tuple[int, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line: its place, as far as the report is by it, and its figures. `hour` is 24 to 47
    where it comes a second time; `weekday` 1 is Monday.
    """

    name: str | None = None
    day: date | None = None
    hour: int | None = None
    weekday: int | None = None
    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    busy: int = 0
    no_answer: int = 0
    overflowed: int = 0
    failed: int = 0
    in_time: int = 0
    wait_s: int = 0
    wait_max_s: int = 0
    talk_s: int = 0
    talk_max_s: int = 0


async def lines(
    tx: db.Tx, domain_uuid: UUID, zone: ZoneInfo, now: datetime, wanted: Wanted
) -> Sequence[Line]:
    """The lines with calls, in order. Days whose records have expired have none."""
    kept = await tx.fetchval("SELECT cdr_days FROM domains WHERE domain_uuid = $1", domain_uuid)
    first = local_days.day(now, zone) - timedelta(days=kept) if kept else wanted.since
    rows = await tx.fetch(
        _query(wanted.by),
        domain_uuid,
        KINDS[wanted.kind],
        max(wanted.since, first),
        wanted.until,
        [""] if wanted.kind == "domain" else list(wanted.names) or None,
        list(wanted.directions) or None,
    )
    return db.structs(rows, Line)


def total(found: Sequence[Line]) -> Line:
    """All lines as one."""
    together: dict[str, Any] = {name: sum(getattr(one, name) for one in found) for name in SUMS}
    together |= {name: max((getattr(one, name) for one in found), default=0) for name in MOST}
    return Line(**together)


def _query(by: By) -> str:
    keys = _KEYS[by]
    table = "report_hours" if "hour" in keys else "report_days"
    figures = [f"sum({name})::bigint AS {name}" for name in SUMS]
    figures += [f"max({name}) AS {name}" for name in MOST]
    shown = [f"{sql} AS {name}" for name, sql in keys.items()]
    places = ", ".join(str(place) for place, _ in enumerate(keys, 1))
    return f"""
    SELECT {", ".join((*shown, *figures))} FROM {table}
    WHERE domain_uuid = $1 AND kind = $2 AND day BETWEEN $3 AND $4
      AND ($5::text[] IS NULL OR name = ANY($5))
      AND ($6::smallint[] IS NULL OR direction = ANY($6))
    GROUP BY {places} HAVING sum(calls) > 0 ORDER BY {places}
    """  # noqa: S608 names of ours
