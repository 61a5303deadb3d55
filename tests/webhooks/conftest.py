"""Dispatchers find whatever is due: no other test's is to be here."""

from collections.abc import AsyncIterator

import pytest

from testbed.receivers import Receiver, receiving
from tests import databases
from tongdai.store import db


@pytest.fixture
async def database(dispatched: db.Database) -> db.Database:
    return await databases.emptied(dispatched)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Takes everything, until told otherwise."""
    async with receiving() as receiver:
        yield receiver
