"""Call detail records as they are shown: one by any of its ids, and lists of them, newest first,
by cursor or by page.

Whatever the domain's size, a page costs about the same: cursors continue an index, totals and far
pages come from the counts by day (`cdr_days`) where the filter allows it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from msgspec import Meta

from tongdai import errors
from tongdai.pbx import cdr
from tongdai.store import db

FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 28, tzinfo=UTC)
_FIRST_ID = UUID(int=0)
_FAR = 2_000  # records to pass over; from here on finding the day first is quicker than OFFSET


class CallRecord(msgspec.Struct, frozen=True):
    """One call, ended. Times are local to the domain, `YYYY-MM-DD HH:MM:SS` or ""; durations are
    whole seconds.
    """

    id: UUID
    sip_call_id: Annotated[
        str, Meta(description="The SIP Call-ID of the extension's leg where there is one.")
    ]
    cause: Annotated[
        str, Meta(description="The name of the Q.850 cause.", examples=["NORMAL_CLEARING"])
    ]
    duration: Annotated[int, Meta(description="Seconds from start to end.", examples=[11])]
    direction: Annotated[int, Meta(description="1 local, 2 inbound, 3 outbound.", examples=[3])]
    recording_url: Annotated[
        str, Meta(description='Plays without a token; "" when there is no recording.')
    ]
    extension: Annotated[
        str, Meta(description="Which received or made the call.", examples=["101"])
    ]
    from_number: Annotated[str, Meta(examples=["19001919"])]
    to_number: Annotated[str, Meta(examples=["0899888999"])]
    receive_dest: Annotated[
        str, Meta(description="The ring group or queue that the extension answered for.")
    ]
    time_started: Annotated[str, Meta(examples=["2021-02-17 17:30:35"])]
    time_answered: Annotated[str, Meta(examples=["2021-02-17 17:30:43"])]
    time_ended: Annotated[str, Meta(examples=["2021-02-17 17:30:46"])]
    status: Annotated[cdr.Status, Meta(examples=["ANSWERED"])]
    billsec: Annotated[int, Meta(description="Seconds from answer to end.", examples=[3])]
    hotline: Annotated[
        str,
        Meta(description="The domain's number that was called or shown.", examples=["19001919"]),
    ]
    conversation_id: Annotated[UUID, Meta(description="The same as id; events carry it too.")]
    call_id: Annotated[
        UUID, Meta(description="What the cdr event calls it: the id of the leg that was answered.")
    ]
    customer_id: Annotated[str, Meta(description="As given to click-to-call.")]
    recording_status: cdr.RecordingStatus
    hangup_by: Annotated[str, Meta(description="caller, callee or system.")]


class View(msgspec.Struct, frozen=True):
    """How a domain sees its records. `recordings` is the URL, up to its last slash, before a
    recording's token.
    """

    domain_uuid: UUID
    zone: ZoneInfo
    recordings: str


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """What records must be to be listed. An empty tuple asks nothing; of several values any will
    do.
    """

    since: datetime = FIRST  # first moment of time_started
    until: datetime = LAST  # first moment after
    statuses: tuple[str, ...] = ()
    directions: tuple[int, ...] = ()
    durations: tuple[int, ...] = ()  # seconds
    extensions: tuple[str, ...] = ()  # the record's extension; of a local call, either side
    phones: tuple[str, ...] = ()  # canonical, either side
    recordings: tuple[str, ...] = ()  # recording tokens, or ids of recorded calls

    @property
    def is_only_time(self) -> bool:
        """Whether it asks for nothing but a time, or for nothing at all."""
        return not (self.statuses or self.directions) and self.counted_by_day

    @property
    def counted_by_day(self) -> bool:
        """Whether `cdr_days` knows how many there are."""
        return not (self.durations or self.extensions or self.phones or self.recordings)


class Position(msgspec.Struct, frozen=True):
    """A place in the list: after this record, before the next older one."""

    time_started: datetime
    cdr_uuid: UUID


class Part(msgspec.Struct, frozen=True):
    """Some records of a list, as the JSON of CallRecords with commas between; and where it goes
    on, None at its end.
    """

    records: bytes
    after: Position | None


async def get(tx: db.Tx, view: View, name: str) -> bytes:
    """The JSON of a CallRecord: the record whose own id it is; else the newest with a leg of that
    id or SIP Call-ID.

    Raises errors.NotFound.
    """
    text = await tx.fetchval(
        """
        SELECT CASE WHEN shown_zone = $2 THEN shown ELSE cdr_shown(cdrs, $2) END FROM cdrs
        WHERE domain_uuid = $1 AND cdr_uuid = coalesce(
          (SELECT cdr_uuid FROM cdrs WHERE domain_uuid = $1 AND cdr_uuid = $4),
          (SELECT cdr_uuid FROM cdr_ids JOIN cdrs USING (domain_uuid, cdr_uuid)
           WHERE cdr_ids.domain_uuid = $1 AND cdr_ids.id = $3
           ORDER BY time_started DESC, cdr_uuid DESC LIMIT 1))
        """,
        view.domain_uuid,
        view.zone.key,
        name,
        _uuid(name),
    )
    if text is None:
        raise errors.NotFound
    return _with_urls(view, text)


async def scroll(
    tx: db.Tx, view: View, wanted: Filter, *, limit: int, after: Position | None = None
) -> Part:
    """The newest `limit` records, or the next after that place."""
    top = Position(wanted.until, _FIRST_ID)
    top = top if after is None or after.time_started >= wanted.until else after
    if wanted.is_only_time:
        return await _newest(tx, view, wanted, limit, top)
    keys = await _keys(tx, view.domain_uuid, wanted, limit=limit + 1, top=top)
    return await _with_keys(tx, view, keys, limit)


async def page(tx: db.Tx, view: View, wanted: Filter, *, limit: int, offset: int) -> bytes:
    """The records from the `offset`-th newest on, as JSON with commas between."""
    if offset == 0:
        return (await scroll(tx, view, wanted, limit=limit)).records
    until = wanted.until
    if offset >= _FAR and wanted.counted_by_day:
        until, offset = await _jump(tx, view, wanted, offset)
    top = Position(until, _FIRST_ID)
    keys = await _keys(tx, view.domain_uuid, wanted, limit=limit, top=top, offset=offset)
    return (await _with_keys(tx, view, keys, limit)).records


async def total(tx: db.Tx, view: View, wanted: Filter) -> int:
    """How many records there are, exactly."""
    if not wanted.counted_by_day:
        return await _count(tx, view.domain_uuid, wanted)
    older, days, newer = _split(wanted, view.zone)
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
        view.domain_uuid,
        *days,
        *older,
        *newer,
        wanted.statuses or None,
        wanted.directions or None,
    )


_NEWEST = """
    SELECT array_to_string((array_agg(shown))[:$3], ',') AS shown, count(*) > $3 AS goes_on,
           (array_agg(time_started))[$3] AS time_started, (array_agg(cdr_uuid))[$3] AS cdr_uuid
    FROM (
      SELECT CASE WHEN shown_zone = $2 THEN shown ELSE cdr_shown(cdrs, $2) END AS shown, time_started, cdr_uuid
      FROM cdrs
      WHERE domain_uuid = $1 AND (time_started, cdr_uuid) < ($4, $5) AND time_started >= $6
      ORDER BY time_started DESC, cdr_uuid DESC LIMIT $3 + 1) AS newest
