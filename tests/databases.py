"""Databases of their own for tests that look at all domains alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import asyncpg

from testbed.until import until
from tongdai.store import db, migrate


@asynccontextmanager
async def own(dsn: str, name: str) -> AsyncIterator[db.Database]:
    """A migrated and open database of that PostgreSQL, under a name that no others use; it is gone
    afterwards.
    """
    server = await db.connect(dsn)
    await server.execute(f"CREATE DATABASE {name}")
    its_dsn = urlsplit(dsn)._replace(path=f"/{name}").geturl()
    await migrate.apply(its_dsn)
    database = db.Database(its_dsn, is_busy=True)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
        await drop(server, name)
        await server.close()


async def drop(server: db.Tx, name: str) -> None:
    """No database has that name any more, whoever was connected to it."""
    await until(lambda: _is_dropped(server, name), 30)


async def renew(dsn: str, name: str) -> str:
    """A DSN to a new, empty database of that name. It stays: the next one takes its place."""
    server = await db.connect(dsn)
    try:
        await drop(server, name)
        await server.execute(f"CREATE DATABASE {name}")
    finally:
        await server.close()
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def _is_dropped(server: db.Tx, name: str) -> bool:
    # autovacuum may be in it, which only a superuser may end
    with suppress(asyncpg.InsufficientPrivilegeError):
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return True
    return False


async def emptied(database: db.Database) -> db.Database:
    """The same, without any domain, and nothing of one."""
    async with database.connection() as tx:
        await tx.execute("TRUNCATE domains, events, deliveries, attempts CASCADE")
    return database
