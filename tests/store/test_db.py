"""Connections, transactions, notifications and refusals on a real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import asyncpg
import pytest

from testbed.until import until
from tongdai import errors, ids
from tongdai.pbx import directory
from tongdai.store import db, domains


@pytest.fixture
async def small(database: db.Database) -> AsyncIterator[db.Database]:
    """A database with two connections and little patience."""
    small = db.Database(database.dsn, size=2, patience_s=0.2)
    await small.open()
    yield small
    await small.close()


async def kill(database: db.Database, pid: int) -> None:
    async with database.connection() as tx:
        await tx.execute("SELECT pg_terminate_backend($1, 5000)", pid)


async def test_a_transaction_commits_as_a_whole(database: db.Database) -> None:
    async with database.transaction() as tx:
        made = await domains.insert(tx, "whole.example.vn")

    async with database.connection() as tx:
        assert made == await domains.get(tx, made.domain_uuid)


async def test_what_is_asked_all_the_time_is_planned_once(database: db.Database) -> None:
    busy = db.Database(database.dsn, size=1, is_busy=True)
    await busy.open()
    async with busy.connection() as tx:
        for count in range(10):
            await tx.fetch(
                "SELECT name FROM domains WHERE domain_uuid = ANY($1)", [ids.new()] * count
            )
        plans = await tx.fetchrow(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE "
            "'SELECT name%'"
        )
    await busy.close()

    assert plans
    assert tuple(plans) == (10, 0)


async def test_a_transaction_that_raises_leaves_nothing(database: db.Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await domains.insert(tx, "nothing.example.vn")
            raise ZeroDivisionError

    async with database.connection() as tx:
        with pytest.raises(errors.NotFound):
            await domains.by_name(tx, "nothing.example.vn")


async def test_a_cancelled_transaction_leaves_nothing_and_holds_no_connection(
    small: db.Database,
) -> None:
    begun = asyncio.Event()

    async def endless() -> None:
        async with small.transaction() as tx:
            await domains.insert(tx, "cancelled.example.vn")
            begun.set()
            await tx.execute("SELECT pg_sleep(60)")

    tasks = [asyncio.create_task(endless())]
    await begun.wait()
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async with small.transaction() as one, small.transaction() as two:
        assert await one.fetchval("SELECT 1") == await two.fetchval("SELECT 1") == 1
    async with small.connection() as tx:
        with pytest.raises(errors.NotFound):
            await domains.by_name(tx, "cancelled.example.vn")


async def test_who_waits_too_long_is_told_so(small: db.Database) -> None:
    async with small.connection(), small.connection():
        with pytest.raises(errors.Unavailable, match="no free connection"):
            async with small.connection():
                pass
    async with small.connection() as tx:  # and giving up took nothing away
        assert await tx.fetchval("SELECT 1") == 1


async def test_connections_are_handed_out_in_the_order_they_were_asked_for(
    database: db.Database,
) -> None:
    single = db.Database(database.dsn, size=1)
    await single.open()
    served: list[int] = []

    async def ask(number: int) -> None:
        async with single.connection() as tx:
            await tx.fetchval("SELECT 1")
            served.append(number)

    await asyncio.gather(*(ask(number) for number in range(20)))
    await single.close()

    assert served == list(range(20))


async def test_a_lost_connection_is_replaced(small: db.Database, database: db.Database) -> None:
    async with small.connection() as one, small.connection() as two:
        pids = one.get_server_pid(), two.get_server_pid()
    for pid in pids:
        await kill(database, pid)
    await until(lambda: all(idle is None or idle.is_closed() for idle in small._idle))

    async with small.connection() as one, small.connection() as two:
        assert {one.get_server_pid(), two.get_server_pid()}.isdisjoint(pids)


async def test_losing_the_connection_in_the_midst_is_unavailable(
    small: db.Database, database: db.Database
) -> None:
    with pytest.raises(errors.Unavailable):
        async with small.transaction() as tx:
            await kill(database, tx.get_server_pid())
            await tx.fetchval("SELECT 1")


async def test_a_connection_that_has_heard_good_bye_is_unavailable_and_replaced(
    small: db.Database,
) -> None:
    """A crash of PostgreSQL, in the moment between its message and the end of the connection."""
    said = (
        b"SFATAL\0VFATAL\0C57P02\0"
        b"Mterminating connection because of crash of another server process\0\0"
    )
    async with small.connection() as one, small.connection() as two:
        for tx in (one, two):
            tx._protocol.data_received(b"E" + (len(said) + 4).to_bytes(4, "big") + said)  # type: ignore[attr-defined]
    for _ in range(2):
        with pytest.raises(errors.Unavailable):
            async with small.connection() as tx:
                await tx.fetchval("SELECT 1")
    async with small.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_database_that_hangs_is_unavailable(small: db.Database) -> None:
    with pytest.raises(errors.Unavailable):
        async with small.transaction() as tx:
            await tx.execute("SELECT pg_sleep(60)", timeout=0.1)

    async with small.connection() as one, small.connection() as two:
        assert await one.fetchval("SELECT 1") == await two.fetchval("SELECT 1") == 1


async def test_a_backend_that_stands_still_is_given_up(database: db.Database) -> None:
    single = db.Database(database.dsn, size=1, statement_s=0.5)
    await single.open()
    async with single.connection() as tx:
        still = tx.get_server_pid()
    os.kill(still, signal.SIGSTOP)
    try:
        with pytest.raises(errors.Unavailable):
            async with single.transaction() as tx:
                await tx.fetchval("SELECT 1")
        async with single.connection() as tx:
            assert await tx.fetchval("SELECT pg_backend_pid()") != still
    finally:
        os.kill(still, signal.SIGCONT)
    await single.close()


async def test_a_closed_database_gives_no_connection_back_into_use(database: db.Database) -> None:
    closing = db.Database(database.dsn, size=1, patience_s=0.1)
    await closing.open()
    async with closing.connection() as tx:
        await closing.close()
    assert tx.is_closed()

    with pytest.raises(errors.Unavailable):
        async with closing.connection():
            pass


@pytest.mark.parametrize(
    "dsn", ["postgresql://postgres@127.0.0.1:1/none", "postgresql://postgres@/none?host=/nowhere"]
)
async def test_nobody_at_home_is_unavailable(dsn: str) -> None:
    with pytest.raises(errors.Unavailable):
        await db.Database(dsn).open()


async def test_a_database_that_does_not_let_us_in_is_an_error_of_the_set_up(dsn: str) -> None:
    with pytest.raises(errors.SetupError, match="nowhere"):
        await db.connect(dsn.replace("?", "_nowhere?"))


async def test_a_character_that_postgresql_cannot_store_is_invalid(database: db.Database) -> None:
    with pytest.raises(errors.Invalid):
        async with database.connection() as tx:
            await tx.fetchval("SELECT $1::text", "a\0b")


async def test_a_fault_of_ours_is_seen_as_it_is(database: db.Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with database.connection() as tx:
            await tx.fetchval("SELECT FROM WHERE")


async def test_a_schema_of_another_version_is_an_error_of_the_set_up(
    database: db.Database,
) -> None:
    with pytest.raises(errors.SetupError, match="tongdai migrate"):
        async with database.connection() as tx:
            await tx.fetchval("SELECT 1 FROM not_yet_made")


@pytest.mark.parametrize(
    ("sql", "error", "field"),
    [
        ("UPDATE domains SET max_calls = 0 WHERE domain_uuid = $1", errors.Invalid, "max_calls"),
        (
            "UPDATE domains SET max_calls = NULL WHERE domain_uuid = $1",
            errors.Invalid,
            "max_calls",
        ),
        (
            "UPDATE domains SET name = 'taken.example.vn' WHERE domain_uuid = $1",
            errors.Conflict,
            "name",
        ),
        (
            (
                "INSERT INTO ring_groups (domain_uuid, number, name, strategy, members,"
                " ring_timeout_s, timeout_s, overflow)"
                " VALUES ($1, '999', '', 'ring_all', '{}', 20, 60, '')"
            ),
            errors.Conflict,
            "ring_groups",
        ),
        (
            "INSERT INTO cdr_days VALUES (gen_random_uuid(), now(), 1, $1::text, 1)",
            errors.NotFound,
            "",
        ),
        (
            "INSERT INTO domains SELECT * FROM domains WHERE domain_uuid = $1",
            errors.Conflict,
            "domains",
        ),
    ],
)
async def test_refusals_name_the_field(
    database: db.Database,
    domain: directory.Domain,
    sql: str,
    error: type[errors.TongdaiError],
    field: str,
) -> None:
    async with database.transaction() as tx:
        with suppress(errors.NotFound):
            taken = await domains.by_name(tx, "taken.example.vn")
            await domains.delete(tx, taken.domain_uuid)
        await domains.insert(tx, "taken.example.vn")
    with pytest.raises(error) as refused:
        async with database.transaction() as tx:
            await tx.execute(
                sql, str(domain.domain_uuid) if "::text" in sql else domain.domain_uuid
            )

    assert refused.type is error
    assert refused.value.field == field


class Heard:
    """The calls of a listener's callbacks, in order."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on(self, channel: str) -> Callable[[str], None]:
        return lambda payload: self.notes.append(f"{channel}:{payload}")

    def lost(self) -> None:
        self.notes.append("lost")


