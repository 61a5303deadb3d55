"""The CDR list by each documented filter in a large domain, beside the list without filter.

    python -m bench search --records 1000000

The data is made: 690 days; 300 extensions, 2 million numbers and durations up to 600 seconds, the
low ones frequent (the square of an even distribution); states 62, 18, 12, 8 and 0.1 percent; a
third of the calls local; 20 hotlines evenly. Statements run as the API's role, under row-level
security, warm; p50 of ROUNDS. `total` is exact.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from bench.report import table
from tongdai.pbx.directory import Domain
from tongdai.store import cdr_days, cdr_search, db, domains, migrate, server
from tongdai.store.cdr_filter import Filter
from tongdai.store.tenants import Tenants

RECORDS = 1_000_000
ROUNDS = 7
ZONE = "Asia/Ho_Chi_Minh"
MONTH = datetime.now(UTC) - timedelta(days=30)
FILTERS = {
    "no filter": Filter(),
    "since a month": Filter(since=MONTH),
    "ended within a month": Filter(ended_since=MONTH),
    "state, frequent": Filter(statuses=("BUSY",)),
    "state, 0.1%": Filter(statuses=("CONGESTION",)),
    "state that no call has": Filter(statuses=("INVALID",)),
    "direction": Filter(directions=(2,)),
    "duration": Filter(durations=(7,)),
    "duration that no call has": Filter(durations=(99_999,)),
    "duration at least": Filter(least_duration=590),
    "extension": Filter(extensions=("1007",)),
    "extension that no call has": Filter(extensions=("999",)),
    "phone": Filter(phones=("84910000000",)),
    "phone that no call has": Filter(phones=("84911999999",)),
    "hotline": Filter(hotlines=("19001905",)),
    "hotline that no call has": Filter(hotlines=("19005",)),
    "two extensions": Filter(extensions=("1007", "1010")),
    "extension and state": Filter(extensions=("1007",), statuses=("BUSY",)),
    "phone and extension": Filter(phones=("84910000000",), extensions=("1000",)),
    "duration and state": Filter(durations=(7,), statuses=("BUSY",)),
    "month, state, direction": Filter(since=MONTH, statuses=("BUSY",), directions=(3,)),
}
ROWS = """
    INSERT INTO cdrs (domain_uuid, cdr_uuid, call_id, sip_call_id, direction, status, cause,
      extension, from_number, to_number, from_canonical, to_canonical, hotline, time_started,
      time_answered, time_ended, duration, billsec)
    SELECT $1, id, id, id || '@phone.example.vn', direction,
      CASE WHEN state < 0.62 THEN 'ANSWERED' WHEN state < 0.8 THEN 'NO-ANSWERED'
           WHEN state < 0.92 THEN 'BUSY' WHEN state < 0.999 THEN 'CANCEL' ELSE 'CONGESTION' END,
      'NORMAL_CLEARING', extension, caller, called, caller, called, hotline, began, began,
      began + seconds * interval '1 second', seconds, seconds
    FROM generate_series(1, $2) AS n
    CROSS JOIN LATERAL (
      SELECT now() - n * interval '690 days' / $2 AS began, 1 + n % 3 AS direction,
             random() AS state, (1000 + (random() ^ 2 * 300)::int)::text AS extension,
             (1000 + (random() ^ 2 * 300)::int)::text AS other,
             (random() ^ 2 * 600)::int AS seconds, (19001900 + n % 20)::text AS hotline,
             '849' || (10000000 + (random() ^ 2 * 2000000)::int) AS phone) AS made
    CROSS JOIN LATERAL (
      SELECT uuidv7(began - now()) AS id,
             CASE direction WHEN 2 THEN phone ELSE extension END AS caller,
             CASE direction WHEN 1 THEN other WHEN 2 THEN hotline ELSE phone END AS called) AS ends
"""


def main(records: int = RECORDS) -> None:
    """Prints the table."""
    asyncio.run(_run(records))


async def _run(records: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres", {"max_wal_size": "4GB"})
        try:
            await migrate.apply(running.dsn)
            domain_uuid = await fill(running.dsn, records)
            await _measure(running.dsn, domain_uuid, records)
        finally:
            await running.stop()


async def fill(dsn: str, records: int) -> UUID:
    """The domain with so many records. The database is migrated."""
    database = db.Database(dsn, size=1)
    await database.open()
    async with database.transaction() as tx:
        domain = await domains.insert(tx, "bench.vn", time_zone=ZONE)
    await database.close()
    await add(dsn, domain, records)
    return domain.domain_uuid


async def add(dsn: str, domain: Domain, records: int) -> None:
    """The domain has so many records more."""
    database = db.Database(dsn, size=1, statement_s=3_600, is_busy=True)
    await database.open()
    async with database.transaction() as tx:
        await tx.execute(ROWS, domain.domain_uuid, records)
        await cdr_days.recount_all(tx, domain.domain_uuid, domain.time_zone)
    async with database.connection() as tx:
        await tx.execute("VACUUM ANALYZE")
    await database.close()


async def _measure(dsn: str, domain_uuid: UUID, records: int) -> None:
    tenants = Tenants(dsn, patience_s=60)
    await tenants.open()
    rows, plain = [], (0.0, 0.0)
    async with tenants.connection(domain_uuid) as tx:
        for name, wanted in FILTERS.items():

            async def page(wanted: Filter = wanted) -> object:
                return await cdr_search.scroll(tx, domain_uuid, wanted, limit=10)

            async def total(wanted: Filter = wanted) -> int:
                return await cdr_search.total(tx, domain_uuid, ZoneInfo(ZONE), wanted)

            took = await p50_ms(page), await p50_ms(total)
            plain = plain if any(plain) else took
            shown = (f"{ms:.2f} ms ({ms / one:.1f})" for ms, one in zip(took, plain, strict=True))
            rows.append((name, f"{await total():,}", *shown))
    await tenants.close()
    heading = ("filter", "records", "newest 10 (/ no filter)", "total (/ no filter)")
    table(f"The CDR list of a domain of {records:,} calls (P1)", heading, rows)


async def p50_ms(ask: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds, median of ROUNDS."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        found.append(time.perf_counter() - began)
    return sorted(found)[ROUNDS // 2] * 1000
