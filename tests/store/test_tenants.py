"""Row-level security on PostgreSQL itself: what a connection of one domain can see and do."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec
import pytest

from testbed.samples import record
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import (
    cdrs,
    db,
    domains,
    migrate,
    postmaster,
    server,
    subscriptions,
    tenants,
    users,
)
from tongdai.store.tenants import Tenants

PARTITION = """
CREATE TABLE p (domain_uuid uuid) PARTITION BY HASH (domain_uuid);
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON p USING (domain_uuid = current_setting('tongdai.domain')::uuid);
CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 1, REMAINDER 0);
GRANT SELECT ON p1 TO PUBLIC;
"""


@pytest.fixture
async def neighbour(database: db.Database) -> directory.Domain:
    async with database.transaction() as tx:
        return await domains.insert(tx, f"d{ids.new().hex}.example.vn")


@pytest.fixture
async def single(database: db.Database) -> AsyncIterator[Tenants]:
    """With one connection, which all domains take turns on."""
    single = Tenants(database.dsn, size=1)
    await single.open()
    yield single
    await single.close()


async def test_a_connection_shows_one_domain_whoever_had_it_before(
    database: db.Database, single: Tenants, domain: directory.Domain, neighbour: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(
            tx, [record(one.domain_uuid) for one in (domain, neighbour, neighbour)]
        )

    for one, count in ((domain, 1), (neighbour, 2), (domain, 1)):
        async with single.connection(one.domain_uuid) as tx:
            assert await tx.fetchval("SELECT array_agg(DISTINCT domain_uuid) FROM cdrs") == [
                one.domain_uuid
            ]
            assert await tx.fetchval("SELECT count(*) FROM cdrs") == count
            assert await tx.fetchval("SELECT array_agg(name) FROM domains") == [one.name]


async def test_a_transaction_that_fails_leaves_the_right_domain(
    single: Tenants, domain: directory.Domain, neighbour: directory.Domain
) -> None:
    for one in (domain, neighbour):
        with pytest.raises(ZeroDivisionError):
            async with single.transaction(one.domain_uuid):
                raise ZeroDivisionError
        async with single.transaction(one.domain_uuid) as tx:
            assert await tx.fetchval("SELECT name FROM domains") == one.name


async def test_a_connection_that_names_no_domain_sees_nothing(
    database: db.Database, domain: directory.Domain, single: Tenants
) -> None:
    tx = await db.connect(database.dsn, settings={"role": tenants.ROLE})
    try:
        for table in ("domains", "cdrs", "subscriptions", "commands"):
            assert await tx.fetchval("SELECT count(*) FROM " + table) == 0  # noqa: S608
        await tx.execute("SET tongdai.domain = ''")
        assert await tx.fetchval("SELECT count(*) FROM domains") == 0
    finally:
        await tx.close()


async def test_nothing_is_written_into_another_domain(
    tenants: Tenants, master_key: MasterKey, domain: directory.Domain, neighbour: directory.Domain
) -> None:
    async with tenants.transaction(neighbour.domain_uuid) as tx:
        made = await subscriptions.insert(
            tx, neighbour.domain_uuid, master_key, event_name="cdr", callback_url="https://a.vn/"
        )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenants.transaction(domain.domain_uuid) as tx:
            await subscriptions.insert(
                tx,
                neighbour.domain_uuid,
                master_key,
                event_name="cdr",
                callback_url="https://b.vn/",
            )
    with pytest.raises(errors.NotFound):
        async with tenants.transaction(domain.domain_uuid) as tx:
            await subscriptions.delete(tx, neighbour.domain_uuid, made.subscription_uuid)
    async with tenants.connection(neighbour.domain_uuid) as tx:
        assert [made.callback_url] == [
            one.callback_url
            for one in await subscriptions.list(tx, neighbour.domain_uuid, master_key)
        ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT api_key_encrypted FROM users",
        "SELECT digest_md5 FROM devices",
        "SELECT password_encrypted FROM trunks",
        "SELECT * FROM nodes",
        "SELECT username FROM operators",
        "SELECT * FROM migrations",
        "UPDATE domains SET max_calls = 1000",
        "UPDATE cdrs SET billsec = 0",
        "DELETE FROM cdrs",
        "CREATE TABLE mine ()",
        "ALTER TABLE cdrs DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON cdrs",
        "SET row_security = off; SELECT * FROM cdrs",
    ],
)
async def test_what_the_api_does_not_need_it_may_not(
    database: db.Database, master_key: MasterKey, domain: directory.Domain, statement: str
) -> None:
    async with database.transaction() as tx:
        await users.insert(tx, domain.domain_uuid, master_key, "foo", "correct horse")
        await cdrs.insert_many(tx, [record(domain.domain_uuid)])
    tx = await db.connect(database.dsn, settings={"role": tenants.ROLE})
    try:
        await tx.execute("SELECT set_config('tongdai.domain', $1, false)", str(domain.domain_uuid))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute(statement)
    finally:
        await tx.close()


async def test_no_table_of_domains_lacks_its_policy(database: db.Database) -> None:
    """A table that fails this lacks what the migrations do for the others."""
    async with database.connection() as tx:
        assert await tenants.missing_policies(tx) == []


async def test_every_column_is_granted_to_the_role_or_withheld_by_name(
    database: db.Database,
) -> None:
    """A new column that fails this needs GRANT SELECT in its migration, or its name in
    tenants.WITHHELD: else the one odd operation that reads all columns answers 500.
    """
    async with database.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
              AND NOT relispartition AND attnum > 0 AND NOT attisdropped
              AND has_any_column_privilege($1, pg_class.oid, 'SELECT')
              AND NOT has_column_privilege($1, pg_class.oid, attnum, 'SELECT')
            """,
            tenants.ROLE,
        )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["relname"], set()).add(row["attname"])
    assert found == tenants.WITHHELD


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("CREATE TABLE things (domain_uuid uuid)", "things has no row security"),
        ("ALTER TABLE cdrs DISABLE ROW LEVEL SECURITY", "cdrs has no row security"),
        ("DROP POLICY tenant ON cdrs", "cdrs shows more than one domain"),
        ("CREATE POLICY more ON cdrs USING (true)", "cdrs shows more than one domain"),
        ("GRANT SELECT ON nodes TO tongdai_tenant", "tongdai_tenant reaches nodes"),
        ("GRANT SELECT ON operators TO tongdai_tenant", "tongdai_tenant reaches operators"),
        (
            "CREATE VIEW v AS SELECT * FROM cdrs; GRANT SELECT ON v TO tongdai_tenant",
            "tongdai_tenant reaches v",
        ),
        (PARTITION, "tongdai_tenant reaches p1"),
    ],
)
async def test_a_missing_policy_is_found(
    database: db.Database, statement: str, missing: str
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.execute(statement)
            assert missing in await tenants.missing_policies(tx)
            raise ZeroDivisionError  # undo it


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[tuple[str, db.Tx]]:
    """The DSN of a PostgreSQL of somebody else's, where the owner of our database may make no
    roles; its superuser.
    """
    running = await server.start(tmp_path / "postgres", {"fsync": "off"})
    login = msgspec.json.decode(
        (tmp_path / "postgres" / "login.json").read_bytes(), type=postmaster.Login
    )
    host = parse_qs(urlsplit(running.dsn).query)["host"][0]
    admin = await asyncpg.connect(
        host=host, user="postgres", password=login.superuser, database="tongdai"
    )
    await admin.execute("DROP ROLE tongdai_tenant")
    yield running.dsn, admin
    await admin.close()
    await running.stop()


async def test_an_owner_who_may_not_make_the_role_is_told_what_to_have_done(
    fresh: tuple[str, db.Tx],
) -> None:
    dsn, admin = fresh
    with pytest.raises(errors.SetupError, match="An administrator must do it once") as refused:
        await migrate.apply(dsn)
    await admin.execute(str(refused.value).partition("once: ")[2])

    await migrate.apply(dsn)
    await _stands(dsn)


async def test_an_owner_who_may_make_roles_needs_nobody(
    fresh: tuple[str, db.Tx],
) -> None:
    dsn, admin = fresh
    await admin.execute("ALTER ROLE tongdai CREATEROLE")

    await migrate.apply(dsn)
    await _stands(dsn)


async def test_without_row_security_nothing_opens(fresh: tuple[str, db.Tx]) -> None:
    dsn, admin = fresh
    with pytest.raises(errors.SetupError, match="tongdai_tenant"):
        await Tenants(dsn).open()

    await admin.execute("CREATE ROLE tongdai_tenant NOLOGIN")
    with pytest.raises(errors.SetupError, match="tongdai_tenant"):
        await Tenants(dsn).open()

    await admin.execute("GRANT tongdai_tenant TO tongdai")
    await migrate.apply(dsn)
    await _stands(dsn)
    await admin.execute("ALTER TABLE cdrs DISABLE ROW LEVEL SECURITY")
    with pytest.raises(errors.SetupError, match="cdrs has no row security"):
        await Tenants(dsn).open()
    await admin.execute(
        "ALTER TABLE cdrs ENABLE ROW LEVEL SECURITY; ALTER ROLE tongdai_tenant BYPASSRLS"
    )
    with pytest.raises(errors.SetupError, match="passes through every policy"):
        await Tenants(dsn).open()


async def _stands(dsn: str) -> None:
    opened = Tenants(dsn, size=1)
    await opened.open()
    await opened.close()
