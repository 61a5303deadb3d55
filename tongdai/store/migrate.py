"""Brings the schema up to date: applies each numbered SQL file of migrations/ once, in order, in a
transaction. The table `migrations` keeps the SHA-256 of each applied file.

A file whose first line says so is applied outside a transaction, statement by statement, as
building an index beside running calls asks for (CREATE INDEX CONCURRENTLY). Such a file can be
applied again after it was broken off.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from importlib import resources

import asyncpg

from tongdai import errors
from tongdai.store import db

_LOCK = 0x746F6E67646169  # "tongdai": one migration at a time, over all processes
_OUTSIDE = "-- outside a transaction\n"
_RETRY_S = 0.1


async def apply(dsn: str) -> list[str]:
    """The schema is that of this version. Returns the names of the files applied now, in order.

    Raises errors.SetupError when the database is not of this version or an earlier release, when
    a file has changed since it was applied, or when we lack the rights for a file;
    errors.Unavailable when the database is down.
    """
    tx = await db.connect(dsn, statement_s=None)
    try:
        # A statement that waits for the lock would be one that a concurrent index waits for.
        while not await tx.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(_RETRY_S)
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


def checksums() -> dict[str, str]:
    """The SHA-256 (hex) of each file of this version, by name, in the order of their numbers."""
    files = sorted(
        (each for each in _folder().iterdir() if each.name.endswith(".sql")),
        key=lambda each: each.name,
    )
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


async def _apply(tx: db.Tx, name: str) -> None:
    content = (_folder() / name).read_bytes()
    sql = content.decode()
    try:
        await _make_table(tx)
        if sql.startswith(_OUTSIDE):
            await _execute_apart(tx, sql)
            await _note(tx, name, content)
        else:
            async with tx.transaction():
                await tx.execute(sql)
                await _note(tx, name, content)
    except asyncpg.InsufficientPrivilegeError as reason:
        raise errors.SetupError(str(reason)) from reason


async def _execute_apart(tx: db.Tx, sql: str) -> None:
    """Executes each statement; one ends with a line."""
    for statement in sql.split(";\n"):
        if statement.strip():
            await tx.execute(statement)


async def _make_table(tx: db.Tx) -> None:
    await tx.execute(
        """
        CREATE TABLE IF NOT EXISTS migrations (
          name text PRIMARY KEY, sha256 text NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now())
        """
    )


async def _note(tx: db.Tx, name: str, content: bytes) -> None:
    await tx.execute(
        "INSERT INTO migrations (name, sha256) VALUES ($1, $2)",
        name,
        hashlib.sha256(content).hexdigest(),
    )


async def _pending(tx: db.Tx) -> list[str]:
    known, applied = checksums(), await _applied(tx)
    _refuse_other_versions(known, applied)
    return [name for name in known if name not in applied]


def _refuse_other_versions(known: Mapping[str, str], applied: Mapping[str, str]) -> None:
    """Raises errors.SetupError when other files than those of this version made the database."""
    unknown = sorted(applied.keys() - known.keys())
    # a newer version only adds files, with higher numbers
    if unknown and unknown[0] < max(known):
        raise errors.SetupError(
            f"The database is of a development version of tongdai ({unknown[0]}), which no "
            "release can upgrade: start with a new database (TONGDAI_DSN), or with a new folder "
            "(TONGDAI_DATA)."
        )
    if unknown:
        raise errors.SetupError(
            f"The database belongs to a newer version of tongdai ({unknown[-1]})."
        )
    for name in sorted(applied):
        if applied[name] != known[name]:
            raise errors.SetupError(
                f"The migration {name} was applied to this database with another text than this "
                "version of tongdai has: use the version that made the database."
            )


async def _applied(tx: db.Tx) -> dict[str, str]:
    """The SHA-256 of each applied file, by name; "" where a development version kept none."""
    if await tx.fetchval("SELECT to_regclass('migrations')") is None:
        return {}
    rows = await tx.fetch("SELECT * FROM migrations")
    return {row["name"]: row.get("sha256", "") for row in rows}


def _folder() -> resources.abc.Traversable:
    return resources.files("tongdai.store") / "migrations"
