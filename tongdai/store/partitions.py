"""Tables in partitions of a day (UTC): made ahead, and dropped as a whole when their time is over.

Each has a default partition besides, so that no insert ever waits for housekeeping.
"""

from datetime import datetime

from tongdai.store import db

AHEAD_DAYS = 3


async def keep(tx: db.Tx, table: str, days: int, needed_since: datetime | None = None) -> int:
    """The table has partitions for today and the next days, and nothing older than `days`. How
    many were dropped.

    What is of `needed_since` or later stays, however old it is. Where somebody reads the table for
    long, partitions are made and dropped the next time: nobody waits for us.
    """
    await tx.execute(
        "SELECT add_partition($1, (now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, "
        "$2::int) AS n",
        table,
        AHEAD_DAYS,
    )
    dropped: int = await tx.fetchval(
        "SELECT drop_partitions($1, (least(now() - make_interval(days => $2), $3) AT TIME ZONE "
        "'UTC')::date)",
        table,
        days,
        needed_since,
    )
    return dropped
