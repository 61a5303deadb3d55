"""A domain is deleted in batches, and after a crash the rest goes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from testbed.samples import record
from tests.webhooks import samples
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.engine import housekeeping
from tongdai.pbx.commands import ClickToCall
from tongdai.pbx.directory import Domain, Extension
from tongdai.store import (
    cdrs,
    commands,
    db,
    deletion,
    domains,
    extensions,
    hotlines,
    trunks,
    users,
)

# With few rows a domain, or rows that go with others.
OTHERS = {"domains", "calls", "extensions", "devices", "ring_groups", "queues", "menus"}
OUTLIVING = {"audit_log"}  # it outlives what it is about
OTHERS |= {"trunk_registrations", "live_leases", "live_state", "phone_credentials"}
OTHERS |= {"provisioning_links"}


async def test_every_table_of_a_domain_is_emptied_in_batches(database: db.Database) -> None:
    async with database.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
              AND NOT relispartition AND attname = 'domain_uuid' AND NOT attisdropped
            """
        )
    tables = [table for table, _ in deletion.TABLES]
    assert {row["relname"] for row in rows} == {*tables, *OTHERS, *OUTLIVING}


async def test_each_batch_is_read_by_an_index(database: db.Database) -> None:
    """The columns of each table begin an index of it, in this order."""
    for table, key in deletion.TABLES:
        async with database.connection() as tx:
            indexes = await tx.fetchval(
                """
                SELECT array_agg(array(
                  SELECT attname::text FROM unnest(indkey::int2[]) WITH ORDINALITY AS at (num, n)
                  JOIN pg_attribute ON attrelid = indrelid AND attnum = num ORDER BY n)::text)
                FROM pg_index WHERE indrelid = $1::text::regclass
                """,
                table,
            )
        wanted = ",".join(("domain_uuid", *key))
        assert any(index.strip("{}").startswith(wanted) for index in indexes), (table, indexes)


@pytest.fixture
async def full(database: db.Database, domain: Domain, master_key: MasterKey) -> Domain:
    """The domain with 30 records, events and deliveries, 7 extensions, a user and a hotline."""
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    for name in ("ringing", "cdr"):
        await samples.subscribe(database, master_key, domain, name, "http://crm.example.vn/")
    await samples.publish(database, *(samples.event(domain) for _ in range(30)))
    async with database.transaction() as tx:
        await cdrs.insert_many(
            tx,
            [
                replace(
                    record(domain.domain_uuid, other_sip_call_ids=(f"{n}@phone", "same")),
                    time_started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n),
                    other_ids=(ids.new(), ids.new()),
                )
                for n in range(30)
            ],
        )
        for number in range(101, 108):
            await extensions.insert(tx, domain.domain_uuid, Extension(str(number)))
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk.trunk_uuid)
        await users.insert(tx, domain.domain_uuid, master_key, "foo", "correct horse")
        await commands.ask(tx, domain.domain_uuid, ClickToCall(ext="101", phone="102"), None)
    return domain


async def left(database: db.Database, domain_uuid: UUID) -> dict[str, int]:
    """The number of rows of the domain in each table that has any."""
    async with database.connection() as tx:
        tables = [table for table, _ in deletion.TABLES]
        counts = {
            table: await tx.fetchval(
                f"SELECT count(*) FROM {table} WHERE domain_uuid = $1",  # noqa: S608 -- our tables
                domain_uuid,
            )
            for table in (*tables, *OTHERS)
        }
    return {table: count for table, count in counts.items() if count}


async def begin(database: db.Database, domain: Domain) -> None:
    async with database.transaction() as tx:
        await deletion.begin(tx, domain.domain_uuid)


async def test_it_goes_as_a_whole_and_nothing_of_others(
    database: db.Database, full: Domain
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        await cdrs.insert_many(tx, [record(other.domain_uuid) for _ in range(3)])
    await samples.publish(database, samples.event(other))
    before = await left(database, other.domain_uuid)
    shown = list[tuple[str, int]]()

    await begin(database, full)
    await deletion.finish(
        database,
        full.domain_uuid,
        lambda table, rows: shown.append((table, rows)),
        batch=7,
        pause_s=0,
    )
    assert await left(database, full.domain_uuid) == {}
    assert [rows for table, rows in shown if table == "cdrs"] == [7, 14, 21, 28, 30]
    assert [rows for table, rows in shown if table == "events"] == [7, 14, 21, 28, 30]
    assert await left(database, other.domain_uuid) == before


async def test_what_a_crash_has_left_goes_by_housekeeping(
    database: db.Database, full: Domain
) -> None:
    def crash(table: str, rows: int) -> None:
        if (table, rows) == ("cdrs", 14):
            raise ZeroDivisionError

    await begin(database, full)
    with pytest.raises(ZeroDivisionError):
        await deletion.finish(database, full.domain_uuid, crash, batch=7, pause_s=0)
    rest = await left(database, full.domain_uuid)
    assert rest["cdrs"] == 16
    assert "events" not in rest

    async with database.connection() as tx:
        assert not (await domains.get(tx, full.domain_uuid)).enabled
    assert await housekeeping._finish_deletions(database) >= 1
    assert await left(database, full.domain_uuid) == {}
    await deletion.finish(database, full.domain_uuid)  # somebody else was deleting it too


async def test_a_domain_that_is_being_deleted_stays_disabled(
    database: db.Database, domain: Domain
) -> None:
    await begin(database, domain)
    with pytest.raises(errors.Conflict, match="being deleted"):
        async with database.transaction() as tx:
            await domains.update(tx, domain)


async def test_a_domain_whose_trunk_others_use_is_not_begun(
    database: db.Database, domain: Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="shared", auth="ip", host="203.0.113.7", shared=True)
    async with database.transaction() as tx:
        borrower = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, borrower.domain_uuid, "02873001234", trunk.trunk_uuid)
    with pytest.raises(errors.Conflict) as refused:
        await begin(database, domain)
    assert refused.value.field == "trunk"
    async with database.connection() as tx:
        assert (await domains.get(tx, domain.domain_uuid)).enabled


async def test_a_live_call_keeps_the_domain(database: db.Database, domain: Domain) -> None:
    live = (
        "INSERT INTO calls (domain_uuid, call_uuid, node, state, started_at)"
        " VALUES ($1, $2, 'n', '', now())"
    )
    async with database.transaction() as tx:
        await tx.execute(live, domain.domain_uuid, ids.new())
    with pytest.raises(errors.Conflict, match="1 calls are live"):
        await begin(database, domain)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM calls WHERE domain_uuid = $1", domain.domain_uuid)
    await begin(database, domain)
    async with database.transaction() as tx:  # it came before the engine knew
        await tx.execute(live, domain.domain_uuid, ids.new())
    with pytest.raises(errors.Conflict, match="1 calls are live"):
        await deletion.finish(database, domain.domain_uuid)
    assert await housekeeping._finish_deletions(database) >= 1, "it goes on with the others"
    async with database.connection() as tx:
        await tx.execute("DELETE FROM calls WHERE domain_uuid = $1", domain.domain_uuid)
    await deletion.finish(database, domain.domain_uuid)
    assert await left(database, domain.domain_uuid) == {}