"""
# One plan is kept for a limit that PostgreSQL knows; for any other it plans anew each time, at the
# double cost.
_NEWEST_FEW, _FEW = _NEWEST.replace("LIMIT $3 + 1", "LIMIT 11"), 10


async def _newest(tx: db.Tx, view: View, wanted: Filter, limit: int, top: Position) -> Part:
    row = await tx.fetchrow(
        _NEWEST_FEW if limit <= _FEW else _NEWEST,
        view.domain_uuid,
        view.zone.key,
        limit,
        top.time_started,
        top.cdr_uuid,
        wanted.since,
    )
    return _part(view, row)


async def _with_keys(tx: db.Tx, view: View, keys: Sequence[UUID], limit: int) -> Part:
    row = await tx.fetchrow(
        """
        SELECT array_to_string((array_agg(shown))[:$3], ',') AS shown, count(*) > $3 AS goes_on,
               (array_agg(time_started))[$3] AS time_started, (array_agg(cdr_uuid))[$3] AS cdr_uuid
        FROM (
          SELECT CASE WHEN shown_zone = $2 THEN shown ELSE cdr_shown(cdrs, $2) END AS shown, time_started, cdr_uuid
          FROM cdrs
          WHERE domain_uuid = $1 AND cdr_uuid = ANY($4)
          ORDER BY time_started DESC, cdr_uuid DESC) AS those
        """,
        view.domain_uuid,
        view.zone.key,
        limit,
        keys,
    )
    return _part(view, row)


def _part(view: View, row: asyncpg.Record | None) -> Part:
    if row is None or row["shown"] is None:
        return Part(b"", None)
    after = Position(row["time_started"], row["cdr_uuid"]) if row["goes_on"] else None
    return Part(_with_urls(view, row["shown"]), after)


def _with_urls(view: View, shown: str) -> bytes:
    """The text with whole recording URLs. No value can hold what is looked for: a quote in a value
    is escaped.
    """
    url = msgspec.json.encode(view.recordings)[1:-1].removesuffix(b"/")
    return shown.encode().replace(b'"recording_url":"/', b'"recording_url":"%b/' % url)


async def _keys(
    tx: db.Tx, domain_uuid: UUID, wanted: Filter, *, limit: int, top: Position, offset: int = 0
) -> list[UUID]:
    """The cdr_uuids of `limit` records after that place, less the first `offset`."""
    statement = await tx.prepare(
        """
        SELECT cdr_uuid FROM cdrs
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
        # unnamed: planned anew for each set of filters, where a shared plan would fit none
        name="",
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
    return [row["cdr_uuid"] for row in rows]


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


async def _jump(tx: db.Tx, view: View, wanted: Filter, offset: int) -> tuple[datetime, int]:
    """The same place as `offset` from the newest, told from nearer by: a moment and the offset
    from there.
    """
    older, (first, end), newer = _split(wanted, view.zone)
    passed = await total(tx, view, msgspec.structs.replace(wanted, since=newer[0], until=newer[1]))
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
        view.domain_uuid,
        first,
        end,
        wanted.statuses or None,
        wanted.directions or None,
        offset - passed,
    )
    if row is None:  # in the older part-day
        passed = await total(tx, view, msgspec.structs.replace(wanted, since=older[1]))
        return older[1], offset - passed
    return _midnight(row["day"] + timedelta(days=1), view.zone), offset - passed - row["newer"]


Span = tuple[datetime, datetime]  # from the first moment to before the second


def _split(wanted: Filter, zone: ZoneInfo) -> tuple[Span, tuple[date, date], Span]:
    """The time asked for as a part-day, whole local days (the first, and the first no longer), and
    a part-day.
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


def _uuids(texts: Sequence[str]) -> list[UUID]:
    return [uuid for text in texts if (uuid := _uuid(text))]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
