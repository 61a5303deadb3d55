"""Counts of records by local day (`cdr_days`), and those of reports (`report_counts`), counted
anew when the time zone of a domain has changed, or the rules of that zone: they come with the
package tzdata.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tongdai.store import batches, db, local_days, report_counts

DAYS = 14  # of a batch
# A moment's day is the same in all zones, or the one before or after.
_DAY = timedelta(days=1)


async def recount_all(tx: db.Tx, domain_uuid: UUID, time_zone: str) -> None:
    """The records of the domain are counted by the days of that zone. A million take about a
    second. The caller has locked the domain (FOR UPDATE): meanwhile no record is written.
    """
    days = await _days(tx, domain_uuid)
    await tx.execute("DELETE FROM cdr_days WHERE domain_uuid = $1", domain_uuid, timeout=600)
    await report_counts.forget(tx, domain_uuid)
    if days:
        await _count(tx, domain_uuid, ZoneInfo(time_zone), *days)
    await _note_rules(tx, domain_uuid, time_zone)


async def outdated(tx: db.Tx, node: str) -> Sequence[UUID]:
    """The domains of the node whose records are not counted by the rules that this process has.
    It crosses tenants.
    """
    rows = await tx.fetch(
        "SELECT domain_uuid, time_zone, zone_rules FROM domains WHERE node = $1", node
    )
    return [
        row["domain_uuid"]
        for row in rows
        if row["zone_rules"] != local_days.rules(row["time_zone"])
    ]


async def recount(
    database: db.Database, domain_uuid: UUID, pause_s: float = batches.PAUSE_S
) -> None:
    """The records of the domain are counted by the rules that its zone has in this process, a few
    days in each transaction. After a crash it is still `outdated`.
    """
    since: date | None = None
    while True:
        async with database.transaction() as tx:
            zone = await tx.fetchval(
                "SELECT time_zone FROM domains WHERE domain_uuid = $1 FOR UPDATE", domain_uuid
            )
            if zone is None:
                return None  # it was deleted
            days = await _days(tx, domain_uuid)
            if since is None:  # earlier records have expired (store/retention.py)
                await _forget(tx, domain_uuid, days)
            if days is None or (since and since >= days[1]):
                return await _note_rules(tx, domain_uuid, zone)
            since = since or days[0]
            until = since + timedelta(days=DAYS)
            await _count(tx, domain_uuid, ZoneInfo(zone), since, until)
        since = until
        await asyncio.sleep(pause_s)


async def _days(tx: db.Tx, domain_uuid: UUID) -> tuple[date, date] | None:
    """The days that the domain's records are of in any zone: the first, and the one after the
    last. None: it has no records.
    """
    row = await tx.fetchrow(
        """
        SELECT min(time_started) AS first, max(time_started) AS last FROM cdrs
        WHERE domain_uuid = $1
        """,
        domain_uuid,
    )
    if row is None or row["first"] is None:
        return None
    return (row["first"] - _DAY).date(), (row["last"] + 2 * _DAY).date()


async def _forget(tx: db.Tx, domain_uuid: UUID, days: tuple[date, date] | None) -> None:
    """The domain has no counts of days other than these."""
    await tx.execute(
        "DELETE FROM cdr_days WHERE domain_uuid = $1 AND ($2::date IS NULL OR day < $2)",
        domain_uuid,
        days[0] if days else None,
    )
    await report_counts.forget(tx, domain_uuid, until=days[0] if days else None)


async def _count(tx: db.Tx, domain_uuid: UUID, zone: ZoneInfo, since: date, until: date) -> None:
    """The counts of the local days from `since` to before `until` are those of the records."""
    await tx.execute(
        "DELETE FROM cdr_days WHERE domain_uuid = $1 AND day >= $2 AND day < $3",
        domain_uuid,
        since,
        until,
        timeout=600,
    )
    first, last = (datetime.combine(day, time(), UTC) for day in (since, until))
    spans = [*local_days.spans(zone, first - _DAY, last + _DAY)]
    await report_counts.recount(tx, domain_uuid, spans, since, until)
    await tx.execute(
        """
        INSERT INTO cdr_days (domain_uuid, day, direction, status, calls)
        SELECT domain_uuid, day, direction, status, count(*)
        FROM unnest($2::timestamptz[], $3::timestamptz[], $4::interval[])
               AS span (since, until, "offset")
        JOIN cdrs ON time_started >= since AND time_started < until
        CROSS JOIN LATERAL (
          SELECT (time_started AT TIME ZONE 'UTC' + "offset")::date AS day) AS local
        WHERE domain_uuid = $1 AND day >= $5 AND day < $6
        GROUP BY domain_uuid, day, direction, status
        """,
        domain_uuid,
        [span.since for span in spans],
        [span.until for span in spans],
        [span.offset for span in spans],
        since,
        until,
        timeout=600,
    )


async def _note_rules(tx: db.Tx, domain_uuid: UUID, time_zone: str) -> None:
    await tx.execute(
        "UPDATE domains SET zone_rules = $2 WHERE domain_uuid = $1",
        domain_uuid,
        local_days.rules(time_zone),
    )
