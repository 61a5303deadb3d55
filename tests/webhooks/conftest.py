"""Dispatchers find whatever is due: their tests have a database of their own, empty at the start of each."""

from collections.abc import AsyncIterator

import pytest

from tests.webhooks import samples
from tests.webhooks.receivers import Receiver, receiving
from tongdai.store import db


@pytest.fixture(scope="session")
async def own(dsn: str) -> AsyncIterator[db.Database]:
    async with samples.own_database(dsn, "webhooks") as database:
        yield database


@pytest.fixture
async def database(own: db.Database) -> db.Database:
    await samples.empty(own)
    return own


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Takes everything, until told otherwise."""
    async with receiving() as receiver:
        yield receiver
