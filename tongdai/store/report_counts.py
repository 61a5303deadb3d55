"""What calls came to, counted for reports: in `report_days` by local day, in `report_hours` by
local hour, of the time zone of their domain. `store/reports.py` reads them.

A call counts once for its domain, its hotline and its trunk; for each visit of a ring group or
queue; and for each extension that had a part in it (`pbx.visits`). Records from before these have
only the extension that they name.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import get_args
from uuid import UUID

from tongdai.pbx.directory import SERVICE_LEVEL_S
from tongdai.pbx.visits import OF_STATUS, Outcome
from tongdai.store import db, local_days

KINDS: Mapping[str, int] = MappingProxyType(
    {"domain": 0, "hotline": 1, "queue": 2, "ring_group": 3, "extension": 4, "trunk": 5}
)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SUMS = ("calls", *OUTCOMES, "in_time", "wait_s", "talk_s")
MOST = ("wait_max_s", "talk_max_s")
COLUMNS = (*SUMS, *MOST)
TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "report_days": ("domain_uuid", "kind", "day", "name", "direction"),
        "report_hours": ("domain_uuid", "kind", "name", "day", "hour", "direction"),
    }
)
"""Each with its primary key."""

# The names in these statements are those of our own tables.

_IN_TIME = f"own.outcome = 'answered' AND own.wait_s <= {SERVICE_LEVEL_S}"
_FIGURES = "own.outcome, own.wait_s, own.talk_s"
_CASES = " ".join(f"WHEN '{status}' THEN '{outcome}'" for status, outcome in OF_STATUS.items())


def counted(source: str) -> str:
    """The query of what the rows of `source` come to: columns of `cdrs`, with their local `day`
    and `hour`. A row for each name, direction, day and hour, and one for each day: its hour is
    NULL.
    """
    outcomes = ", ".join(
        f"count(*) FILTER (WHERE one.outcome = '{each}') AS {each}" for each in OUTCOMES
    )
    return f"""
    SELECT domain_uuid, one.kind::smallint AS kind, one.name, record.direction, day, hour,
      count(*) AS calls, {outcomes}, count(*) FILTER (WHERE one.in_time) AS in_time,
      sum(one.wait_s) AS wait_s, sum(one.talk_s) AS talk_s,
      max(one.wait_s) AS wait_max_s, max(one.talk_s) AS talk_max_s
    FROM {source} AS record
    CROSS JOIN LATERAL (
      SELECT CASE status {_CASES} ELSE 'failed' END AS outcome,
             greatest(duration - billsec, 0) AS wait_s, billsec AS talk_s
    ) AS own
    CROSS JOIN LATERAL (
      SELECT {KINDS["domain"]} AS kind, '' AS name, {_FIGURES}, {_IN_TIME} AS in_time
      UNION ALL
      SELECT {KINDS["hotline"]}, hotline, {_FIGURES}, {_IN_TIME} WHERE hotline <> ''
      UNION ALL
      SELECT {KINDS["trunk"]}, trunk, {_FIGURES}, {_IN_TIME} WHERE trunk <> ''
      UNION ALL
      SELECT {KINDS["extension"]}, extension, {_FIGURES}, {_IN_TIME}
      WHERE extension <> '' AND parts = '[]'
      UNION ALL
      SELECT {KINDS["extension"]}, part.extension, part.outcome, part.wait_s, part.talk_s,
             part.outcome = 'answered' AND part.wait_s <= {SERVICE_LEVEL_S}
      FROM jsonb_to_recordset(parts)
             AS part (extension text, outcome text, wait_s integer, talk_s integer)
      WHERE parts <> '[]'
      UNION ALL
      SELECT CASE visit.kind WHEN 'queue' THEN {KINDS["queue"]} ELSE {KINDS["ring_group"]} END,
             visit.number, visit.outcome, visit.wait_s, visit.talk_s,
             visit.outcome = 'answered' AND visit.wait_s <= visit.service_level_s
      FROM jsonb_to_recordset(visits)
             AS visit (kind text, number text, outcome text, wait_s integer, talk_s integer,
                       service_level_s integer)
      WHERE visits <> '[]'
    ) AS one
    GROUP BY domain_uuid, one.kind, one.name, record.direction, day, ROLLUP (hour)
    """  # noqa: S608


def added(table: str, source: str) -> str:
    """The statement that adds rows of `counted` to the table. Transactions lock counts in one
    order.
    """
    key = TABLES[table]
    names = ", ".join((*key, *COLUMNS))
    sums = [f"{each} = {table}.{each} + excluded.{each}" for each in SUMS]
    most = [f"{each} = greatest({table}.{each}, excluded.{each})" for each in MOST]
    is_of_days = "hour IS NULL" if table == "report_days" else "hour IS NOT NULL"
    return f"""
    INSERT INTO {table} ({names}) SELECT {names} FROM {source} WHERE {is_of_days}
    ORDER BY {", ".join(key)}
    ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join((*sums, *most))}
    """  # noqa: S608


_RECOUNT = f"""
    WITH local AS (
      SELECT cdrs.*, (clock)::date AS day,
             (extract(hour FROM clock) + CASE WHEN time_started < again_until THEN 24 ELSE 0 END
             )::smallint AS hour
      FROM unnest($2::timestamptz[], $3::timestamptz[], $4::interval[], $5::timestamptz[])
             AS span (since, until, "offset", again_until)
      JOIN cdrs ON time_started >= since AND time_started < until
      CROSS JOIN LATERAL (SELECT time_started AT TIME ZONE 'UTC' + "offset" AS clock) AS local
      WHERE domain_uuid = $1 AND clock >= $6::date AND clock < $7::date
    ), counted AS ({counted("local")}
    ), days AS ({added("report_days", "counted")})
    {added("report_hours", "counted")}
"""  # noqa: S608


async def forget(
    tx: db.Tx, domain_uuid: UUID, since: date | None = None, until: date | None = None
) -> None:
    """The domain has no counts of the days from `since` to before `until`; None: no limit."""
    for table in TABLES:
        await tx.execute(
            f"DELETE FROM {table} WHERE domain_uuid = $1"  # noqa: S608
            " AND day >= coalesce($2::date, '-infinity') AND day < coalesce($3::date, 'infinity')",
            domain_uuid,
            since,
            until,
            timeout=600,
        )


async def recount(
    tx: db.Tx, domain_uuid: UUID, spans: Sequence[local_days.Span], since: date, until: date
) -> None:
    """The counts of the local days from `since` to before `until` are those of the records; the
    spans are of the domain's zone, and reach beyond these days in any zone.
    """
    await forget(tx, domain_uuid, since, until)
    await tx.execute(
        _RECOUNT,
        domain_uuid,
        [span.since for span in spans],
        [span.until for span in spans],
        [span.offset for span in spans],
        [span.again_until for span in spans],
        since,
        until,
        timeout=600,
    )
