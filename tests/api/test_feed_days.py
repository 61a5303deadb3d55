"""The oldest days of the feed go while somebody reads them: it is told, nothing is passed over in
silence.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Tenant
from tests.api.test_feed import FEED, STREAM, publish
from tongdai.store import db, feed


@pytest.fixture
def _going(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Between the question from where on events are kept and their reading, the first three go."""
    read = feed.read

    async def read_late(tx: db.Tx, domain_uuid: UUID, *which: Any) -> feed.Page:
        async with database.connection() as other:
            await other.execute(
                "DELETE FROM events WHERE domain_uuid = $1 AND seq <= 3", domain_uuid
            )
        return await read(tx, domain_uuid, *which)

    with monkeypatch.context() as patch:
        patch.setattr(feed, "read", read_late)
        yield


@pytest.mark.usefixtures("_going")
@pytest.mark.parametrize("names", [(), ("cdr",)])
async def test_a_page_that_began_in_them_is_gone(
    database: db.Database, tenant: Tenant, names: tuple[str, ...]
) -> None:
    await publish(database, tenant, *["cdr"] * 5)
    wanted = [("after", "1"), *(("event", name) for name in names)]
    gone = (await tenant.client.get(FEED, params=wanted, expect=410)).json
    assert (gone["error"], gone["first_seq"], gone["last_seq"]) == ("EVENTS_GONE", 4, 5)


@pytest.mark.usefixtures("_going")
async def test_a_stream_that_began_in_them_ends(database: db.Database, tenant: Tenant) -> None:
    await publish(database, tenant, *["cdr"] * 5)
    answer = await tenant.client.get(FEED, params={"after": 1}, headers=STREAM)
    assert b"data:" not in answer.body
    await tenant.client.get(FEED, headers={**STREAM, "Last-Event-ID": "1"}, expect=410)
