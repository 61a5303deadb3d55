"""Rows that are written as they are given: each value goes into the column of its name.

So a new field of a noun is written without a further list of columns, and no place in a list
decides where a value goes.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tongdai.store import db


def values(struct: msgspec.Struct, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a struct by column name."""
    return {
        name: value
        for name, value in msgspec.structs.asdict(struct).items()
        if name not in without
    }


async def insert(tx: db.Tx, table: str, **row: Any) -> None:
    """The table has this row. Raises the errors of `constraints`."""
    await tx.execute(_insert(table, tuple(row)), *row.values())


async def update(tx: db.Tx, table: str, key: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """The row with that key has these values. Returns whether there is one."""
    statement = _update(table, tuple(key), tuple(row))
    return bool(await tx.fetchval(statement, *key.values(), *row.values()))


# The names in these statements are those of our own tables and structs, never a user's.


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...]) -> str:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608


@lru_cache(maxsize=64)
def _update(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    wanted = " AND ".join(f"{name} = ${place}" for place, name in enumerate(key, 1))
    changed = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, len(key) + 1))
    return f"UPDATE {table} SET {changed} WHERE {wanted} RETURNING true"  # noqa: S608
