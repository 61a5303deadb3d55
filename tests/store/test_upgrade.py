"""A database of each release is upgraded to this version, with all that is in it
(releases/VERSION.sql, of `python -m tests.store.release`).
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests import databases
from tests.store import release
from tests.webhooks import samples as webhooks
from tongdai.store import (
    cdr_filter,
    cdr_search,
    db,
    directory,
    domains,
    feed,
    migrate,
    subscriptions,
    trunks,
    users,
)

RELEASES = sorted(release.FOLDER.glob("*.sql"))


def statements(path: Path) -> str:
    """The dump for a driver: without the commands of psql, and in the search path of a connection,
    since text of functions named others without their schema; without a setting that servers
    before 17 do not know.
    """
    lines = path.read_text().splitlines(keepends=True)
    left = ("\\", "SELECT pg_catalog.set_config('search_path', '',", "SET transaction_timeout")
    return "".join(line for line in lines if not line.startswith(left))


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
async def upgraded(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[db.Database]:
    """A database of that release, brought to this version."""
    its_dsn = await databases.renew(dsn, "released")
    tx = await db.connect(its_dsn, statement_s=None)
    await tx.execute(statements(request.param))
    await tx.close()
    await migrate.apply(its_dsn)
    database = db.Database(its_dsn)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def own(upgraded: db.Database) -> UUID:
    async with upgraded.connection() as tx:
        return (await domains.by_name(tx, release.NAME)).domain_uuid


def test_there_is_a_release_to_upgrade_from() -> None:
    assert RELEASES


async def test_the_company_is_as_it_was(upgraded: db.Database, own: UUID) -> None:
    async with upgraded.connection() as tx:
        found = await directory.load(tx, own)
        provisioned = await trunks.list_for_provisioning(tx, release.KEY, found.domain.node)
    assert [one.password for one in provisioned] == [release.PASSWORD]
    assert found.domain.recording_days == 90
    assert {one.name for one in found.extensions.values()} == {"Ánh"}
    assert [*found.extensions] == ["101", "102"]
    assert found.hotlines["19001919"].destination == "700"
    assert found.ring_groups["600"].members == ("101", "102")
    assert found.queues["700"].overflow == "600"
    account = await users.login(upgraded, release.KEY, "an", release.NAME, release.PASSWORD)
    assert account.api_key


async def test_calls_and_events_are_there_and_new_ones_come(
    upgraded: db.Database, own: UUID
) -> None:
    async with upgraded.transaction() as tx:
        domain = await domains.by_name(tx, release.NAME)
        zone = ZoneInfo(domain.time_zone)
        assert await cdr_search.total(tx, own, zone, cdr_filter.Filter()) == 2
        assert (
            await tx.fetchval("SELECT count(*) FROM recordings WHERE domain_uuid = $1", own) == 2
        )
        [hook] = await subscriptions.list(tx, own, release.KEY)
        assert hook.callback_url == release.URL
    await webhooks.publish(upgraded, webhooks.event(domain))
    async with upgraded.connection() as tx:
        page = await feed.read(tx, own, 0, 10)
        assert [entry.seq for entry in page.entries] == [1, 2]
        due = await tx.fetchval("SELECT count(*) FROM deliveries WHERE domain_uuid = $1", own)
        assert due == 2


async def test_records_are_found_by_the_ids_that_they_were_written_with(
    upgraded: db.Database, own: UUID
) -> None:
    async with upgraded.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT cdr_uuid, id::text AS id FROM cdr_ids
            UNION SELECT cdr_uuid, sip_call_id FROM cdr_sip_call_ids
            UNION SELECT cdr_uuid, unnest(ARRAY[cdr_uuid::text, call_id::text, sip_call_id])
              FROM cdrs
            """
        )
        assert len(rows) >= 6
        for row in rows:
            found = await cdr_search.get(tx, own, row["id"])
            assert found.cdr_uuid == row["cdr_uuid"]


async def test_its_schema_is_that_of_a_new_database(
    upgraded: db.Database, database: db.Database
) -> None:
    """Columns, and whatever the catalogue says of them."""
    columns = """
        SELECT table_name::text, column_name::text, data_type::text, is_nullable::text,
               column_default::text, generation_expression::text
        FROM information_schema.columns WHERE table_schema = current_schema()
          AND table_name !~ '_[0-9]{8}$' ORDER BY 1, 2
    """
    found = []
    for one in (upgraded, database):
        async with one.connection() as tx:
            found.append([tuple(row) for row in await tx.fetch(columns)])
    assert found[0] == found[1]
