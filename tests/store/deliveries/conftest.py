"""A dispatcher claims for all domains: no other test's deliveries are to be here."""

from uuid import UUID

import pytest

from tests import databases
from tests.store.deliveries.rounds import URL
from tests.webhooks import samples
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db


@pytest.fixture
async def database(dispatched: db.Database) -> db.Database:
    return await databases.emptied(dispatched)


@pytest.fixture
async def subscription(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> UUID:
    """To `ringing`, at URL."""
    return await samples.subscribe(database, master_key, domain, "ringing", URL)
