"""What is no longer needed goes: recordings past their domain's time, commands long answered, old partitions."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

from tongdai import errors
from tongdai.store import cdrs, commands, db, deliveries, outbox, partitions, recordings

log = structlog.get_logger()

EVERY_S = 3600.0
COMMANDS_S = 86_400.0
LOGS, LOG_BYTES = ("messages", "security"), 64 << 20


async def run(
    database: db.Database, folder: Path, days: Mapping[str, int], logs: Path | None = None, every_s: float = EVERY_S
) -> None:
    """Until cancelled. `days`: how long each table in partitions is kept. `logs`: the private Asterisk's folder."""
    while True:
        try:
            dropped = await keep_partitions(database, days)
            gone = await expire_recordings(database, folder)
            async with database.connection() as tx:
                purged, swept = await commands.purge(tx, COMMANDS_S), await deliveries.sweep(tx)
            if gone or purged or dropped or swept:
                log.info("housekeeping.done", recordings=gone, commands=purged, partitions=dropped, deliveries=swept)
        except errors.Unavailable as reason:
            log.warning("housekeeping.waiting", why=str(reason))
        for path in [logs / name for name in LOGS] if logs else []:
            await asyncio.to_thread(trim, path)
        await asyncio.sleep(every_s)


def trim(log_file: Path, most: int = LOG_BYTES) -> None:
    """A log of more than so many bytes is begun anew; what it held is beside it as NAME.1. Its writer appends."""
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > most:
            shutil.copyfile(log_file, log_file.with_name(f"{log_file.name}.1"))
            os.truncate(log_file, 0)


async def keep_partitions(database: db.Database, days: Mapping[str, int]) -> int:
    """Each table has its partitions for the next days and none past its own. How many were dropped."""
    async with database.connection() as tx:
        needed = {"events": await outbox.needed_since(tx)}
        return sum([await partitions.keep(tx, table, kept, needed.get(table)) for table, kept in days.items()])


async def expire_recordings(database: db.Database, folder: Path) -> int:
    """Recordings past their time are gone, and their CDRs say so: first the record, then the file. How many."""
    count = 0
    while True:
        async with database.transaction() as tx:
            expired = await recordings.expired(tx)
            for each in expired:
                await cdrs.recorded(tx, each.domain_uuid, each.cdr_uuid, "deleted")
        for each in expired:
            (folder / each.recording_file).unlink(missing_ok=True)
        count += len(expired)
        if not expired:
            return count
