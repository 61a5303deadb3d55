"""Tenant isolation by row-level security: PostgreSQL shows these connections the rows of one
domain only.

Every query names its domain as well; row-level security protects a query that forgot to.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

from tongdai import errors
from tongdai.store import db
from tongdai.store.health_probe import HealthProbe

ROLE = "tongdai_tenant"
"""The role of the API: it may do what the API needs, on rows of the domain in the setting
`tongdai.domain`; see the migrations."""
WITHHELD = {
    "api_keys": {"key_digest"},
    "calls": {"node"},
    "developer_links": {"secret_digest"},
    "provisioning_links": {"secret_digest"},
    "phone_credentials": {"digest_md5", "digest_sha256"},
    "second_factors": {"secret_encrypted", "last_step", "recovery_digests"},
    "devices": {"digest_md5", "digest_sha256", "digest_md5_full", "digest_sha256_full"},
    "trunks": {"password_encrypted"},
    "users": {"password_hash", "api_key_digest", "api_key_encrypted", "api_key_token_life_s"},
}
"""Columns that the role may not read, of tables that it reads: secrets, and what the API does not
need. A migration that adds a column grants it, or names it here; a test finds a missing one."""


class Tenants:
    """Connections that each see one domain. Without a domain they see nothing, nor rows of tables
    without tenants.

    While they are open, `health_probe` watches the database: no request waits for one that
    hangs.
    """

    def __init__(self, dsn: str, size: int = 8, patience_s: float = 1.0) -> None:
        self._database = db.Database(dsn, size, patience_s, role=ROLE)
        self.health_probe = HealthProbe(dsn)
        self._watching: asyncio.Task[None] | None = None
        self._shown: WeakKeyDictionary[db.Tx, UUID] = WeakKeyDictionary()

    async def open(self) -> None:
        """All connections are open. Raises errors.Unavailable, and errors.SetupError if a policy
        is missing.
        """
        await self._database.open()
        async with self._database.connection() as tx:
            missing = await missing_policies(tx)
        if missing:
            await self.close()
            raise errors.SetupError(f"Tenants are not isolated: {'; '.join(missing)}.")
        self._watching = asyncio.create_task(self.health_probe.run(), name="health_probe")

    async def close(self) -> None:
        """As of db.Database."""
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._database.close()

    @asynccontextmanager
    async def connection(self, domain_uuid: UUID) -> AsyncIterator[db.Tx]:
        """As of db.Database, in the domain, while the database answers.

        Setting the domain costs a round trip, so a connection that has it already is preferred.
        """
        shows = lambda tx: self._shown.get(tx) == domain_uuid  # noqa: E731 -- the preference
        async with self.health_probe.while_healthy(), self._database.connection(shows) as tx:
            if self._shown.get(tx) != domain_uuid:
                await tx.fetchval(
                    "SELECT set_config('tongdai.domain', $1, false)", str(domain_uuid)
                )
                self._shown[tx] = domain_uuid
            yield tx

    @asynccontextmanager
    async def transaction(self, domain_uuid: UUID) -> AsyncIterator[db.Tx]:
        """As of db.Database, in the domain."""
        async with self.connection(domain_uuid) as tx, db.whole(tx):
            yield tx


async def missing_policies(tx: db.Tx) -> Sequence[str]:
    """Tables, views and rights that let the role see several domains, a line each. Any connection
    may call this.
    """
    rows = await tx.fetch(
        """
        WITH tenant AS (
          SELECT oid, rolsuper OR rolbypassrls AS passes FROM pg_roles WHERE rolname = $1
        ),
        relation AS (
          SELECT pg_class.oid, relname, relkind, relrowsecurity, relispartition,
                 EXISTS (SELECT FROM pg_attribute
                         WHERE attrelid = pg_class.oid AND attname = 'domain_uuid'
                           AND NOT attisdropped) AS is_tenants,
                 coalesce((SELECT bool_and(pg_get_expr(polqual, polrelid)
                                           LIKE '%domain_uuid = %tongdai.domain%')
                           FROM pg_policy WHERE polrelid = pg_class.oid), false) AS has_policy,
                 has_any_column_privilege(tenant.oid, pg_class.oid,
                                          'SELECT, INSERT, UPDATE, REFERENCES')
                   OR has_table_privilege(tenant.oid, pg_class.oid,
                                          'DELETE, TRUNCATE, TRIGGER') AS is_reached
          FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace CROSS JOIN tenant
          WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname = current_schema()
        )
        SELECT $1 || ' is not there' AS missing WHERE NOT EXISTS (SELECT FROM tenant)
        UNION ALL SELECT $1 || ' passes through every policy' FROM tenant WHERE passes
        UNION ALL SELECT session_user || ' may not act as ' || $1 FROM tenant
          WHERE NOT pg_has_role(session_user, tenant.oid, 'MEMBER')
        UNION ALL SELECT relname || ' has no row security' FROM relation
          WHERE is_tenants AND NOT relispartition AND relkind IN ('r', 'p') AND NOT relrowsecurity
        UNION ALL SELECT relname || ' shows more than one domain' FROM relation
          WHERE is_tenants AND NOT relispartition AND relkind IN ('r', 'p') AND NOT has_policy
        UNION ALL SELECT $1 || ' reaches ' || relname FROM relation
          WHERE is_reached AND (NOT is_tenants OR relispartition OR relkind NOT IN ('r', 'p'))
        ORDER BY missing
        """,
        ROLE,
    )
    return [row["missing"] for row in rows]
