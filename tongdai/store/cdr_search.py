"""Lists of call detail records, newest first: by cursor, by page, and how many there are.

Whatever the domain's size, a page costs about the same: cursors continue an index, totals and far pages come from the
counts by day (`cdr_days`) where the filter allows it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongdai.pbx import cdr
from tongdai.store import cdrs, db

FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 28, tzinfo=UTC)
_FIRST_ID = UUID(int=0)
_FAR = 2_000  # records to pass over; from here on finding the day first is quicker than OFFSET


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """What records must be to be listed. An empty tuple asks nothing; of several values any will do."""

    since: datetime = FIRST  # first moment of time_started
    until: datetime = LAST  # first moment after
    statuses: tuple[str, ...] = ()
    directions: tuple[int, ...] = ()
    durations: tuple[int, ...] = ()  # seconds
    extensions: tuple[str, ...] = ()  # the record's extension; of a local call, either side
    phones: tuple[str, ...] = ()  # canonical, either side
    recordings: tuple[str, ...] = ()  # recording tokens, or ids of recorded calls

    @property
    def counted_by_day(self) -> bool:
        """Whether `cdr_days` knows how many there are."""
        return not (self.durations or self.extensions or self.phones or self.recordings)


class Position(msgspec.Struct, frozen=True):
    """A place in the list: between this record and the next older one."""

    time_started: datetime
    cdr_uuid: UUID


async def scroll(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, after: Position | None = None, offset: int = 0
) -> list[cdr.Cdr]:
    """The newest `limit` records, or those after the position, less the first `offset`."""
    top = Position(wanted.until, _FIRST_ID)
    top = top if after is None or after.time_started >= wanted.until else after
    if wanted.counted_by_day:
        return await _newest(tx, domain_uuid, wanted, limit=limit, top=top, offset=offset)
    return await _filtered(tx, domain_uuid, wanted, limit=limit, top=top, offset=offset)


async def page(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, offset: int, zone: ZoneInfo
) -> list[cdr.Cdr]:
    """The records from the `offset`-th newest on. `zone` is the domain's."""
    if offset < _FAR or not wanted.counted_by_day:
        return await scroll(tx, domain_uuid, wanted, limit=limit, offset=offset)
    until, offset = await _jump(tx, domain_uuid, wanted, offset, zone)
    return await scroll(tx, domain_uuid, wanted, limit=limit, after=Position(until, _FIRST_ID), offset=offset)


