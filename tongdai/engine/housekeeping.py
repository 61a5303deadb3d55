"""What is no longer needed goes: recordings past their domain's time, commands long answered."""

import asyncio
from pathlib import Path

import structlog

from tongdai import errors
from tongdai.store import cdrs, commands, db, recordings

log = structlog.get_logger()

EVERY_S = 3600.0
COMMANDS_S = 86_400.0


async def run(database: db.Database, folder: Path, every_s: float = EVERY_S) -> None:
    """Until cancelled."""
    while True:
        try:
            gone = await expire_recordings(database, folder)
            async with database.connection() as tx:
                purged = await commands.purge(tx, COMMANDS_S)
            if gone or purged:
                log.info("housekeeping.done", recordings=gone, commands=purged)
        except errors.Unavailable as reason:
            log.warning("housekeeping.waiting", why=str(reason))
        await asyncio.sleep(every_s)


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
