"""Partitions of a day: there before they are needed, gone as a whole, and never in the way of an
insert.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tongdai.engine import expiry
from tongdai.store import db, partitions


@pytest.fixture
async def table(database: db.Database) -> AsyncIterator[str]:
    """A table in partitions that no other test uses."""
    async with database.connection() as tx:
        await tx.execute(
            "CREATE TABLE marks (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at)"
        )
        await tx.execute("CREATE TABLE marks_default PARTITION OF marks DEFAULT")
    yield "marks"
    async with database.connection() as tx:
        await tx.execute("DROP TABLE marks")


async def insert(database: db.Database, *days_ago: int) -> None:
    async with database.connection() as tx:
        for days in days_ago:
            at = datetime.now(UTC) - timedelta(days=days)
            await tx.execute("INSERT INTO marks VALUES ($1, $2)", at, days)


async def where(database: db.Database) -> dict[int, str]:
    """The partition of each row."""
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT n, tableoid::regclass::text AS partition FROM marks ORDER BY n"
        )
    return {row["n"]: row["partition"] for row in rows}


def named(days_ago: int) -> str:
    return f"marks_{datetime.now(UTC) - timedelta(days=days_ago):%Y%m%d}"


async def test_rows_of_a_day_without_a_partition_move_into_it_when_it_is_made(
    database: db.Database, table: str
) -> None:
    await insert(database, 0)
    assert await where(database) == {0: "marks_default"}

    assert await expiry.keep_partitions(database, {table: 30}) == 0

    await insert(database, -1, -3, -9)
    assert await where(database) == {
        -9: "marks_default", -3: named(-3), -1: named(-1), 0: named(0),
    }  # fmt: skip


async def test_what_is_past_its_time_is_dropped_and_nothing_else(
    database: db.Database, table: str
) -> None:
    async with database.connection() as tx:
        for days in (40, 31, 30, 1):
            await tx.execute(
                "SELECT add_partition('marks', (now() AT TIME ZONE 'UTC')::date - $1::int)", days
            )
    await insert(database, 50, 40, 31, 30, 1)

    assert await expiry.keep_partitions(database, {table: 30}) == 2

    assert await where(database) == {1: named(1), 30: named(30)}
    assert await expiry.keep_partitions(database, {table: 30}) == 0


async def test_several_at_a_time_make_each_partition_once(
    database: db.Database, table: str
) -> None:
    await asyncio.gather(*(expiry.keep_partitions(database, {table: 30}) for _ in range(4)))

    async with database.connection() as tx:
        made = await tx.fetchval(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'marks'::regclass"
        )
    assert made == 2 + partitions.AHEAD_DAYS


async def test_a_reader_is_not_waited_for_and_nobody_waits_behind(
    database: db.Database, table: str
) -> None:
    async with database.connection() as tx:
        await tx.execute("SELECT add_partition('marks', (now() AT TIME ZONE 'UTC')::date - 40)")
    await insert(database, 40)
    async with database.transaction() as reader:
        await reader.fetch("SELECT * FROM marks")
        dropping = asyncio.create_task(expiry.keep_partitions(database, {table: 30}))
        assert await dropping == 0
        await insert(database, 1)

    assert await expiry.keep_partitions(database, {table: 30}) == 1
