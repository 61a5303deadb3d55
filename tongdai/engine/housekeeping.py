"""What is no longer needed goes: recordings deleted, past their time or of no domain; old commands
and partitions.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.store import cdrs, commands, db, deliveries, domains, outbox, partitions, recordings

log = structlog.get_logger()

EVERY_S = 3600.0
COMMANDS_S = 86_400.0
LOGS, LOG_BYTES = ("messages", "security"), 64 << 20
JOURNAL, JOURNAL_BYTES = Path("cel-custom", "journal.jsonl"), 256 << 20  # of 50,000 calls or more
ORPHANS_S = 7 * 86_400.0
MISSED = ".missed"  # in a domain's folder, made when the domain was first missed


async def run(
    database: db.Database,
    folder: Path,
    days: Mapping[str, int],
    logs: Path | None = None,
    every_s: float = EVERY_S,
) -> None:
    """Until cancelled. `days`: how long each table in partitions is kept. `logs`: the private
    Asterisk's folder.
    """
    while True:
        try:
            for path in [logs / name for name in LOGS] if logs else []:
                await asyncio.to_thread(trim, path)
            if logs:
                rotate(logs / JOURNAL)
            gone = await _tidy(database, folder, days)
            if any(gone.values()):
                log.info("housekeeping.done", **gone)
        except errors.Unavailable as reason:
            log.warning("housekeeping.waiting", why=str(reason))
        except OSError as reason:  # what cannot be removed now is tried again
            log.warning("housekeeping.stuck", why=str(reason))
        await asyncio.sleep(every_s)


async def _tidy(database: db.Database, folder: Path, days: Mapping[str, int]) -> dict[str, int]:
    """How much of each kind has gone."""
    gone = {
        "partitions": await keep_partitions(database, days),
        "recordings": await expire_recordings(database, folder),
        "domains": await remove_orphans(database, folder),
    }
    async with database.connection() as tx:
        return gone | {
            "commands": await commands.purge(tx, COMMANDS_S),
            "deliveries": await deliveries.sweep(tx),
        }


def trim(log_file: Path, most: int = LOG_BYTES) -> None:
    """A log of more than so many bytes is begun anew; what it held is beside it as NAME.1. Its
    writer appends.
    """
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > most:
            shutil.copyfile(log_file, log_file.with_name(f"{log_file.name}.1"))
            os.truncate(log_file, 0)


def rotate(journal: Path, most: int = JOURNAL_BYTES) -> None:
    """A journal of more than so many bytes is NAME.1 from now on, instead of the one before. Its
    writer opens it for each line, and its readers read that to its end first (asterisk.journal).
    """
    with contextlib.suppress(FileNotFoundError):
        if journal.stat().st_size > most:
            journal.replace(journal.with_name(f"{journal.name}.1"))


async def keep_partitions(database: db.Database, days: Mapping[str, int]) -> int:
    """Each table has its partitions for the next days and none past its own. How many were
    dropped.
    """
    async with database.connection() as tx:
        needed = {"events": await outbox.needed_since(tx)}
        return sum(
            [
                await partitions.keep(tx, table, kept, needed.get(table))
                for table, kept in days.items()
            ]
        )


async def expire_recordings(database: db.Database, folder: Path) -> int:
    """Recordings past their time are deleted, and the files of all that were, by whomever. How
    many files.

    First the record, then the file, then its name: a crash between them leaves nothing behind for
    long.
    """
    count = 0
    async with database.transaction() as tx:
        await recordings.expire(tx)
    while True:
        async with database.connection() as tx:
            files = await recordings.left_over(tx)
        for each in files:
            await asyncio.to_thread((folder / each.recording_file).unlink, missing_ok=True)
        async with database.transaction() as tx:
            for each in files:
                with contextlib.suppress(errors.NotFound):  # its domain was deleted meanwhile
                    await cdrs.recorded(tx, each.domain_uuid, each.cdr_uuid, "deleted")
        count += len(files)
        if not files:
            return count


async def remove_orphans(database: db.Database, folder: Path, grace_s: float = ORPHANS_S) -> int:
    """Recordings of domains that are no more go `grace_s` seconds after they were first missed.
    How many folders.

    Not at once: the database may be the wrong one, or its backup be restored; a domain that is
    back keeps them.
    """
    found = await asyncio.to_thread(_of_domains, folder)
    async with database.connection() as tx:
        gone = await domains.gone(tx, list(found))
    return await asyncio.to_thread(_clear, found, gone, time.time() - grace_s)


def _of_domains(folder: Path) -> dict[UUID, Path]:
    """The folder of each domain, which is named by its domain_uuid."""
    found = {}
    for path in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(ValueError):
            found[UUID(path.name)] = path
    return found


def _clear(found: Mapping[UUID, Path], gone: set[UUID], missed_before: float) -> int:
    count = 0
    for domain_uuid, path in found.items():
        mark = path / MISSED
        if domain_uuid not in gone:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch()
        elif mark.stat().st_mtime <= missed_before:
            shutil.rmtree(path)
            count += 1
    return count
