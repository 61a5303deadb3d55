"""Migrations on a database of their own."""

import asyncio

import pytest

from tongdai import errors
from tongdai.store import db, migrate


@pytest.fixture
async def empty(dsn: str) -> str:
    """A DSN to a new, empty database."""
    tx = await db.connect(dsn)
    await tx.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    await tx.execute("CREATE DATABASE empty")
    await tx.close()
    return dsn.replace("/tongdai?", "/empty?")


async def test_every_file_is_applied_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    assert pending[0] == "0001_initial.sql"
    assert await migrate.apply(empty) == pending
    assert await migrate.apply(empty) == []
    assert await migrate.pending(empty) == []


async def test_two_at_a_time_apply_each_file_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    applied = await asyncio.gather(migrate.apply(empty), migrate.apply(empty))

    assert sorted(applied) == [[], pending]


async def test_a_newer_database_is_refused(empty: str) -> None:
    await migrate.apply(empty)
    tx = await db.connect(empty)
    await tx.execute("INSERT INTO migrations (name) VALUES ('9999_future.sql')")
    await tx.close()

    with pytest.raises(errors.SetupError, match="9999_future"):
        await migrate.apply(empty)


async def test_nobody_at_home_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable):
        await migrate.apply("postgresql://postgres@127.0.0.1:1/postgres")
