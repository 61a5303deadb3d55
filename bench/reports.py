"""Reports of a year in a large domain (P15), beside the same from a table that was made for it.

    python -m bench reports --records 1000000

The records are those of `bench search`, over 690 days, counted by `cdr_days.recount_all`. Reports
run as the API's role, under row-level security, warm; p50 of ROUNDS. "Made for it": the days of
one report, in the order of its key, without the rest of the tables.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from bench import search
from bench.report import table
from tongdai.store import db, migrate, reports, server
from tongdai.store.report_counts import KINDS, MOST, SUMS
from tongdai.store.tenants import Tenants

RECORDS = 1_000_000
ZONE = ZoneInfo(search.ZONE)
UNTIL = datetime.now(ZONE).date()
SINCE = UNTIL - timedelta(days=364)
YEAR: dict[str, reports.Wanted] = {
    "domain by month": reports.Wanted("domain", "month", SINCE, UNTIL),
    "domain by day": reports.Wanted("domain", "day", SINCE, UNTIL),
    "domain, weekday x hour": reports.Wanted("domain", "heat", SINCE, UNTIL),
    "hotlines": reports.Wanted("hotline", "name", SINCE, UNTIL),
    "one hotline by day": reports.Wanted("hotline", "day", SINCE, UNTIL, ("19001905",)),
    "one hotline, weekday x hour": reports.Wanted("hotline", "heat", SINCE, UNTIL, ("19001905",)),
    "300 extensions": reports.Wanted("extension", "name", SINCE, UNTIL),
    "one extension by day": reports.Wanted("extension", "day", SINCE, UNTIL, ("1007",)),
}
MADE = f"""
    CREATE TABLE made_for_it AS
    SELECT day, name, {", ".join(f"sum({each})::integer AS {each}" for each in SUMS)},
           {", ".join(f"max({each}) AS {each}" for each in MOST)}
    FROM report_days WHERE kind = {KINDS["extension"]} GROUP BY day, name ORDER BY day, name
"""  # noqa: S608 names of ours
ASKED = f"""
    SELECT name, {", ".join(f"sum({each})" for each in SUMS)},
           {", ".join(f"max({each})" for each in MOST)}
    FROM made_for_it WHERE day BETWEEN $1 AND $2 GROUP BY name ORDER BY name
"""  # noqa: S608


def main(records: int = RECORDS) -> None:
    """Prints the table."""
    asyncio.run(_run(records))


async def _run(records: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres", {"max_wal_size": "4GB"})
        try:
            await migrate.apply(running.dsn)
            domain_uuid = await search.fill(running.dsn, records)
            rows = [*await _ours(running.dsn, domain_uuid), await _made(running.dsn)]
        finally:
            await running.stop()
    heading = ("report", "lines", "p50")
    table(f"Reports of a year, domain of {records:,} calls (P15)", heading, rows)


async def _ours(dsn: str, domain_uuid: UUID) -> list[tuple[str, str, str]]:
    tenants = Tenants(dsn, patience_s=60)
    await tenants.open()
    rows = []
    async with tenants.connection(domain_uuid) as tx:
        for name, wanted in YEAR.items():

            async def ask(wanted: reports.Wanted = wanted) -> Sequence[object]:
                return await reports.lines(tx, domain_uuid, ZONE, datetime.now(UTC), wanted)

            rows.append(await _timed(name, ask))
    await tenants.close()
    return rows


async def _made(dsn: str) -> tuple[str, str, str]:
    database = db.Database(dsn, size=1, statement_s=3_600)
    await database.open()
    async with database.connection() as tx:
        await tx.execute(MADE)
        await tx.execute("CREATE INDEX ON made_for_it (day)")
        await tx.execute("VACUUM ANALYZE made_for_it")
        row = await _timed(
            "300 extensions, from a table made for it", lambda: tx.fetch(ASKED, SINCE, UNTIL)
        )
    await database.close()
    return row


async def _timed(
    name: str, ask: Callable[[], Awaitable[Sequence[object]]]
) -> tuple[str, str, str]:
    return name, f"{len(await ask())}", f"{await search.p50_ms(ask):.1f} ms"
