"""Migrations on a database of their own."""

import asyncio
from uuid import UUID

import pytest

from tongdai import errors
from tongdai.store import db, migrate


@pytest.fixture
async def empty(dsn: str) -> str:
    """A DSN to a new, empty database."""
    tx = await db.connect(dsn)
    await tx.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    await tx.execute("CREATE DATABASE empty")
    await tx.close()
    return dsn.replace("/tongdai?", "/empty?")


async def test_every_file_is_applied_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    assert pending[0] == "0001_initial.sql"
    assert await migrate.apply(empty) == pending
    assert await migrate.apply(empty) == []
    assert await migrate.pending(empty) == []


async def test_two_at_a_time_apply_each_file_once(empty: str) -> None:
    pending = await migrate.pending(empty)

    applied = await asyncio.gather(migrate.apply(empty), migrate.apply(empty))

    assert sorted(applied) == [[], pending]


async def test_a_newer_database_is_refused(empty: str) -> None:
    await migrate.apply(empty)
    tx = await db.connect(empty)
    await tx.execute("INSERT INTO migrations (name) VALUES ('9999_future.sql')")
    await tx.close()

    with pytest.raises(errors.SetupError, match="9999_future"):
        await migrate.apply(empty)


DOMAIN, GOES_ON = UUID(int=1), UUID(int=2)


async def test_deliveries_and_their_attempts_are_carried_over_to_the_log(empty: str) -> None:
    """As the release before had them: due, delivered at the second attempt, given up, and dropped
    without any.
    """
    tx = await db.connect(empty)
    for name in (await migrate.pending(empty))[:2]:
        await migrate._apply(tx, name)
    await tx.execute("INSERT INTO domains (domain_uuid, name) VALUES ($1, 'old.vn')", DOMAIN)
    await tx.execute(
        """
        INSERT INTO subscriptions (domain_uuid, subscription_uuid, event_name, callback_url, secret_sealed)
        VALUES ($1, $2, 'cdr', 'http://crm.vn/', '')
        """,
        DOMAIN,
        GOES_ON,
    )
    await tx.execute(
        """
        INSERT INTO events (domain_uuid, seq, event_uuid, call_uuid, name, body)
        SELECT $1, n, gen_random_uuid(), gen_random_uuid(), 'cdr', '{}' FROM generate_series(1, 4) AS n
        """,
        DOMAIN,
    )
    await tx.execute(
        """
        INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint, state, attempts)
        SELECT domain_uuid, subscription_uuid, seq, call_uuid, endpoint,
               (ARRAY['due', 'delivered', 'failed', 'failed'])[seq], (ARRAY[1, 2, 1, 0])[seq]
        FROM events JOIN subscriptions USING (domain_uuid)
        """
    )
    await tx.execute(
        """
        INSERT INTO attempts (domain_uuid, subscription_uuid, seq, attempt, at, status, latency_ms)
        SELECT $1, $2, seq, attempt, now() - interval '40 days' + attempt * interval '30 days', status, 7
        FROM (VALUES (1, 1, 500), (2, 1, 503), (2, 2, 200), (3, 1, 410)) AS made (seq, attempt, status)
        """,
        DOMAIN,
        GOES_ON,
    )

    await migrate.apply(empty)

    due = await tx.fetch(
        "SELECT seq, attempts, created_at = (SELECT min(created_at) FROM events) FROM deliveries"
    )
    assert [tuple(row) for row in due] == [(1, 1, True)]
    log = await tx.fetch(
        "SELECT seq, attempt, status, state, error FROM attempts ORDER BY seq, attempt"
    )
    assert [tuple(row) for row in log] == [
        (1, 1, 500, "due", ""),
        (2, 1, 503, "due", ""),
        (2, 2, 200, "delivered", ""),
        (3, 1, 410, "failed", ""),
        (4, 0, 0, "failed", "not sent: the subscription was disabled"),
    ]
    assert await tx.fetchval("SELECT count(*) FROM attempts_default") == 0
    await tx.close()


async def test_nobody_at_home_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable):
        await migrate.apply("postgresql://postgres@127.0.0.1:1/postgres")
