"""Deletes recordings: those older than their domain's days, those marked as deleted, and those of
deleted domains.

The record is marked first, then the file is deleted, then its name: a crash in between leaves
nothing behind for long. Batches are separate transactions, with pauses, so that calls do not wait
for them.
"""

import asyncio
from uuid import UUID

from tongdai.recording_files import RecordingFiles
from tongdai.store import db, domains, recordings

PAUSE_S = 0.05  # seconds between two batches
GRACE_S = 7 * 86_400.0  # how long recordings of a deleted domain stay


async def expire(database: db.Database, pause_s: float = PAUSE_S) -> int:
    """Marks ready recordings past their domain's recording_days as deleted. Returns how many."""
    async with database.connection() as tx:
        retention = await recordings.retention(tx)
    return sum(
        [
            await _expire(database, domain_uuid, days, pause_s)
            for domain_uuid, days in retention.items()
        ]
    )


async def _expire(database: db.Database, domain_uuid: UUID, days: int, pause_s: float) -> int:
    total, since = 0, recordings.FIRST
    while True:
        async with database.transaction() as tx:
            count, since = await recordings.expire(tx, domain_uuid, days, since)
        total += count
        if count < recordings.BATCH:
            return total
        await asyncio.sleep(pause_s)


async def delete_files(
    database: db.Database, files: RecordingFiles, pause_s: float = PAUSE_S
) -> int:
    """Deletes the files of deleted recordings, except those that the storage refuses to delete
    now. Returns how many.
    """
    total, last = 0, None
    while True:
        async with database.transaction() as tx:
            found = await recordings.left_over(tx, last)
        gone = await files.delete([each.file_key for each in found])
        async with database.connection() as tx:
            await recordings.without_file(tx, [each for each in found if each.file_key in gone])
        total += len(gone)
        if len(found) < recordings.BATCH:
            return total
        last = found[-1]
        await asyncio.sleep(pause_s)


async def delete_of_lost_domains(
    database: db.Database, files: RecordingFiles, grace_s: float = GRACE_S
) -> int:
    """Deletes recordings of deleted domains `grace_s` seconds after the domain was first missed.
    Returns the number of domains.

    Not at once: it may be the wrong database, or its backup may be restored; a domain that is back
    keeps its recordings. Therefore the time is noted with the files, not in the database.
    """
    known = await files.domains()
    async with database.connection() as tx:
        lost = await domains.gone(tx, list(known))
    for domain_uuid in known - lost:
        await files.found_again(domain_uuid)
    count = 0
    for domain_uuid in lost:
        if await files.missed_s(domain_uuid) >= grace_s:
            await files.delete_domain(domain_uuid)
            count += 1
    return count
