"""Brings the schema up to date: applies each numbered SQL file of migrations/ once, in order, in a
transaction.
"""

from importlib import resources

import asyncpg

from tongdai import errors
from tongdai.store import db

_LOCK = 0x746F6E67646169  # "tongdai": one migration at a time, over all processes


async def apply(dsn: str) -> list[str]:
    """The schema is that of this version. Returns the names of the files applied now, in order.

    Raises errors.SetupError when the database is of a newer version or we lack the rights for a
    file, errors.Unavailable when the database is down.
    """
    tx = await db.connect(dsn, statement_s=None)
    try:
        await tx.execute("SELECT pg_advisory_lock($1)", _LOCK)
        names = await _pending(tx)
        for name in names:
            await _apply(tx, name)
        return names
    finally:
        await tx.close()


async def pending(dsn: str) -> list[str]:
    """The names of the files that `apply` would apply, in order. Raises as `apply` does; changes
    nothing.
    """
    tx = await db.connect(dsn)
    try:
        return await _pending(tx)
    finally:
        await tx.close()


async def _apply(tx: db.Tx, name: str) -> None:
    try:
        async with tx.transaction():
            await _execute(tx, name)
    except asyncpg.InsufficientPrivilegeError as reason:
        raise errors.SetupError(str(reason)) from reason


async def _execute(tx: db.Tx, name: str) -> None:
    await tx.execute(
        """
        CREATE TABLE IF NOT EXISTS migrations (
          name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
        """
    )
    await tx.execute((_folder() / name).read_text("utf-8"))
    await tx.execute("INSERT INTO migrations (name) VALUES ($1)", name)


async def _pending(tx: db.Tx) -> list[str]:
    known = sorted(entry.name for entry in _folder().iterdir() if entry.name.endswith(".sql"))
    applied = await _applied(tx)
    if newer := sorted(applied - set(known)):
        raise errors.SetupError(
            f"The database belongs to a newer version of tongdai ({newer[-1]})."
        )
    return [name for name in known if name not in applied]


async def _applied(tx: db.Tx) -> set[str]:
    if await tx.fetchval("SELECT to_regclass('migrations')") is None:
        return set()
    return {row["name"] for row in await tx.fetch("SELECT name FROM migrations")}


def _folder() -> resources.abc.Traversable:
    return resources.files("tongdai.store") / "migrations"
