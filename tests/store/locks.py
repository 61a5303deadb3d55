"""Sessions of the database that wait for a lock."""

from testbed.until import until
from tongdai.store import db


async def someone_waits(database: db.Database) -> None:
    """Returns when a transaction waits for another one's lock."""

    async def waits() -> bool:
        async with database.connection() as tx:
            return await tx.fetchval(  # type: ignore[no-any-return]
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            )

    await until(waits)
