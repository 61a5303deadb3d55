"""Deletes call records and events that are older than their domain keeps them, in batches, with
pauses, so that calls do not wait. Recordings: retention.py.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongdai.store import db, outbox, partitions, retention

PAUSE_S = 0.05  # seconds between two batches


async def expire_cdrs(database: db.Database, pause_s: float = PAUSE_S) -> int:
    """Deletes the call records past their domain's `cdr_days`. Returns how many."""
    async with database.connection() as tx:
        kept = await retention.of_domains(tx)
    return sum(
        [
            await _expire_cdrs(database, one.domain_uuid, one.cdr_days, pause_s)
            for one in kept
            if one.cdr_days is not None
        ]
    )


async def _expire_cdrs(database: db.Database, domain_uuid: UUID, days: int, pause_s: float) -> int:
    total, since = 0, retention.FIRST
    while True:
        async with database.transaction() as tx:
            count, since = await retention.expire_cdrs(tx, domain_uuid, days, since)
        total += count
        if count < retention.BATCH:
            await retention.expire_reports(database, domain_uuid, days, pause_s)
            return total
        await asyncio.sleep(pause_s)


async def keep_partitions(database: db.Database, days: Mapping[str, int]) -> int:
    """Each table has partitions for the next days and none older than its `days`; events stay as
    long as the domain that keeps them longest. Returns how many were dropped.
    """
    async with database.connection() as tx:
        longest = max((one.event_days or 0 for one in await retention.of_domains(tx)), default=0)
        needed = {"events": await outbox.needed_since(tx)}
        return sum(
            [
                await partitions.keep(
                    tx, table, max(held, longest if table == "events" else 0), needed.get(table)
                )
                for table, held in days.items()
            ]
        )


async def expire_events(database: db.Database, days: int) -> int:
    """Deletes the events past their domain's `event_days`, or past `days` where it says nothing,
    if another domain keeps them longer: what nobody keeps goes by the partition. Returns how many.
    """
    async with database.connection() as tx:
        kept = await retention.of_domains(tx)
        needed = await outbox.needed_since(tx)
    longest = max(days, *(one.event_days or 0 for one in kept), 0)
    return sum(
        [
            await retention.expire_events(database, one.domain_uuid, _before(its_days, needed))
            for one in kept
            if (its_days := one.event_days or days) < longest
        ]
    )


def _before(days: int, needed: datetime | None) -> datetime:
    """The first moment that is kept: the beginning of a day (UTC), as partitions begin."""
    kept = datetime.now(UTC) - timedelta(days=days)
    kept = min(kept, needed) if needed else kept
    return kept.replace(hour=0, minute=0, second=0, microsecond=0)
