"""How long the data of each domain stays, and the deletion of a domain's call records and events
that are older. Housekeeping calls it: it crosses tenants.

Recordings: recordings.py. The audit log: audit.py. Events of all domains alike: partitions.py.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongdai.store import batches, db, local_days, report_counts

BATCH = 1_000  # records of a transaction, with everything that belongs to them
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Kept(msgspec.Struct, frozen=True):
    """The days that a domain's data stays; None: call records for ever, events as long as the
    settings say.
    """

    domain_uuid: UUID
    cdr_days: int | None
    event_days: int | None


async def of_domains(tx: db.Tx) -> Sequence[Kept]:
    """All domains."""
    rows = await tx.fetch("SELECT domain_uuid, cdr_days, event_days FROM domains")
    return db.structs(rows, Kept)


_EXPIRE = f"""
    WITH gone AS (
      DELETE FROM cdrs WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM cdrs
        WHERE domain_uuid = $1 AND time_started >= $2 AND time_started < $3
          -- a recording that is still written becomes a file first
          AND (SELECT true FROM recordings
               WHERE recordings.domain_uuid = $1 AND recordings.cdr_uuid = cdrs.cdr_uuid
                 AND status = 'pending' LIMIT 1) IS NULL
        ORDER BY time_started LIMIT {BATCH} FOR UPDATE SKIP LOCKED
      ))
      RETURNING cdr_uuid, time_started, direction, status
    ), ids AS (
      DELETE FROM cdr_ids WHERE ctid = ANY(ARRAY(
        SELECT one.ctid FROM gone CROSS JOIN LATERAL (
          SELECT ctid FROM cdr_ids WHERE domain_uuid = $1 AND cdr_uuid = gone.cdr_uuid OFFSET 0
        ) AS one))
    ), sip_call_ids AS (
      DELETE FROM cdr_sip_call_ids WHERE ctid = ANY(ARRAY(
        SELECT one.ctid FROM gone CROSS JOIN LATERAL (
          SELECT ctid FROM cdr_sip_call_ids
          WHERE domain_uuid = $1 AND cdr_uuid = gone.cdr_uuid OFFSET 0
        ) AS one))
    ), participants AS (
      DELETE FROM cdr_participants WHERE ctid = ANY(ARRAY(
        SELECT one.ctid FROM gone CROSS JOIN LATERAL (
          SELECT ctid FROM cdr_participants
          WHERE domain_uuid = $1 AND cdr_uuid = gone.cdr_uuid OFFSET 0
        ) AS one))
    ), timelines_of AS (
      DELETE FROM timelines USING gone
      WHERE timelines.domain_uuid = $1 AND timelines.call_uuid = gone.cdr_uuid
    ), recorded AS (
      SELECT one.* FROM gone CROSS JOIN LATERAL (
        SELECT ctid AS place, file_key IS NOT NULL AS has_file FROM recordings
        WHERE domain_uuid = $1 AND cdr_uuid = gone.cdr_uuid OFFSET 0
      ) AS one
    ), unheard AS (
      DELETE FROM recordings
      WHERE ctid = ANY(ARRAY(SELECT place FROM recorded WHERE NOT has_file))
    ), unlinked AS (
      UPDATE recordings SET status = 'deleted', deleted_at = coalesce(deleted_at, now())
      WHERE ctid = ANY(ARRAY(SELECT place FROM recorded WHERE has_file))
    )
    SELECT time_started, direction, status FROM gone
"""  # noqa: S608 a number of ours


async def expire_cdrs(
    tx: db.Tx, domain_uuid: UUID, days: int, since: datetime = FIRST
) -> tuple[int, datetime]:
    """Deletes the domain's oldest call records, BATCH of those that began at `since` or later and
    before the last `days` local days, today not counted; their ids, their parties, and their part
    in the counts of days. Their recordings are marked as deleted: the files go next
    (recordings.left_over).

    Returns their number, and the time to continue from, as recordings.expire does. `tx` is a
    transaction.
    """
    # FOR KEY SHARE: meanwhile no other process recounts the days of the domain (cdr_days).
    row = await tx.fetchrow(
        "SELECT time_zone, now() AS now FROM domains WHERE domain_uuid = $1 FOR KEY SHARE",
        domain_uuid,
    )
    if row is None:
        return 0, since
    zone = ZoneInfo(row["time_zone"])
    first_day = local_days.day(row["now"], zone) - timedelta(days=days)
    await db.by_index(tx)
    gone = await tx.fetch(
        _EXPIRE, domain_uuid, since, datetime.combine(first_day, time(), zone).astimezone(UTC)
    )
    await _count_down(
        tx,
        domain_uuid,
        Counter(
            (local_days.day(one["time_started"], zone), one["direction"], one["status"])
            for one in gone
        ),
    )
    if len(gone) < BATCH:  # whole days are gone, by whatever rules they were counted
        await tx.execute(
            "DELETE FROM cdr_days WHERE domain_uuid = $1 AND day < $2 AND calls <= 0",
            domain_uuid,
            first_day,
        )
    return len(gone), max((one["time_started"] for one in gone), default=since)


async def expire_reports(
    database: db.Database, domain_uuid: UUID, days: int, pause_s: float = batches.PAUSE_S
) -> None:
    """Deletes what reports count of the domain's days before the last `days`, whose records have
    expired. Reports show none of these days any longer (`reports.lines`).
    """
    async with database.connection() as tx:
        row = await tx.fetchrow(
            "SELECT time_zone, now() AS now FROM domains WHERE domain_uuid = $1", domain_uuid
        )
    if row is None:
        return
    first_day = local_days.day(row["now"], ZoneInfo(row["time_zone"])) - timedelta(days=days)
    for table, key in report_counts.TABLES.items():
        of = {"domain_uuid": domain_uuid}
        rows = batches.Rows(table, of, key[1:], older=("day", first_day))
        await batches.delete(database, rows, pause_s=pause_s)


async def _count_down(tx: db.Tx, domain_uuid: UUID, gone: Counter[tuple[object, ...]]) -> None:
    """The counts of days are less by these: day, direction and status, and how many."""
    counts = sorted(gone.items())  # transactions lock counts in one order
    await tx.execute(
        """
        WITH gone AS (
          SELECT cdr_days.ctid AS place, gone.calls
          FROM unnest($2::date[], $3::smallint[], $4::text[], $5::bigint[])
                 AS gone (day, direction, status, calls)
          JOIN cdr_days USING (day, direction, status) WHERE domain_uuid = $1
          ORDER BY day, direction, status FOR UPDATE OF cdr_days
        )
        UPDATE cdr_days SET calls = cdr_days.calls - gone.calls
        FROM gone WHERE cdr_days.ctid = place
        """,
        domain_uuid,
        [day for (day, _, _), _ in counts],
        [direction for (_, direction, _), _ in counts],
        [status for (_, _, status), _ in counts],
        [number for _, number in counts],
    )


async def expire_events(
    database: db.Database, domain_uuid: UUID, before: datetime, pause_s: float = batches.PAUSE_S
) -> int:
    """Deletes the domain's events of before that moment, and the attempts to deliver them. Returns
    how many events.
    """
    for table, time_column, key in (
        ("attempts", "at", ("subscription_uuid", "seq", "at")),
        ("events", "created_at", ("seq", "created_at")),
    ):
        of = {"domain_uuid": domain_uuid}
        rows = batches.Rows(table, of, key, older=(time_column, before))
        gone = await batches.delete(database, rows, pause_s=pause_s)
    return gone