async def listener_pid(database: db.Database) -> int | None:
    async with database.connection() as tx:
        return await tx.fetchval(  # type: ignore[no-any-return]
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %tones%' AND datname = "
            "current_database()"
        )


async def is_gone(database: db.Database) -> bool:
    return await listener_pid(database) is None


async def test_notifications_reach_their_callbacks_also_after_a_loss(
    small: db.Database, database: db.Database
) -> None:
    heard = Heard()
    await small.listen({"bells": heard.on("bells"), "tones": heard.on("tones")}, heard.lost)
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_notify('bells', 'ding')")
        await tx.execute("SELECT pg_notify('tones', 'đồ rê mi')")
    await until(lambda: len(heard.notes) == 2)
    assert heard.notes == ["bells:ding", "tones:đồ rê mi"]

    await kill(database, await until(lambda: listener_pid(database)))
    await until(lambda: heard.notes.count("lost") == 2)
    async with database.connection() as tx:
        await tx.execute("SELECT pg_notify('tones', 'again')")
    await until(lambda: "tones:again" in heard.notes)

    await small.close()
    await until(lambda: is_gone(database))


async def test_no_statement_is_compiled(dsn: str) -> None:
    """The embedded server has it off; one of the operator's has it on by default."""
    tx = await db.connect(dsn)
    try:
        source = await tx.fetchrow("SELECT setting, source FROM pg_settings WHERE name = 'jit'")
    finally:
        await tx.close()
    assert source
    assert tuple(source) == ("off", "client")
