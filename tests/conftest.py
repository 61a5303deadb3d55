"""Fixtures of several packages: one real PostgreSQL a session, migrated, and a fresh domain for
each test.
"""

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests import databases, older_postgresql
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, domains, migrate, server
from tongdai.store.tenants import Tenants

pytest_plugins = [
    "tests.runs",
    "tests.instances",
    "tests.compatibility",
    "tests.softphones.preparing",
]

# Properties are tried with the same examples in every run, and none has to be quick: machines
# differ.
settings.register_profile("tongdai", derandomize=True, deadline=None)
settings.load_profile("tongdai")

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """`logs.configure` is for processes of tongdai's own: here it would keep the stream of one
    test, and whatever logs later would fail.
    """
    yield
    assert not structlog.get_config()["cache_logger_on_first_use"], "logs were configured"


@pytest.fixture(scope="session")
async def dsn() -> AsyncIterator[str]:
    """A PostgreSQL of our own, empty; it and its files are gone afterwards. It is the embedded
    one, or of the version that TEST_POSTGRESQL says.
    """
    version = os.environ.get(older_postgresql.VARIABLE, server.VERSION)
    with tempfile.TemporaryDirectory(prefix="tongdai-test-") as folder:
        begin = (
            server.start if version == server.VERSION else partial(older_postgresql.start, version)
        )
        # durability has its own tests
        running = await begin(Path(folder) / "postgres", {"fsync": "off"})
        yield running.dsn
        await running.stop()


@pytest.fixture(scope="session")
async def database(dsn: str) -> AsyncIterator[db.Database]:
    """Migrated and open, for all tests: each brings its own domain, so they do not see each
    other.
    """
    await migrate.apply(dsn)
    database = db.Database(dsn)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def dispatched(dsn: str) -> AsyncIterator[db.Database]:
    """For tests of dispatchers, which serve all that they find: they have it in turn, and empty it
    first.
    """
    async with databases.own(dsn, "dispatched") as database:
        yield database


@pytest.fixture(scope="session")
async def tenants(database: db.Database) -> AsyncIterator[Tenants]:
    """The same database, with row-level security."""
    tenants = Tenants(database.dsn)
    await tenants.open()
    yield tenants
    await tenants.close()


@pytest.fixture
async def domain(database: db.Database) -> directory.Domain:
    """A domain that nobody else uses, with defaults everywhere."""
    async with database.transaction() as tx:
        return await domains.insert(tx, f"test{next(_numbers)}.example.vn")


@pytest.fixture(scope="session")
def master_key() -> MasterKey:
    return MasterKey(bytes(range(32)))
