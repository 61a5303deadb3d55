"""Search of call detail records: one by any of its ids, and lists of them, newest first, by cursor
or by page.

A page costs about the same for a domain of any size: cursors continue an index; totals and far
pages come from the counts by day (`cdr_days`) where the filter permits it.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from msgspec.structs import replace

from tongdai import errors, ids
from tongdai.pbx import cdr, visits
from tongdai.pbx.recording import Recording
from tongdai.store import cdrs, db, recordings
from tongdai.store.cdr_filter import FIRST, LAST, Filter, Position, Query

_FIRST_ID = UUID(int=0)
FAR = 2_000  # records to pass over; beyond, finding the day first is faster than OFFSET


class Part(msgspec.Struct, frozen=True):
    """Some records of a list, and the position to continue from: None at the end."""

    records: list[cdr.Cdr]
    after: Position | None


_COLUMNS = ", ".join(
    [f"cdrs.{name}" for name in cdrs.STORED] + [f"main.{name}" for name in recordings.STORED]
)
_MAIN = """
    LEFT JOIN LATERAL (
      SELECT * FROM recordings
      WHERE recordings.domain_uuid = cdrs.domain_uuid AND recordings.cdr_uuid = cdrs.cdr_uuid
      ORDER BY recording_uuid LIMIT 1
    ) AS main ON true
"""
"""The main recording of each record, if there is one."""
_OWN = len(cdrs.STORED)  # columns of the record; those of its recording follow


async def get(tx: db.Tx, domain_uuid: UUID, name: str) -> cdr.Cdr:
    """The record with that id; otherwise the newest record that has a leg with that id or SIP
    Call-ID.

    An id that holds no time (`ids.time_of`) is not one of ours, but may be a SIP Call-ID.

    Raises errors.NotFound.
    """
    uuid = ids.read(name)
    if uuid and ids.time_of(uuid) and (row := await _by_id(tx, domain_uuid, uuid)):
        return _record(row)
    if row := await _by_sip_call_id(tx, domain_uuid, name):
        return _record(row)
    raise errors.NotFound


async def _by_id(tx: db.Tx, domain_uuid: UUID, uuid: UUID) -> asyncpg.Record | None:
    """A `call_id` that has no row of its own holds the millisecond of its record."""
    return await tx.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM cdrs {_MAIN}
        WHERE cdrs.domain_uuid = $1 AND cdrs.cdr_uuid = coalesce(
          (SELECT cdr_uuid FROM cdrs WHERE domain_uuid = $1 AND cdr_uuid = $2),
          (SELECT cdr_uuid FROM (
             SELECT time_started, cdr_uuid FROM cdrs
             WHERE domain_uuid = $1 AND cdr_uuid >= $3 AND cdr_uuid <= $4 AND call_id = $2
             UNION ALL
             SELECT time_started, cdr_uuid FROM cdr_ids JOIN cdrs USING (domain_uuid, cdr_uuid)
             WHERE cdr_ids.domain_uuid = $1 AND cdr_ids.id = $2
           ) AS known ORDER BY time_started DESC, cdr_uuid DESC LIMIT 1))
        """,  # noqa: S608 names of columns
        domain_uuid,
        uuid,
        *ids.millisecond(uuid),
    )


