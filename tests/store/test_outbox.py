"""Publishing events: numbered without gaps, once each, due for whoever subscribed."""

import asyncio
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.store.deliveries.rounds import claim_in
from tests.webhooks import samples
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.pbx import samples as pbx_samples
from tongdai.store import db, deliveries, delivery_outcomes, feed, migrate, outbox, server


@pytest.fixture
async def other(database: db.Database) -> directory.Domain:
    """A second domain."""
    return await samples.domain(database)


async def seqs(tx: db.Tx, domain: directory.Domain) -> dict[UUID, int]:
    rows = await tx.fetch(
        "SELECT event_uuid, seq FROM events WHERE domain_uuid = $1", domain.domain_uuid
    )
    return {row["event_uuid"]: row["seq"] for row in rows}


async def publish(database: db.Database, published: Sequence[events.Event]) -> int:
    async with database.transaction() as tx:
        return await outbox.publish_many(tx, published)


async def test_a_batch_over_domains_is_numbered_in_each_without_gaps(
    database: db.Database, domain: directory.Domain, other: directory.Domain
) -> None:
    mine = [samples.event(domain) for _ in range(3)]
    theirs = [samples.event(other) for _ in range(2)]

    published = await publish(database, [mine[0], theirs[0], mine[1], theirs[1], mine[2]])
    more = samples.event(domain)
    await publish(database, [more])

    assert published == 5
    async with database.connection() as tx:
        assert await seqs(tx, domain) == {
            mine[0].event_uuid: 1,
            mine[1].event_uuid: 2,
            mine[2].event_uuid: 3,
            more.event_uuid: 4,
        }
        assert await seqs(tx, other) == {theirs[0].event_uuid: 1, theirs[1].event_uuid: 2}


async def test_a_repeat_publishes_nothing_and_burns_no_number(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", "http://crm.example.vn/hook")
    first, second = samples.event(domain), samples.event(domain)
    await publish(database, [first])

    again = await publish(database, [first, second, second])

    assert again == 1
    async with database.connection() as tx:
        assert await seqs(tx, domain) == {first.event_uuid: 1, second.event_uuid: 2}
        assert (
            await tx.fetchval(
                "SELECT count(*) FROM deliveries WHERE domain_uuid = $1", domain.domain_uuid
            )
            == 2
        )


async def test_the_same_event_published_twice_at_the_same_time_is_one(
    database: db.Database, domain: directory.Domain
) -> None:
    event = samples.event(domain)

    counts = await asyncio.gather(*(publish(database, [event]) for _ in range(6)))

    assert sorted(counts) == [0, 0, 0, 0, 0, 1]
    async with database.connection() as tx:
        assert await seqs(tx, domain) == {event.event_uuid: 1}


async def test_what_is_rolled_back_was_never_published(
    database: db.Database, domain: directory.Domain
) -> None:
    lost, kept = samples.event(domain), samples.event(domain)
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await outbox.publish_many(tx, [lost])
            _ = 1 / 0

    await publish(database, [kept])

    async with database.connection() as tx:
        assert await seqs(tx, domain) == {kept.event_uuid: 1}


async def test_publishers_at_the_same_time_leave_no_gap_and_no_deadlock(
    database: db.Database, domain: directory.Domain, other: directory.Domain
) -> None:
    batches = [
        [samples.event(domain), samples.event(other)][:: 1 if n % 2 else -1] for n in range(20)
    ]

    await asyncio.gather(*(publish(database, batch) for batch in batches))

    async with database.connection() as tx:
        assert sorted((await seqs(tx, domain)).values()) == list(range(1, 21))
        assert sorted((await seqs(tx, other)).values()) == list(range(1, 21))


async def test_every_enabled_subscription_of_that_event_gets_a_delivery(
    database: db.Database, domain: directory.Domain, other: directory.Domain, master_key: MasterKey
) -> None:
    wanted = [
        await samples.subscribe(
            database, master_key, domain, "hangup", f"http://crm{n}.example.vn/"
        )
        for n in range(2)
    ]
    await samples.subscribe(database, master_key, domain, "cdr", "http://crm0.example.vn/")
    await samples.subscribe(database, master_key, other, "hangup", "http://crm0.example.vn/")
    disabled = await samples.subscribe(
        database, master_key, domain, "hangup", "http://crm3.example.vn/"
    )
    async with database.connection() as tx:
        await tx.execute(
            "UPDATE subscriptions SET enabled = false WHERE subscription_uuid = $1", disabled
        )

    await publish(database, [samples.event(domain, "hangup")])

    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT subscription_uuid FROM deliveries WHERE domain_uuid = $1", domain.domain_uuid
        )
    assert sorted(row["subscription_uuid"] for row in rows) == sorted(wanted)


