"""A database of the engine's own (it looks at all domains' calls and commands), a fake Asterisk, a
company, and the controller between them.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from tests import databases
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tests.engine import companies
from tests.engine.companies import Company
from tests.engine.controllers import Controller, Controllers, node_of
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Domain
from tongdai.store import db, domains


@pytest.fixture(scope="session")
async def database(dsn: str) -> AsyncIterator[db.Database]:
    async with databases.own(dsn, "engine") as database:
        yield database


@pytest.fixture(autouse=True)
def errors_said() -> Iterator[set[str]]:
    """The names of what may be logged as an error, to be filled by the test: these and no others
    are said.
    """
    with structlog.testing.capture_logs() as said:
        expected: set[str] = set()
        yield expected
    found = [entry for entry in said if entry["log_level"] in ("error", "critical")]
    assert {entry["event"] for entry in found} == expected, found


@pytest.fixture
async def asterisk(tmp_path: Path) -> AsyncIterator[FakeAsterisk]:
    async with fake.running(tmp_path / "cel.jsonl") as asterisk:
        asterisk.is_everybody_there = True
        yield asterisk


@pytest.fixture
async def company(
    database: db.Database, domain: Domain, master_key: MasterKey, tmp_path: Path
) -> Company:
    """Its domain is on the node of this test's controllers."""
    return await companies.found(
        database, msgspec.structs.replace(domain, node=node_of(tmp_path)), master_key
    )


@pytest.fixture
async def other(
    company: Company, database: db.Database, master_key: MasterKey, tmp_path: Path
) -> Company:
    """A second company on the same node."""
    async with database.transaction() as tx:
        domain = await domains.insert(tx, f"other-{company.name}"[-60:].lstrip("-."))
    return await companies.found(
        database, msgspec.structs.replace(domain, node=node_of(tmp_path)), master_key
    )


@pytest.fixture
async def controller(
    database: db.Database, asterisk: FakeAsterisk, tmp_path: Path
) -> AsyncIterator[Controller]:
    controller = Controller(database, asterisk, tmp_path)
    await controller.start()
    yield controller
    await controller.kill()


@pytest.fixture
async def controllers(
    database: db.Database, asterisk: FakeAsterisk, tmp_path: Path
) -> AsyncIterator[Controllers]:
    """None yet; they resume soon."""
    controllers = Controllers(database, asterisk, tmp_path)
    yield controllers
    await controllers.kill()