async def _by_sip_call_id(tx: db.Tx, domain_uuid: UUID, text: str) -> asyncpg.Record | None:
    return await tx.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM cdrs {_MAIN}
        WHERE cdrs.domain_uuid = $1 AND cdrs.cdr_uuid = (
          SELECT cdr_uuid FROM (
            SELECT time_started, cdr_uuid FROM cdrs
            WHERE domain_uuid = $1 AND sip_call_id_hash = hashtextextended($2, 0)
              AND sip_call_id = $2
            UNION ALL
            SELECT time_started, cdr_uuid FROM cdrs
            WHERE domain_uuid = $1 AND other_sip_call_id_hash = hashtextextended($2, 0)
              AND other_sip_call_id = $2
            UNION ALL
            SELECT time_started, cdr_uuid FROM cdr_sip_call_ids AS known
            JOIN cdrs USING (domain_uuid, cdr_uuid)
            WHERE known.domain_uuid = $1 AND known.hash = hashtextextended($2, 0)
              AND known.sip_call_id = $2
          ) AS known ORDER BY time_started DESC, cdr_uuid DESC LIMIT 1)
        """,  # noqa: S608 names of columns
        domain_uuid,
        text,
    )


async def scroll(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, after: Position | None = None
) -> Part:
    """The newest `limit` records, or the next after that place; fewer only at the end."""
    top = Position(wanted.until, _FIRST_ID)
    top = top if after is None or after.time_started >= wanted.until else after
    if wanted.is_only_time:
        rows = await _newest(tx, domain_uuid, wanted, limit, top)
    else:
        keys = await _keys(tx, domain_uuid, wanted, limit=limit, top=top)
        rows = await _with_keys(tx, domain_uuid, keys)
    records = _records(rows)
    last = records[-1] if records else None
    return Part(records, Position(last.time_started, last.cdr_uuid) if last else None)


async def page(
    tx: db.Tx,
    domain_uuid: UUID,
    zone: ZoneInfo,
    wanted: Filter,
    *,
    limit: int,
    offset: int,
    far: int = FAR,
) -> list[cdr.Cdr]:
    """The records from the `offset`-th newest on; `zone` is the domain's. From the offset `far`
    on, the day is found first.
    """
    if offset == 0:
        return (await scroll(tx, domain_uuid, wanted, limit=limit)).records
    until = wanted.until
    if offset >= far and wanted.counted_by_day:
        until, offset = await _jump(tx, domain_uuid, zone, wanted, offset)
    top = Position(until, _FIRST_ID)
    keys = await _keys(tx, domain_uuid, wanted, limit=limit, top=top, offset=offset)
    return _records(await _with_keys(tx, domain_uuid, keys))


async def total(tx: db.Tx, domain_uuid: UUID, zone: ZoneInfo, wanted: Filter) -> int:
    """The exact number of records; `zone` is the domain's, which defines its days."""
    if not wanted.counted_by_day:
        return await _count(tx, domain_uuid, wanted)
    older, days, newer = _split(wanted, zone)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM cdr_days
                WHERE domain_uuid = $1 AND day >= $2 AND day < $3
                  AND ($8::text[] IS NULL OR status = ANY($8))
                  AND ($9::smallint[] IS NULL OR direction = ANY($9)))
             + (SELECT count(*) FROM cdrs
                WHERE domain_uuid = $1 AND (time_started >= $4 AND time_started < $5)
                  AND ($8::text[] IS NULL OR status = ANY($8))
                  AND ($9::smallint[] IS NULL OR direction = ANY($9)))
             + (SELECT count(*) FROM cdrs
                WHERE domain_uuid = $1 AND (time_started >= $6 AND time_started < $7)
                  AND ($8::text[] IS NULL OR status = ANY($8))
                  AND ($9::smallint[] IS NULL OR direction = ANY($9)))
        """,
        domain_uuid,
        *days,
        *older,
        *newer,
        wanted.statuses or None,
        wanted.directions or None,
    )


NEWEST = f"""
    SELECT {_COLUMNS} FROM cdrs {_MAIN}
    WHERE cdrs.domain_uuid = $1 AND (time_started, cdrs.cdr_uuid) < ($2, $3)
      AND time_started >= $4
    ORDER BY time_started DESC, cdrs.cdr_uuid DESC LIMIT $5
