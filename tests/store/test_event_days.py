"""The log of events in partitions of a day: they come and go, nothing that is owed is lost, and
`seq` never skips.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests import databases
from tests.store.deliveries.rounds import claim_in, never
from tests.webhooks import samples
from tongdai.encryption import MasterKey
from tongdai.engine import expiry
from tongdai.pbx import directory, events
from tongdai.store import (
    db,
    deliveries,
    delivery_outcomes,
    domains,
    feed,
    outbox,
    partitions,
)

DAY_S = 86_400.0
URL = "http://crm.example.vn/hook"
DAYS = {"events": 30}


@pytest.fixture(scope="module")
async def own(dsn: str) -> AsyncIterator[db.Database]:
    """Of other tests no events are to be in the way, nor partitions of these in theirs."""
    async with databases.own(dsn, "event_days") as database:
        yield database


@pytest.fixture
async def database(own: db.Database) -> db.Database:
    """As after a month."""
    await databases.emptied(own)
    async with own.connection() as tx:
        for days in (40, 38, 36, 35, 34, 33, *range(30)):
            await tx.execute(
                "SELECT add_partition('events', (now() AT TIME ZONE 'UTC')::date - $1::int)", days
            )
    return own


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def publish(
    database: db.Database, domain: directory.Domain, *days_ago: int
) -> list[events.Event]:
    """One event each so many days ago, the oldest first."""
    made = [samples.event(domain) for _ in days_ago]
    passed = [*days_ago[1:], 0]
    for event, before, after in zip(made, days_ago, passed, strict=True):
        await samples.publish(database, event)
        await samples.pass_time(database, (before - after) * DAY_S)
    return [replace(event, since=ago(days)) for event, days in zip(made, days_ago, strict=True)]


async def seqs(database: db.Database, domain: directory.Domain) -> list[int]:
    async with database.connection() as tx:
        known = await feed.bounds(tx, domain.domain_uuid)
        page = await feed.read(tx, domain.domain_uuid, known.first_seq - 1, 100)
    found = [entry.seq for entry in page.entries]
    assert found == list(range(known.first_seq, known.last_seq + 1)), "no seq is missing"
    return found


async def where(database: db.Database) -> set[str]:
    """The partitions with something in them."""
    async with database.connection() as tx:
        rows = await tx.fetch("SELECT DISTINCT tableoid::regclass::text AS partition FROM events")
    return {row["partition"] for row in rows}


def named(days_ago: float) -> str:
    return f"events_{ago(days_ago):%Y%m%d}"


async def test_old_days_go_as_a_whole_and_numbers_go_on(
    database: db.Database, domain: directory.Domain
) -> None:
    await publish(database, domain, 40, 33, 29, 1, 0)
    assert await where(database) == {named(days) for days in (40, 33, 29, 1, 0)}

    assert await expiry.keep_partitions(database, DAYS) >= 2

    assert await seqs(database, domain) == [3, 4, 5]
    await publish(database, domain, 0)
    assert await seqs(database, domain) == [3, 4, 5, 6]


async def test_what_is_owed_is_kept_however_old_it_is(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", URL)
    await publish(database, domain, 38, 36, 0)
    async with database.connection() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 8)
        done = [deliveries.Outcome(one, "delivered") for one in claimed if one.seq == 1]
        await delivery_outcomes.record(tx, done, never)

    await expiry.keep_partitions(database, DAYS)
    assert await seqs(database, domain) == [2, 3]

    await samples.pass_time(database, 61)
    async with database.connection() as tx:
        again = await claim_in(tx, domain.domain_uuid, 8)
        assert sorted(one.seq for one in again) == [2, 3], "and it is sent"
        done = [deliveries.Outcome(one, "delivered") for one in again]
        await delivery_outcomes.record(tx, done, never)
    await expiry.keep_partitions(database, DAYS)
    assert await seqs(database, domain) == [3]


async def test_what_a_live_call_may_publish_again_is_kept(
    database: db.Database, domain: directory.Domain
) -> None:
    """After weeks of downtime too: the first housekeeping may be quicker than recovery."""
    [event] = await publish(database, domain, 35)
    async with database.connection() as tx:
        await tx.execute(
            "INSERT INTO calls (domain_uuid, call_uuid, node, state, started_at) "
            "VALUES ($1, $2, 'x', '', $3)",
            domain.domain_uuid,
            event.order_key,
            event.since,
        )

    await expiry.keep_partitions(database, DAYS)

    async with database.transaction() as tx:
        assert await outbox.publish_many(tx, [event]) == 0
    assert await seqs(database, domain) == [1]


async def test_an_event_is_published_once_however_long_ago_that_was(
    database: db.Database, domain: directory.Domain
) -> None:
    made = await publish(database, domain, 20, 3, 0)

    async with database.transaction() as tx:
        assert await outbox.publish_many(tx, made) == 0
        assert await outbox.publish_many(tx, [samples.event(domain)]) == 1
    assert await seqs(database, domain) == [1, 2, 3, 4]


@pytest.mark.parametrize("settings", [{}, db.PLANNED_ONCE], ids=["planned anew", "planned once"])
async def test_to_publish_looks_at_no_more_days_than_the_call_has_lasted(
    database: db.Database, domain: directory.Domain, settings: dict[str, str]
) -> None:
    await publish(database, domain, 20, 3, 0)
    tx = await db.connect(database.dsn, settings=settings)
    async with tx.transaction():
        for _ in range(8):
            await outbox.publish_many(tx, [replace(samples.event(domain), since=ago(0))])
        rows = await tx.fetch(
            """
            SELECT relname FROM pg_stat_xact_user_tables
            WHERE relname LIKE 'events%' AND COALESCE(idx_scan, 0) + COALESCE(seq_scan, 0) > 0
            """
        )
    await tx.close()
    looked_at = {row["relname"] for row in rows}
    assert named(0) in looked_at
    assert not looked_at & {named(days) for days in range(3, 45)}


async def test_events_are_dated_in_the_order_of_their_numbers(
    database: db.Database, domain: directory.Domain
) -> None:
    """Else the end of a day would leave gaps: who began first need not have published first."""
    async with database.transaction() as early:
        await early.execute("SELECT now()")
        await samples.publish(database, samples.event(domain))
        await outbox.publish_many(early, [samples.event(domain)])

    async with database.connection() as tx:
        page = await feed.read(tx, domain.domain_uuid, 0, 10)
    first, second = page.entries
    assert first.created_at < second.created_at


async def test_where_no_partition_was_made_events_are_published_all_the_same(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    """After weeks of downtime the first events come before the first housekeeping."""
    await samples.subscribe(database, master_key, domain, "ringing", URL)
    async with database.connection() as tx:
        for days in range(partitions.AHEAD_DAYS + 1):
            await tx.execute(f"DROP TABLE IF EXISTS {named(-days)}")
    made = await publish(database, domain, 0)
    assert await where(database) == {"events_default"}

    await expiry.keep_partitions(database, DAYS)

    made += await publish(database, domain, 0)
    assert await where(database) == {named(0)}
    assert await seqs(database, domain) == [1, 2]
    async with database.transaction() as tx:
        assert await outbox.publish_many(tx, made) == 0
        assert len(await claim_in(tx, domain.domain_uuid, 8)) == 2


async def test_a_long_reader_holds_up_neither_publishing_nor_housekeeping(
    database: db.Database, domain: directory.Domain
) -> None:
    await publish(database, domain, 34, 0)
    async with database.connection() as tx:
        await tx.execute(f"DROP TABLE IF EXISTS {named(-2)}")
    async with database.transaction() as reader:
        await reader.fetch("SELECT * FROM events")
        assert await expiry.keep_partitions(database, DAYS) == 0
        await publish(database, domain, 0)
    assert await seqs(database, domain) == [1, 2, 3]

    await expiry.keep_partitions(database, DAYS)
    assert await seqs(database, domain) == [2, 3]
    async with database.connection() as tx:
        assert await tx.fetchval("SELECT to_regclass($1) IS NOT NULL", named(-2))


async def test_a_domain_goes_with_its_events(
    database: db.Database, domain: directory.Domain
) -> None:
    other = await samples.domain(database)
    await publish(database, domain, 5, 0)
    await publish(database, other, 0)
    async with database.transaction() as tx:
        await domains.delete(tx, domain.domain_uuid)

    async with database.connection() as tx:
        rows = await tx.fetch("SELECT DISTINCT domain_uuid FROM events")
    assert [row["domain_uuid"] for row in rows] == [other.domain_uuid]
