"""Migrations on a database of their own."""

import asyncio
from pathlib import Path

import pytest

from testbed.until import until
from tests import databases
from tongdai import errors
from tongdai.store import db, migrate

IN_USE = Path(__file__).with_name("migrations.sha256")
"""The SHA-256 and name of each migration, a line each, as sha256sum writes it."""


@pytest.fixture
async def empty(dsn: str) -> str:
    """A DSN to a new, empty database."""
    return await databases.renew(dsn, "empty")


async def execute(dsn: str, *statements: str) -> None:
    tx = await db.connect(dsn)
    for statement in statements:
        await tx.execute(statement)
    await tx.close()


async def refusal(dsn: str) -> str:
    """The refusal of both `apply` and `pending`: one line."""
    with pytest.raises(errors.SetupError) as applying:
        await migrate.apply(dsn)
    with pytest.raises(errors.SetupError) as asking:
        await migrate.pending(dsn)
    assert str(applying.value) == str(asking.value)
    assert "\n" not in str(asking.value)
    return str(asking.value)


# --- what is applied


async def test_every_file_is_applied_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    assert pending[0] == "0001_schema.sql"
    assert await migrate.apply(empty) == pending
    assert await migrate.apply(empty) == []
    assert await migrate.pending(empty) == []


async def test_two_at_a_time_apply_each_file_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    applied = await asyncio.gather(migrate.apply(empty), migrate.apply(empty))

    assert sorted(applied) == [[], pending]


async def test_the_database_keeps_the_checksum_of_each_file(empty: str) -> None:
    await migrate.apply(empty)

    tx = await db.connect(empty)
    rows = await tx.fetch("SELECT name, sha256 FROM migrations ORDER BY name")
    await tx.close()
    assert [tuple(row) for row in rows] == list(migrate.checksums().items())


async def test_indexes_are_built_while_others_write_and_again_after_a_crash(empty: str) -> None:
    """A transaction that is open meanwhile is waited for, and may write."""
    await migrate.apply(empty)
    name = "0162_indexes_of_records.sql"
    forgotten = f"DELETE FROM migrations WHERE name = '{name}'"  # noqa: S608 ours
    await execute(empty, forgotten, "DROP INDEX cdrs_by_hotline")
    writer = await db.connect(empty)
    try:
        unfinished = writer.transaction()
        await unfinished.start()
        await writer.execute("UPDATE cdrs SET cause = ''")
        applying = asyncio.create_task(migrate.apply(empty))
        await until(lambda: _waits(empty))
        await writer.execute("DELETE FROM cdrs")
        await unfinished.commit()
        assert await applying == [name]
    finally:
        await writer.close()
    tx = await db.connect(empty)
    invalid = await tx.fetch("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
    found = await tx.fetchval("SELECT to_regclass('cdrs_by_hotline')::text")
    await tx.close()
    assert (found, invalid) == ("cdrs_by_hotline", [])


async def _waits(dsn: str) -> bool:
    tx = await db.connect(dsn)
    try:
        return bool(await tx.fetchval("SELECT true FROM pg_locks WHERE NOT granted LIMIT 1"))
    finally:
        await tx.close()


async def test_without_a_server_the_database_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable):
        await migrate.apply("postgresql://postgres@127.0.0.1:1/postgres")


# --- what is refused


async def test_a_newer_database_is_refused(empty: str) -> None:
    await migrate.apply(empty)
    await execute(empty, "INSERT INTO migrations (name, sha256) VALUES ('9999_future.sql', '')")

    assert await refusal(empty) == (
        "The database belongs to a newer version of tongdai (9999_future.sql)."
    )


async def test_a_database_whose_file_had_another_text_is_refused(empty: str) -> None:
    await migrate.apply(empty)
    await execute(
        empty,
        "UPDATE migrations SET sha256 = encode(sha256('another text'), 'hex') "
        "WHERE name = '0001_schema.sql'",
    )

    said = await refusal(empty)

    assert said.startswith("The migration 0001_schema.sql was applied to this database with ano")
    assert "use the version that made the database" in said


async def test_a_database_of_a_development_version_is_refused(empty: str) -> None:
    """Before the first release, `migrations` had no checksums and other files, up to 0066."""
    await execute(
        empty,
        "CREATE TABLE migrations (name text PRIMARY KEY, "
        "applied_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO migrations VALUES ('0001_initial.sql'), ('0066_moh_class.sql')",
    )

    said = await refusal(empty)

    assert "development version of tongdai (0001_initial.sql)" in said
    assert "start with a new database (TONGDAI_DSN)" in said


async def test_a_refused_database_stays_as_it_is(empty: str) -> None:
    await execute(
        empty,
        "CREATE TABLE migrations (name text PRIMARY KEY)",
        "INSERT INTO migrations VALUES ('0001_initial.sql')",
    )

    await refusal(empty)

    tx = await db.connect(empty)
    tables = await tx.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND oid >= 16384")
    assert [row["relname"] for row in tables] == ["migrations"]
    assert await tx.fetchval("SELECT count(*) FROM migrations") == 1
    await tx.close()


# --- the files


def test_no_migration_is_edited() -> None:
    in_use = {
        name: checksum
        for checksum, name in (line.split() for line in IN_USE.read_text("utf-8").splitlines())
    }
    now = migrate.checksums()

    for name, checksum in in_use.items():
        assert now.get(name) == checksum, (
            f"{name} has changed: never edit a migration, add a new file"
        )
    new = sorted(now.keys() - in_use.keys())
    assert not new, f"add the line of sha256sum for {', '.join(new)} to {IN_USE.name}"
