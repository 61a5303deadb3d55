"""Long lists of call detail records, read part by part."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from tongdai.api.context import Context
from tongdai.pbx import cdr
from tongdai.store import cdr_search
from tongdai.store.cdr_filter import Filter, Position

AT_A_TIME = 250  # records that are read, rendered and sent together


async def parts(
    context: Context,
    domain_uuid: UUID,
    wanted: Filter,
    *,
    after: Position | None = None,
    most: int | None = None,
) -> AsyncGenerator[list[cdr.Cdr]]:
    """The records after that place, newest first, `most` in all.

    The next part is read while one is in use. Then no connection to the database is held: the
    client may be slow. Raises errors.Unavailable.
    """

    async def read(after: Position | None, left: int | None) -> cdr_search.Part:
        limit = AT_A_TIME if left is None else min(left, AT_A_TIME)
        if not limit:
            return cdr_search.Part([], None)
        async with context.tenants.connection(domain_uuid) as tx:
            return await cdr_search.scroll(tx, domain_uuid, wanted, limit=limit, after=after)

    reading = asyncio.create_task(read(after, most), name="cdr part")
    try:
        while (part := await reading).records:
            most = None if most is None else most - len(part.records)
            reading = asyncio.create_task(read(part.after, most), name="cdr part")
            yield part.records
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
