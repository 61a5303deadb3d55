"""Low-water marks: what was delivered lies below them, and nothing that waits is passed over."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from tests import databases
from tests.store.deliveries.rounds import HOUR, claim, never, outcome, record
from tests.webhooks import samples
from tongdai.pbx import directory
from tongdai.store import db, deliveries, delivery_outcomes, low_water
from tongdai.store.low_water import Marks


@pytest.fixture(scope="module")
async def counted(dsn: str) -> AsyncIterator[db.Database]:
    """PostgreSQL counts what is read in each database, and sessions report late: up to ten seconds
    after. So nobody else has worked in this one.
    """
    async with databases.own(dsn, "counted") as made:
        yield made


@pytest.fixture
async def database(counted: db.Database) -> db.Database:
    return await databases.emptied(counted)


@pytest.fixture
async def unanalyzed(database: db.Database) -> AsyncIterator[None]:
    """Autovacuum leaves deliveries alone: after it statements are planned anew, and planning reads
    indexes too.
    """
    async with database.connection() as tx:
        await tx.execute("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
        yield
        await tx.execute("ALTER TABLE deliveries RESET (autovacuum_enabled)")


@pytest.fixture
async def old(database: db.Database) -> AsyncIterator[None]:
    """A transaction that keeps PostgreSQL from clearing away what is deleted while it lasts."""
    tx = await db.connect(database.dsn)
    async with tx.transaction(isolation="repeatable_read", readonly=True):
        await tx.execute("SELECT FROM deliveries")
        yield
    await tx.close()


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_what_was_delivered_under_an_old_transaction_is_read_by_looks_alone(
    database: db.Database,
    domain: directory.Domain,
    subscription: UUID,
    unanalyzed: None,
    old: None,
    *,
    is_analyzed: bool,
) -> None:
    """Also where PostgreSQL has seen that the table is empty: then every index looks as good as
    another.
    """
    busy = await db.connect(database.dsn, settings=db.PLANNED_ONCE)
    await leave_dead(busy, 5000)
    if is_analyzed:
        await busy.execute("ANALYZE deliveries")
    async with reading(busy) as looked:
        marks = (await low_water.look(busy)).marks
    await deliver_one_by_one(database, busy, domain, marks)  # all is planned
    async with reading(busy) as worked:
        await deliver_one_by_one(database, busy, domain, marks)
    async with reading(busy) as worked_without:
        await deliver_one_by_one(database, busy, domain, low_water.NOT_LOOKED)
    await busy.close()

    assert looked() < 5000 + 50, "once"
    # Eight deliveries. Measured: 356, and 460 to 520 with statistics, by how many of the entries
    # of the first eight are marked as dead; none of the 5000.
    assert worked() < 600
    assert worked_without() > 8 * 5000


async def deliver_one_by_one(
    database: db.Database, tx: db.Tx, domain: directory.Domain, marks: Marks
) -> None:
    """Eight events; for half of them the dispatcher did not know the endpoint, for the others it
    is one that fails.
    """
    credits_: dict[UUID, int] = {}
    for _ in range(8):
        await samples.publish(database, samples.event(domain))
        fresh = {} if credits_ else {domain.domain_uuid: 8}
        [delivery] = await deliveries.claim(tx, credits_, fresh=fresh, lease_s=60, marks=marks)
        await delivery_outcomes.record(tx, [outcome(delivery, 200)], never, marks=marks)
        credits_ = {} if credits_ else {delivery.endpoint: 1}


async def test_what_waited_before_the_look_is_claimed_first_and_what_is_due_again_later(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [elsewhere] = await claim(database, domain)
    await samples.pass_time(database, 10)
    await samples.publish(database, samples.event(domain), samples.event(domain))
    await samples.pass_time(database, 30)
    async with database.connection() as tx:
        looked = await low_water.look(tx)
    await samples.publish(database, samples.event(domain))

    async def seqs() -> list[int]:
        return [
            delivery.seq
            for delivery in await claim(database, domain, credit=2, marks=looked.marks)
        ]

    assert list(looked.due) == [(domain.domain_uuid, elsewhere.endpoint)]
    assert await seqs() == [2, 3]
    [fourth] = await claim(database, domain, marks=looked.marks)
    assert fourth.seq == 4
    await record(database, deliveries.Outcome(fourth, "due"))
    assert await seqs() == [4]
    async with database.connection() as tx:
        await tx.execute("UPDATE deliveries SET leased_until = now()")  # of a dispatcher that died
    assert await seqs() == [1, 2]


async def test_what_comes_to_lie_below_its_mark_is_found_by_the_next_look(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    async with database.connection() as tx:
        before = (await low_water.look(tx)).marks
        await samples.publish(database, samples.event(domain))
        await samples.pass_time(database, HOUR)
        assert await claim(database, domain, marks=before) == []
        after = (await low_water.look(tx)).marks

    assert [delivery.seq for delivery in await claim(database, domain, marks=after)] == [1]


async def leave_dead(tx: db.Tx, count: int) -> None:
    """So many deliveries of the one subscription, published a minute ago and delivered."""
    await tx.execute(
        """
        INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint, due_at)
        SELECT domain_uuid, subscription_uuid, 1000 + n, gen_random_uuid(), endpoint,
          now() - interval '1 minute'
        FROM subscriptions, generate_series(1, $1) AS n
        """,
        count,
    )
    await tx.execute("DELETE FROM deliveries")


@asynccontextmanager
async def reading(tx: db.Tx) -> AsyncIterator[Callable[[], int]]:
    """The number of entries of the indexes of deliveries that the connection read meanwhile, of
    live and dead rows.
    """
    before = await entries_read(tx)
    read = 0
    yield lambda: read
    read = await entries_read(tx) - before


async def entries_read(tx: db.Tx) -> int:
    await tx.execute("SELECT pg_stat_force_next_flush()")
    entries: int = await tx.fetchval(
        "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'deliveries'"
    )
    return entries