async def test_subscriptions_of_one_url_share_an_endpoint_in_their_domain_alone(
    database: db.Database, domain: directory.Domain, other: directory.Domain, master_key: MasterKey
) -> None:
    for tenant in (domain, other):
        for name in ("ringing", "hangup"):
            await samples.subscribe(
                database, master_key, tenant, name, "http://crm.example.vn/hook"
            )

    await publish(
        database,
        [
            samples.event(tenant, name)
            for tenant in (domain, other)
            for name in ("ringing", "hangup")
        ],
    )

    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT domain_uuid, count(DISTINCT endpoint) AS n FROM deliveries "
            "WHERE domain_uuid = ANY($1) GROUP BY 1",
            [domain.domain_uuid, other.domain_uuid],
        )
        endpoints = await tx.fetchval(
            "SELECT count(DISTINCT endpoint) FROM deliveries WHERE domain_uuid = ANY($1)",
            [domain.domain_uuid, other.domain_uuid],
        )
    assert [row["n"] for row in rows] == [1, 1]
    assert endpoints == 2


async def test_the_facts_come_back_as_they_were_published(
    database: db.Database, domain: directory.Domain
) -> None:
    event = samples.event(domain, "cdr")

    await publish(database, [event])

    async with database.connection() as tx:
        page = await feed.read(tx, domain.domain_uuid, 0, 10)
    [entry] = page.entries
    assert (entry.name, entry.event_uuid) == (event.name, event.event_uuid)
    assert msgspec.json.decode(entry.facts, type=events.Facts) == event.facts


async def test_nothing_to_publish_touches_nothing(
    database: db.Database, domain: directory.Domain
) -> None:
    assert await publish(database, []) == 0


async def test_a_domain_that_is_gone_has_no_events(database: db.Database) -> None:
    gone = directory.Domain(ids.new(), "gone.example.vn")

    assert await publish(database, [samples.event(gone)]) == 0


async def test_publishing_sends_no_notification(
    database: db.Database, dsn: str, domain: directory.Domain
) -> None:
    heard: list[str] = []
    tx = await db.connect(dsn)
    for channel in ("directory", "commands", "outcomes"):
        await tx.add_listener(channel, lambda *_: heard.append("!"))

    await publish(database, [samples.event(domain)])
    await tx.execute("SELECT 1")

    await tx.close()
    assert heard == []


async def test_what_could_be_read_is_there_after_a_crash_of_postgresql(
    tmp_path: Path, master_key: MasterKey
) -> None:
    """Also the notice that a subscription was disabled; a reader would else be ahead of the log,
    or miss an event.
    """
    at_leisure = {
        "wal_writer_delay": "10s",
        "wal_writer_flush_after": "1GB",
    }  # what need not be on disk is not, for long
    running = await server.start(tmp_path / "postgres", at_leisure)
    try:
        await migrate.apply(running.dsn)
        database = db.Database(running.dsn, 2)
        await database.open()
        domain = await samples.domain(database)
        for name in ("ringing", events.DISABLED):
            await samples.subscribe(
                database, master_key, domain, name, "http://crm.example.vn/hook"
            )
        await samples.publish(database, samples.event(domain))
        async with database.transaction() as tx:
            [delivery] = await claim_in(tx, domain.domain_uuid, 1)
        gone = deliveries.Attempt(datetime.now(UTC), 410, 7, "")
        async with database.transaction() as tx:
            outcome = deliveries.Outcome(delivery, "failed", 0, gone, disable="Gone.")
            assert (
                await delivery_outcomes.record(tx, [outcome], lambda *_: "It failed.")
            ).disabled
        async with database.connection() as tx:
            assert (await feed.bounds(tx, domain.domain_uuid)).last_seq == 2
        os.kill(running.pid, signal.SIGKILL)
        await running.wait()
        await database.close()
        running = await server.start(tmp_path / "postgres")
        tx = await db.connect(running.dsn)
        assert (await feed.bounds(tx, domain.domain_uuid)).last_seq == 2
        await tx.close()
    finally:
        await running.stop()


async def test_a_recording_is_told_only_where_somebody_subscribes(
    database: db.Database,
    domain: directory.Domain,
    other: directory.Domain,
    master_key: MasterKey,
) -> None:
    def told(of: directory.Domain) -> events.Event:
        given = pbx_samples.Sample(call_uuid=ids.new(), at=datetime.now(UTC))
        return pbx_samples.of_recording(of.domain_uuid, of.name, "recording.ready", given)

    await samples.subscribe(database, master_key, domain, "recording.ready", "http://crm/hook")
    mine, theirs = told(domain), told(other)

    assert await publish(database, [mine, theirs, samples.event(other)]) == 2
    async with database.connection() as tx:
        assert await seqs(tx, domain) == {mine.event_uuid: 1}
        assert list((await seqs(tx, other)).values()) == [1], "no gap"
