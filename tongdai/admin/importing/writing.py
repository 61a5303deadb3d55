"""Call records of another system are written, in batches between those of live calls. No events
are published, and recordings stay where they are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import msgspec

from tongdai.admin.importing import calls
from tongdai.admin.importing.calls import Found
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.directory import Domain
from tongdai.store import batches, cdrs, db, domains

BATCH = 500
"""Calls of one transaction; some hundredths of a second."""


class Told(msgspec.Struct):
    """How many calls were read, are new here, and were here already; how many were left out, by
    the reason; how many of those here had a recording there.
    """

    read: int = 0
    new: int = 0
    known: int = 0
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
    recordings: int = 0


async def carry(
    database: db.Database,
    domain: Domain,
    found: AsyncIterator[Sequence[Found]],
    progress: Callable[[int], object],
    *,
    is_dry_run: bool,
) -> Told:
    """The calls have records here, each once: a repetition changes nothing. A dry run writes none,
    and tells the same. `progress` is called with how many were read so far.

    Raises errors.Conflict while the domain is being deleted.
    """
    told, left_out = Told(), Counter[str]()
    async for batch in found:
        kept = [calls.fit(one, domain, datetime.now(UTC)) for one in batch]
        left_out.update(one.why for one in kept if one.record is None)
        records = [one.record for one in kept if one.record]
        new = await (_missing if is_dry_run else _write)(database, domain, records)
        told.read += len(batch)
        told.new += new
        told.known += len(records) - new
        told.recordings += sum(one.has_recording for one in kept)
        progress(told.read)
        await asyncio.sleep(batches.PAUSE_S)
    told.left_out = dict(left_out)
    return told


async def _write(database: db.Database, domain: Domain, records: Sequence[Cdr]) -> int:
    """How many of the records are new; they are written."""
    async with database.transaction() as tx:
        await domains.refuse_deleting(tx, domain.domain_uuid)
        return len(await cdrs.insert_many(tx, records))


async def _missing(database: db.Database, domain: Domain, records: Sequence[Cdr]) -> int:
    """How many of the records are not here."""
    keys = [(domain.domain_uuid, record.cdr_uuid) for record in records]
    async with database.transaction() as tx:
        return len(keys) - len(await cdrs.known(tx, keys))