"""  # noqa: S608 names of columns
"""The newest records after a place: domain_uuid, its time_started and cdr_uuid, since, limit."""
# One plan is kept for a limit that PostgreSQL knows; for any other it plans anew each time, at
# double cost.
_FEW = 10
_NEWEST_FEW = NEWEST.replace("LIMIT $5", f"LIMIT {_FEW}")


async def _newest(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, limit: int, top: Position
) -> Sequence[asyncpg.Record]:
    """The rows after that place, newest first."""
    place = (domain_uuid, top.time_started, top.cdr_uuid, wanted.since)
    if limit <= _FEW:
        return (await tx.fetch(_NEWEST_FEW, *place))[:limit]
    return await tx.fetch(NEWEST, *place, limit)


async def _with_keys(
    tx: db.Tx, domain_uuid: UUID, keys: Sequence[UUID]
) -> Sequence[asyncpg.Record]:
    return await tx.fetch(
        f"""
        SELECT {_COLUMNS} FROM cdrs {_MAIN}
        WHERE cdrs.domain_uuid = $1 AND cdrs.cdr_uuid = ANY($2)
        ORDER BY time_started DESC, cdrs.cdr_uuid DESC
        """,  # noqa: S608 names of columns
        domain_uuid,
        keys,
    )


_VISITS = msgspec.json.Decoder(tuple[visits.PastVisit, ...])
_PARTS = msgspec.json.Decoder(tuple[visits.Part, ...])
_PAUSES = msgspec.json.Decoder(tuple[cdr.RecordingPause, ...])
_PARTICIPANTS = msgspec.json.Decoder(tuple[cdr.Participant, ...])
_NOBODY = "[]"  # of almost all records


def _records(rows: Sequence[asyncpg.Record]) -> list[cdr.Cdr]:
    return [_record(row) for row in rows]


def _record(row: asyncpg.Record) -> cdr.Cdr:
    """The row of `_COLUMNS` as a record with its main recording."""
    values: dict[str, Any] = dict(zip(cdrs.STORED, row[:_OWN], strict=True))
    if values["participants"] == _NOBODY:
        values["participants"] = ()
    else:
        values["participants"] = _PARTICIPANTS.decode(values["participants"])
    values["recording_pauses"] = _PAUSES.decode(values["recording_pauses"])
    values["visits"] = _VISITS.decode(values["visits"])
    values["parts"] = _PARTS.decode(values["parts"])
    values["routed_by"] = tuple(values["routed_by"])
    stored = row[_OWN:]
    main = Recording(**dict(zip(recordings.STORED, stored, strict=True))) if stored[0] else None
    return cdr.Cdr(**values, recording=main)


async def _keys(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, top: Position, offset: int = 0
) -> list[UUID]:
    """The cdr_uuids of `limit` records after that place, less the first `offset`."""
    sql, arguments = Query(domain_uuid, wanted).keys(top, limit, offset)
    # unnamed: planned anew for each set of filters, since no shared plan would fit
    statement = await tx.prepare(sql, name="")
    return [row["cdr_uuid"] for row in await statement.fetch(*arguments)]


async def _count(tx: db.Tx, domain_uuid: UUID, wanted: Filter) -> int:
    sql, arguments = Query(domain_uuid, wanted).count()
    statement = await tx.prepare(sql, name="")
    return await statement.fetchval(*arguments)  # type: ignore[no-any-return]


async def _jump(
    tx: db.Tx, domain_uuid: UUID, zone: ZoneInfo, wanted: Filter, offset: int
) -> tuple[datetime, int]:
    """The position at `offset` from the newest, expressed by a nearer start: a moment and the
    offset from it.
    """
    older, (first, end), newer = _split(wanted, zone)
    newest = replace(wanted, since=newer[0], until=newer[1])
    passed = await total(tx, domain_uuid, zone, newest)
    if offset < passed or first >= end:
        return wanted.until, offset
    row = await tx.fetchrow(
        """
        WITH days AS (
          SELECT day, sum(calls)::bigint AS calls,
                 (sum(sum(calls)) OVER (ORDER BY day DESC))::bigint AS running
          FROM cdr_days
          WHERE domain_uuid = $1 AND day >= $2 AND day < $3
            AND ($4::text[] IS NULL OR status = ANY($4))
            AND ($5::smallint[] IS NULL OR direction = ANY($5))
          GROUP BY day
        )
        SELECT day, running - calls AS newer FROM days WHERE running > $6 ORDER BY day DESC LIMIT 1
        """,
        domain_uuid,
        first,
        end,
        wanted.statuses or None,
        wanted.directions or None,
        offset - passed,
    )
    if row is None:  # in the older part-day
        passed = await total(tx, domain_uuid, zone, replace(wanted, since=older[1]))
        return older[1], offset - passed
    return _midnight(row["day"] + timedelta(days=1), zone), offset - passed - row["newer"]


Span = tuple[datetime, datetime]  # from the first moment to before the second


def _split(wanted: Filter, zone: ZoneInfo) -> tuple[Span, tuple[date, date], Span]:
    """The requested time as a part-day, whole local days (first, and first no longer included),
    and a part-day.
    """
    first = _whole_from(wanted.since, zone)
    end = date.max if wanted.until == LAST else wanted.until.astimezone(zone).date()
    if first >= end:
        return (wanted.since, wanted.until), (first, first), (wanted.until, wanted.until)
    older = (wanted.since, wanted.since if wanted.since == FIRST else _midnight(first, zone))
    newer = (wanted.until if wanted.until == LAST else _midnight(end, zone), wanted.until)
    return older, (first, end), newer


def _whole_from(since: datetime, zone: ZoneInfo) -> date:
    """The first local day of which no part is before `since`."""
    if since == FIRST:
        return date.min
    day = since.astimezone(zone).date()
    return day if _midnight(day, zone) >= since else day + timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
