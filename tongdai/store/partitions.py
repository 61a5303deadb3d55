"""Tables partitioned by day (UTC). Partitions are made ahead, and dropped as a whole after their
time.

Each table also has a default partition, so that an insert never waits for housekeeping.
"""

from datetime import datetime

from tongdai.store import db

AHEAD_DAYS = 3


async def keep(tx: db.Tx, table: str, days: int, needed_since: datetime | None = None) -> int:
    """The table has partitions for today and the next days, and none older than `days`. Returns
    how many were dropped.

    Rows of `needed_since` or later stay, whatever their age. If a long read locks the table, the
    partitions are made and dropped the next time, so that other statements do not queue behind us.
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
