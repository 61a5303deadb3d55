"""A third of a million recordings expire, and their files go: housekeeping beside the way before.

    python -m bench housekeeping --records 1000000

Before, a recording was columns of its record, one statement expired all, and each file was a
statement of its own. OLD_EXPIRE and the others are those statements, on a table as it was. Both
ways run on one PostgreSQL, one after the other; files are deleted in neither. Of the files of the
old way only the first are timed (OLD_FILES).
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.report import milliseconds, table
from tongdai.engine import retention
from tongdai.recording_files import LocalFolder
from tongdai.store import db, domains, migrate, server

RECORDS = 1_000_000
DOMAINS, DAYS = 10, 60  # recordings of each domain began in the last 90 days
OLD_FILES = 10_000
NO_LIMIT_S = 3_600.0  # of a statement: the old ones are not stopped

OLD_TABLE = """
    CREATE TABLE old_cdrs (LIKE cdrs INCLUDING ALL);
    ALTER TABLE old_cdrs ADD recording_status text NOT NULL DEFAULT 'none',
      ADD recording_token text UNIQUE, ADD recording_file text;
"""
OLD_ROWS = """
    INSERT INTO old_cdrs (
      domain_uuid, cdr_uuid, call_id, sip_call_id, direction, status, cause, from_number,
      to_number, from_canonical, to_canonical, time_started, time_answered, time_ended, duration,
      billsec, recording_status, recording_token, recording_file)
    SELECT domain_uuid, cdr_uuid, recording_uuid, cdr_uuid || '@phone', 2, 'ANSWERED',
           'NORMAL_CLEARING', '0899888999', '19001919', '84899888999', '19001919', started_at,
           started_at, started_at + interval '1 minute', 60, 60, status, token, file_key
    FROM recordings
"""
OLD_EXPIRE = """
    UPDATE old_cdrs SET recording_status = 'deleted' FROM domains
    WHERE old_cdrs.domain_uuid = domains.domain_uuid AND recording_status = 'ready'
      AND recording_days IS NOT NULL
      AND time_started < now() - recording_days * interval '1 day'
"""
OLD_LEFT_OVER = """
    SELECT domain_uuid, cdr_uuid, recording_file FROM old_cdrs
    WHERE recording_status = 'deleted' AND recording_file IS NOT NULL LIMIT 500
"""
OLD_FILE_GONE = """
    UPDATE old_cdrs SET recording_status = 'deleted', recording_file = NULL
    WHERE domain_uuid = $1 AND cdr_uuid = $2
"""
ROWS = """
    INSERT INTO recordings (domain_uuid, cdr_uuid, recording_uuid, token, status, file_key,
                            started_at, duration_s, size)
    SELECT $1, uuidv7(began - now()), uuidv7(began - now()), gen_random_uuid()::text, 'ready',
           $1::uuid || '/' || n || '.wav', began, 60, 960044
    FROM generate_series(1, $2) AS n
    CROSS JOIN LATERAL (SELECT now() - n * interval '90 days' / $2 AS began) AS moment
"""


class Took(NamedTuple):
    """Seconds of all, and of the longest statement; `changed` is how many rows were changed."""

    changed: int
    seconds: float
    longest: float

    def row(self, name: str) -> Sequence[str]:
        rate = f"{self.changed / self.seconds:,.0f}/s"
        return name, f"{self.changed:,}", f"{self.seconds:.1f} s", milliseconds(self.longest), rate


class Timed(db.Database):
    """`longest` is the seconds of the longest statement."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, size=1, statement_s=NO_LIMIT_S, is_busy=True)
        self.longest = 0.0

    def _timed(self, query: Any) -> None:
        self.longest = max(self.longest, query.elapsed)

    @asynccontextmanager
    async def connection(self, prefer: Any = None) -> AsyncIterator[db.Tx]:
        async with super().connection(prefer) as tx:
            tx.add_query_logger(self._timed)
            try:
                yield tx
            finally:
                tx.remove_query_logger(self._timed)


class NoFiles(LocalFolder):
    """Deletes at once what there is none of."""

    async def delete(self, keys: Sequence[str]) -> set[str]:
        return set(keys)


def main(records: int = RECORDS) -> None:
    """Prints the table."""
    asyncio.run(_run(records))


async def _run(records: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres")
        try:
            await migrate.apply(running.dsn)
            await _fill(running.dsn, records)
            await _contest(running.dsn, Path(folder))
        finally:
            await running.stop()


async def _fill(dsn: str, records: int) -> None:
    tx = await db.connect(dsn, NO_LIMIT_S)
    for number in range(DOMAINS):
        domain = await domains.insert(tx, f"bench{number}.vn", recording_days=DAYS)
        await tx.execute(ROWS, domain.domain_uuid, records // DOMAINS)
    await tx.execute(OLD_TABLE)
    await tx.execute(OLD_ROWS)
    await tx.execute("VACUUM ANALYZE")
    await tx.close()


async def _contest(dsn: str, folder: Path) -> None:
    database = Timed(dsn)
    await database.open()
    files = NoFiles(folder)
    rows = [
        (await _took(database, _old_expire(database))).row("expire, before"),
        (await _took(database, retention.expire(database))).row("expire, in batches"),
        (await _took(database, _old_files(database))).row("files, before"),
        (await _took(database, retention.delete_files(database, files))).row("files, in batches"),
    ]
    await database.close()
    table("Housekeeping of recordings", ("", "rows", "all", "longest statement", "rate"), rows)


async def _took(database: Timed, work: Any) -> Took:
    database.longest, began = 0.0, time.perf_counter()
    count = await work
    return Took(count, time.perf_counter() - began, database.longest)


async def _old_expire(database: db.Database) -> int:
    async with database.transaction() as tx:
        done = await tx.execute(OLD_EXPIRE)
    return int(done.split()[-1])


async def _old_files(database: db.Database) -> int:
    count = 0
    while count < OLD_FILES:
        async with database.connection() as tx:
            found = await tx.fetch(OLD_LEFT_OVER)
        async with database.transaction() as tx:
            for row in found:
                await tx.execute(OLD_FILE_GONE, row["domain_uuid"], row["cdr_uuid"])
        count += len(found)
        if not found:
            break
    return count
