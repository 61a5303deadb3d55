"""Deletes or updates many rows in batches, each in a short transaction of its own: nobody waits
long for the locks, and a crash leaves the rest for the next time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from tongdai.store import db

BATCH = 5_000  # rows; some hundredths of a second
PAUSE_S = 0.02  # between two batches, for others


class Rows(msgspec.Struct, frozen=True):
    """The rows of a table whose columns have the values in `of`. An index begins with these
    columns, and continues with those of `key`. `older`: a column of time, and the moment or day
    before which the rows are.
    """

    table: str
    of: Mapping[str, Any]
    key: Sequence[str]
    older: tuple[str, date | datetime] | None = None

    def between(self, after: Sequence[Any], last: Sequence[Any]) -> tuple[str, list[Any]]:
        """The condition for the rows after the key `after`, up to the key `last`, and the values
        of its parameters; () is no limit.
        """
        conditions = [f"{name} = ${place}" for place, name in enumerate(self.of, 1)]
        values = [*self.of.values()]
        if self.older:
            values.append(self.older[1])
            conditions.append(f"{self.older[0]} < ${len(values)}")
        for bound, sign in ((after, ">"), (last, "<=")):
            if bound:
                places = ", ".join(f"${len(values) + n}" for n in range(1, len(bound) + 1))
                conditions.append(f"({', '.join(self.key)}) {sign} ({places})")
                values += bound
        return " AND ".join(conditions), values


async def delete(
    database: db.Database,
    rows: Rows,
    *,
    batch: int = BATCH,
    pause_s: float = PAUSE_S,
    progress: Callable[[int], object] = lambda _rows: None,
) -> int:
    """Deletes the rows. Returns how many; `progress` is called after each batch with how many so
    far.
    """
    verb = f"DELETE FROM {rows.table}"  # noqa: S608
    return await _each(database, rows, verb, batch=batch, pause_s=pause_s, progress=progress)


async def update(
    database: db.Database,
    rows: Rows,
    to: str,
    *,
    batch: int = BATCH,
    pause_s: float = PAUSE_S,
    progress: Callable[[int], object] = lambda _rows: None,
) -> int:
    """Sets columns of the rows, `to` SQL of ours without parameters. Returns as `delete` does."""
    verb = f"UPDATE {rows.table} SET {to}"  # noqa: S608
    return await _each(database, rows, verb, batch=batch, pause_s=pause_s, progress=progress)


async def _each(
    database: db.Database,
    rows: Rows,
    verb: str,
    *,
    batch: int,
    pause_s: float,
    progress: Callable[[int], object],
) -> int:
    """Each batch begins in the index where the one before has ended: PostgreSQL keeps deleted rows
    while an older transaction is open, and would read them again.
    """
    total, after = 0, tuple[Any, ...]()
    while True:
        async with database.transaction() as tx:
            await db.by_index(tx)
            last = await _last(tx, rows, after, batch)
            total += await _change(tx, rows, verb, after, last)
        progress(total)
        if not last:
            return total
        after = last
        await asyncio.sleep(pause_s)


# The names in these statements are those of our own tables.


async def _last(tx: db.Tx, rows: Rows, after: Sequence[Any], batch: int) -> tuple[Any, ...]:
    """The key of the batch's last row; () if no more rows are left than the batch takes."""
    where, values = rows.between(after, ())
    order = ", ".join([*rows.of, *rows.key])
    row = await tx.fetchrow(
        f"SELECT {', '.join(rows.key)} FROM {rows.table} WHERE {where}"  # noqa: S608
        f" ORDER BY {order} OFFSET {batch - 1} LIMIT 1",
        *values,
    )
    return tuple(row) if row else ()


async def _change(
    tx: db.Tx, rows: Rows, verb: str, after: Sequence[Any], last: Sequence[Any]
) -> int:
    """Changes the rows after the key `after`, up to `last` or to the end. Returns how many."""
    where, values = rows.between(after, last)
    return await tx.fetchval(  # type: ignore[no-any-return]
        f"WITH changed AS ({verb} WHERE {where} RETURNING 1) SELECT count(*) FROM changed",  # noqa: S608
        *values,
    )
