"""Tables in partitions of a day (UTC): made ahead, and dropped as a whole when their time is over.

Each has a default partition besides, so that no insert ever waits for housekeeping.
"""

from tongdai.store import db

AHEAD_DAYS = 3


async def keep(tx: db.Tx, table: str, days: int) -> int:
    """The table has partitions for today and the next days, and nothing older than `days`. How many were dropped."""
    await tx.execute(
        "SELECT add_partition($1, (now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, $2::int) AS n",
        table,
        AHEAD_DAYS,
    )
    dropped: int = await tx.fetchval(
        "SELECT drop_partitions($1, (now() AT TIME ZONE 'UTC')::date - $2::int)", table, days
    )
    return dropped
