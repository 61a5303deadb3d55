"""Deletes credentials of browser phones at their end; the switch then loses them as any object of
an extension that is gone (provisioner.py). Phones that registered with them stay registered until
their registration ends.
"""

import asyncio

import structlog

from tongdai import errors
from tongdai.store import batches, db, phone_credentials

log = structlog.get_logger()

EVERY_S = 10.0


async def run(database: db.Database, every_s: float = EVERY_S) -> None:
    """Runs until cancelled."""
    while True:
        try:
            await expire(database)
        except errors.Unavailable as reason:
            log.warning("phone_credentials.waiting", why=str(reason))
        await asyncio.sleep(every_s)


async def expire(database: db.Database) -> int:
    """Those that have expired are deleted, a batch at most. Returns how many."""
    async with database.transaction() as tx:
        return await phone_credentials.purge(tx, batches.BATCH)
