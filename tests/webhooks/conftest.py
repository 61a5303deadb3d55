"""Dispatchers find whatever is due: no other test's is to be here."""

from collections.abc import AsyncIterator

import pytest

from tests import databases
from tests.webhooks.receivers import Receiver, receiving
from tongdai.store import db


@pytest.fixture
async def database(dispatched: db.Database) -> db.Database:
    return await databases.emptied(dispatched)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Takes everything, until told otherwise."""
    async with receiving() as receiver:
        yield receiver
