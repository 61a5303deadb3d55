"""Outstanding events and records, on a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

from testbed.samples import call
from tests.webhooks import samples
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx.call import Ended
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.directory import Domain
from tongdai.store import calls, db, outstanding


async def test_nothing(database: db.Database, domain: Domain) -> None:
    async with database.connection() as tx:
        assert await outstanding.of(tx, domain.domain_uuid) == outstanding.Outstanding(
            domain.name, 0, 0, 0, 0, 0, 0
        )
        assert await outstanding.ended_calls(tx, domain.domain_uuid) == []
        assert domain.name not in [each.domain for each in await outstanding.all(tx)]


async def test_calls_that_go_on_and_calls_that_are_over(
    database: db.Database, domain: Domain
) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    live, finishing = (
        call(domain, hour_ago),
        call(domain, hour_ago, course=Ended(release=ANSWERED)),
    )
    gone = call(domain)
    async with database.transaction() as tx:
        await calls.save_many(tx, domain.name, [live, finishing, gone])
        await calls.note_outstanding(tx, gone, ("hangup", "cdr"), datetime.now(UTC))
        found = await outstanding.of(tx, domain.domain_uuid)
        assert (found.live, found.ended) == (1, 2)
        assert 3600 <= found.live_s < 4000
        assert 3550 <= found.ended_s < 4000
        assert found in await outstanding.all(tx)
        first, second = await outstanding.ended_calls(tx, domain.domain_uuid)
        assert (first.call_uuid, first.outstanding) == (finishing.call_uuid, ("cdr",))
        assert (second.call_uuid, second.outstanding) == (gone.call_uuid, ("hangup", "cdr"))

        await calls.save_many(tx, domain.name, [gone])
        assert (await outstanding.of(tx, domain.domain_uuid)).live == 2, "it went on after all"
        keys = [(domain.domain_uuid, each.call_uuid) for each in (live, finishing, gone)]
        await calls.delete_many(tx, keys)
        assert (await outstanding.of(tx, domain.domain_uuid)).live == 0


async def test_deliveries_that_are_due(
    database: db.Database, domain: Domain, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", "http://crm.example.vn/")
    await samples.publish(database, samples.event(domain, "ringing", ids.new()))
    async with database.connection() as tx:
        found = await outstanding.of(tx, domain.domain_uuid)
        assert (found.due, found.live, found.ended) == (1, 0, 0)
        assert found in await outstanding.all(tx)
