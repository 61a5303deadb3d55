"""Row-level security holds alone: every statement of every operation, asked on behalf of another
domain, finds nothing.

That is what would happen if a statement forgot the domain that it asks for.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import msgspec
import pytest

from tests.api.conftest import move_in, serve
from tests.api.test_isolation import ROWS, furnish
from tongdai import api
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Domain
from tongdai.store import db
from tongdai.store.health_probe import HealthProbe
from tongdai.store.tenants import Tenants

READ = {
    *("cdrs", "cdr_ids", "cdr_sip_call_ids", "cdr_days", "cdr_participants", "recordings"),
    *("report_days", "report_hours"),
    *("users", "domains", "subscriptions", "commands", "hotlines"),
}
# whoever has a recording's URL may hear it
PUBLIC = "FROM recordings WHERE token = $1"
# the live state of all domains that a process has listeners of (docs/decisions/0080), and what
# asyncpg asks of types
KNOWN = (PUBLIC, "live_leases", "live_state", "typeinfo", "current_setting('jit')")
# sessions and second factors are of users and operators alike, and are read before the domain is
# known (docs/decisions/0125, 0159)
SIGNING_IN = ("/v1/session", "/v1/second-factor")
# it reads no table
ACTING = "SELECT set_config('tongdai.actor'"
VERBS = {"fetch", "fetchrow", "fetchval", "execute", "executemany"}


class Intruding:
    """A connection, or a statement of one, whose every statement runs for a stranger first.
    `found` names the tables in which its owner finds something.
    """

    def __init__(self, real: Any, stranger: Any, found: set[str], sql: str = "") -> None:
        self._real, self._stranger, self._found, self._sql = real, stranger, found, sql

    def __getattr__(self, name: str) -> Any:
        return self._asked_twice(name) if name in VERBS else getattr(self._real, name)

    def _asked_twice(self, verb: str) -> Any:
        async def ask(*given: Any, **options: Any) -> Any:
            sql = self._sql or given[0]
            seen = await _in_vain(self._stranger, verb, *given, **options)
            assert is_nothing(seen) or ACTING in sql, f"a stranger sees {seen!r} by {sql}"
            result = await getattr(self._real, verb)(*given, **options)
            if not is_nothing(result):
                self._found.update(re.findall(r"(?:FROM|INTO|JOIN) (\w+)", sql))
            return result

        return ask

    async def prepare(self, sql: str, **options: Any) -> "Intruding":
        return Intruding(
            await self._real.prepare(sql, **options),
            await self._stranger.prepare(sql, **options),
            self._found,
            sql,
        )


async def _in_vain(stranger: Any, verb: str, *given: Any, **options: Any) -> Any:
    """The response to the stranger; nothing that it does stays."""
    if isinstance(stranger, asyncpg.Connection):
        undone = stranger.transaction()
        await undone.start()
        try:
            with suppress(asyncpg.InsufficientPrivilegeError):
                return await getattr(stranger, verb)(*given, **options)
        finally:
            await undone.rollback()
        return None
    return await getattr(stranger, verb)(*given, **options)


def is_nothing(result: Any) -> bool:
    """No rows; or a row of counts that are 0; or the status of a statement that touched no row."""
    if isinstance(result, list):
        return all(is_nothing(row) for row in result)
    if isinstance(result, asyncpg.Record):
        return not any(result.values())
    return result in (None, 0, False, "") or str(result).endswith(" 0")


class Intruded(Tenants):
    """The tenants' connections, each beside one of a stranger: a domain that exists, and is
    not the client's.
    """

    def __init__(self, real: Tenants, stranger: UUID) -> None:
        self._real, self._stranger, self.health_probe = real, stranger, real.health_probe
        self.found: set[str] = set()

    @asynccontextmanager
    async def connection(self, domain_uuid: UUID) -> AsyncIterator[Any]:
        async with (
            self._real.connection(domain_uuid) as tx,
            self._real.connection(self._stranger) as stranger,
        ):
            yield Intruding(tx, stranger, self.found)

    @asynccontextmanager
    async def transaction(self, domain_uuid: UUID) -> AsyncIterator[Any]:
        async with (
            self._real.transaction(domain_uuid) as tx,
            self._real.connection(self._stranger) as stranger,
        ):
            yield Intruding(tx, stranger, self.found)


class Overheard(db.Database):
    """The owner's connections. `asked` is what was asked on them."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, size=2)
        self.asked: list[str] = []

    def _hear(self, asked: Any) -> None:
        self.asked.append(asked.query)

    @asynccontextmanager
    async def connection(self, prefer: Any = None) -> AsyncIterator[db.Tx]:
        async with super().connection(prefer) as tx:
            tx.add_query_logger(self._hear)
            try:
                yield tx
            finally:
                tx.remove_query_logger(self._hear)


class Open(Tenants):
    """No row-level security: the owner's connections."""

    def __init__(self, database: db.Database) -> None:
        self._database, self.health_probe = database, HealthProbe(database.dsn)

    @asynccontextmanager
    async def connection(self, domain_uuid: UUID) -> AsyncIterator[db.Tx]:  # noqa: ARG002 that is the point
        async with self._database.connection() as tx:
            yield tx


@pytest.fixture
async def overheard(database: db.Database) -> AsyncIterator[Overheard]:
    overheard = Overheard(database.dsn)
    await overheard.open()
    yield overheard
    await overheard.close()


@pytest.fixture
def intruded(tenants: Tenants, domain: Domain) -> Intruded:
    return Intruded(tenants, domain.domain_uuid)


async def test_no_statement_of_any_operation_shows_a_stranger_anything(
    database: db.Database,
    intruded: Intruded,
    overheard: Overheard,
    master_key: MasterKey,
    deps: api.Deps,
) -> None:
    async for url in serve(msgspec.structs.replace(deps, tenants=intruded, database=overheard)):
        async with aiohttp.ClientSession(url) as session:
            document = await (await session.get("/schema/openapi.json")).json()
            for (method, path), proof in ROWS.items():
                own, other = [
                    await furnish(
                        database, master_key, deps, await move_in(database, master_key, session)
                    )
                    for _ in range(2)
                ]
                overheard.asked.clear()
                await proof(own, other, database)
                is_tenants = not path.startswith(SIGNING_IN)
                if is_tenants and document["paths"][path][method]["security"]:
                    past = [
                        sql for sql in overheard.asked if not any(known in sql for known in KNOWN)
                    ]
                    assert past == [], f"{method} {path} asks around row-level security"

    assert intruded.found >= READ, "what was looked for is what is there to be found"


async def test_without_row_security_the_stranger_sees_something(
    database: db.Database, master_key: MasterKey, deps: api.Deps, domain: Domain
) -> None:
    intruded = Intruded(Open(database), domain.domain_uuid)
    async for url in serve(msgspec.structs.replace(deps, tenants=intruded)):
        async with aiohttp.ClientSession(url) as session:
            tenant = await move_in(database, master_key, session)
            await tenant.client.get("/v1/event", expect=500)