async def total(tx: db.Tx, domain_uuid: UUID, wanted: Filter, zone: ZoneInfo) -> int:
    """How many records there are, exactly. `zone` is the domain's."""
    if not wanted.counted_by_day:
        return await _count(tx, domain_uuid, wanted)
    older, days, newer = _split(wanted, zone)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM cdr_days
                WHERE domain_uuid = $1 AND day >= $2 AND day < $3
                  AND ($8::text[] IS NULL OR status = ANY($8)) AND ($9::smallint[] IS NULL OR direction = ANY($9)))
             + (SELECT count(*) FROM cdrs
                WHERE domain_uuid = $1 AND (time_started >= $4 AND time_started < $5)
                  AND ($8::text[] IS NULL OR status = ANY($8)) AND ($9::smallint[] IS NULL OR direction = ANY($9)))
             + (SELECT count(*) FROM cdrs
                WHERE domain_uuid = $1 AND (time_started >= $6 AND time_started < $7)
                  AND ($8::text[] IS NULL OR status = ANY($8)) AND ($9::smallint[] IS NULL OR direction = ANY($9)))
        """,
        domain_uuid,
        *days,
        *older,
        *newer,
        wanted.statuses or None,
        wanted.directions or None,
    )


async def _newest(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, top: Position, offset: int
) -> list[cdr.Cdr]:
    rows = await tx.fetch(
        """
        SELECT * FROM cdrs
        WHERE domain_uuid = $1 AND (time_started, cdr_uuid) < ($2, $3) AND time_started >= $4
          AND ($5::text[] IS NULL OR status = ANY($5)) AND ($6::smallint[] IS NULL OR direction = ANY($6))
        ORDER BY time_started DESC, cdr_uuid DESC LIMIT $7 OFFSET $8
        """,
        domain_uuid,
        top.time_started,
        top.cdr_uuid,
        wanted.since,
        wanted.statuses or None,
        wanted.directions or None,
        limit,
        offset,
    )
    return db.structs(rows, cdr.Cdr)


async def _filtered(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, top: Position, offset: int
) -> list[cdr.Cdr]:
    statement = await tx.prepare(
        """
        SELECT * FROM cdrs
        WHERE domain_uuid = $1 AND (time_started, cdr_uuid) < ($9, $10) AND time_started >= $2
          AND ($3::text[] IS NULL OR status = ANY($3)) AND ($4::smallint[] IS NULL OR direction = ANY($4))
          AND ($5::integer[] IS NULL OR duration = ANY($5))
          AND ($6::text[] IS NULL OR extension = ANY($6)
               OR direction = 1 AND (from_canonical = ANY($6) OR to_canonical = ANY($6)))
          AND ($7::text[] IS NULL OR from_canonical = ANY($7) OR to_canonical = ANY($7))
          AND ($8::text[] IS NULL OR recording_token = ANY($8)
               OR recording_token IS NOT NULL AND cdr_uuid = ANY($11::uuid[]))
        ORDER BY time_started DESC, cdr_uuid DESC LIMIT $12 OFFSET $13
        """,
        name="",  # unnamed: planned anew for each set of filters, where a shared plan would fit none
    )
    rows = await statement.fetch(
        domain_uuid,
        wanted.since,
        wanted.statuses or None,
        wanted.directions or None,
        wanted.durations or None,
        wanted.extensions or None,
        wanted.phones or None,
        wanted.recordings or None,
        top.time_started,
        top.cdr_uuid,
        _uuids(wanted.recordings),
        limit,
        offset,
    )
    return db.structs(rows, cdr.Cdr)


async def _count(tx: db.Tx, domain_uuid: UUID, wanted: Filter) -> int:
    statement = await tx.prepare(
        """
        SELECT count(*) FROM cdrs
        WHERE domain_uuid = $1 AND time_started < $9 AND time_started >= $2
          AND ($3::text[] IS NULL OR status = ANY($3)) AND ($4::smallint[] IS NULL OR direction = ANY($4))
          AND ($5::integer[] IS NULL OR duration = ANY($5))
          AND ($6::text[] IS NULL OR extension = ANY($6)
               OR direction = 1 AND (from_canonical = ANY($6) OR to_canonical = ANY($6)))
          AND ($7::text[] IS NULL OR from_canonical = ANY($7) OR to_canonical = ANY($7))
          AND ($8::text[] IS NULL OR recording_token = ANY($8)
               OR recording_token IS NOT NULL AND cdr_uuid = ANY($10::uuid[]))
        """,
        name="",
    )
    return await statement.fetchval(  # type: ignore[no-any-return]
        domain_uuid,
        wanted.since,
        wanted.statuses or None,
        wanted.directions or None,
        wanted.durations or None,
        wanted.extensions or None,
        wanted.phones or None,
        wanted.recordings or None,
        wanted.until,
        _uuids(wanted.recordings),
    )


async def _jump(tx: db.Tx, domain_uuid: UUID, wanted: Filter, offset: int, zone: ZoneInfo) -> tuple[datetime, int]:
    """The same place as `offset` from the newest, told from nearer by: a moment and the offset from there."""
    older, (first, end), newer = _split(wanted, zone)
    passed = await total(tx, domain_uuid, msgspec.structs.replace(wanted, since=newer[0], until=newer[1]), zone)
    if offset < passed or first >= end:
        return wanted.until, offset
    row = await tx.fetchrow(
        """
        WITH days AS (
          SELECT day, sum(calls)::bigint AS calls, (sum(sum(calls)) OVER (ORDER BY day DESC))::bigint AS running
          FROM cdr_days
          WHERE domain_uuid = $1 AND day >= $2 AND day < $3
            AND ($4::text[] IS NULL OR status = ANY($4)) AND ($5::smallint[] IS NULL OR direction = ANY($5))
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
        passed = await total(tx, domain_uuid, msgspec.structs.replace(wanted, since=older[1]), zone)
        return older[1], offset - passed
    return _midnight(row["day"] + timedelta(days=1), zone), offset - passed - row["newer"]


Span = tuple[datetime, datetime]  # from the first moment to before the second


def _split(wanted: Filter, zone: ZoneInfo) -> tuple[Span, tuple[date, date], Span]:
    """The time asked for as a part-day, whole local days (the first, and the first no longer), and a part-day."""
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


def _uuids(texts: Sequence[str]) -> list[UUID]:
    return [uuid for text in texts if (uuid := cdrs.uuid_or_none(text))]
