"""API keys that a user has besides its own, by name: one for each program. A key is shown once,
when it is made; its digest is kept.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.permissions import Level, Permission
from tongdai.store import api_keys, checks, db, lists

USED_AGAIN_S = 3_600  # the last use is noted so often


class NamedKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without itself. `scopes` None: it has all of the user's permissions.
    `token_life_s` None: its tokens live as long as the installation says. `expires_at` None: it
    never does.
    """

    api_key_uuid: UUID
    user_uuid: UUID
    username: str
    level: Level  # of the user
    name: str
    scopes: tuple[Permission, ...] | None = None
    token_life_s: int | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the hour
    created_at: datetime
    version: int = 1  # 1, 2, 3, ...: incremented by each rotation


class Holder(msgspec.Struct, frozen=True):
    """The part of an API key that its tokens need."""

    domain_uuid: UUID
    user_uuid: UUID
    api_key_uuid: UUID
    version: int
    token_life_s: int | None
    expires_at: datetime | None


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    username: str,
    name: str,
    *,
    scopes: tuple[Permission, ...] | None = None,
    token_life_s: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """Stores a new key of the user. Returns its id, and the key: it cannot be read again. Raises
    errors.Conflict when the user has a key of this name, errors.NotFound, errors.Invalid.
    """
    key, api_key_uuid = api_keys.new(), ids.new()
    done = await tx.fetchval(
        """
        INSERT INTO api_keys (domain_uuid, api_key_uuid, user_uuid, name, key_digest, scopes,
                              token_life_s, expires_at)
        SELECT domain_uuid, $3, user_uuid, $4, $5, $6, $7, $8 FROM users
        WHERE domain_uuid = $1 AND username = $2
        RETURNING true
        """,
        domain_uuid,
        username,
        api_key_uuid,
        checks.name(name, needed=True),
        master_key.digest(key),
        scopes,
        token_life_s,
        expires_at,
    )
    if not done:
        raise errors.NotFound(f"no such user: {username}")
    return api_key_uuid, key


_SELECT = """
SELECT api_key_uuid, user_uuid, username, level, name, scopes, token_life_s, expires_at,
       last_used_at, api_keys.created_at, version
FROM api_keys JOIN users USING (domain_uuid, user_uuid)
"""
LISTING = lists.Listing(
    _SELECT.replace("SELECT ", "SELECT domain_uuid, api_key_uuid::text AS id, ", 1),
    key="id",
    sorts=("name", "username"),
    owner="username",
)


async def get(tx: db.Tx, domain_uuid: UUID, api_key_uuid: UUID) -> NamedKey:
    """The key. Raises errors.NotFound."""
    row = await tx.fetchrow(
        _SELECT + "WHERE domain_uuid = $1 AND api_key_uuid = $2", domain_uuid, api_key_uuid
    )
    return db.struct(row, NamedKey)


async def by_name(tx: db.Tx, domain_uuid: UUID, username: str, name: str) -> NamedKey:
    """The user's key of that name. Raises errors.NotFound."""
    row = await tx.fetchrow(
        _SELECT + "WHERE domain_uuid = $1 AND username = $2 AND name = $3",
        domain_uuid,
        username,
        name,
    )
    return db.struct(row, NamedKey, f"no API key of {username} is called {name}")


async def list(tx: db.Tx, domain_uuid: UUID, username: str | None = None) -> Sequence[NamedKey]:
    """The keys of the domain, or of one of its users, by user and name."""
    rows = await tx.fetch(
        _SELECT
        + """
        WHERE domain_uuid = $1 AND ($2::text IS NULL OR username = $2) ORDER BY username, name
        """,
        domain_uuid,
        username,
    )
    return db.structs(rows, NamedKey)


async def update(tx: db.Tx, domain_uuid: UUID, key: NamedKey) -> None:
    """The key's name, scopes, expiry and the life of its tokens are as given. Raises
    errors.Conflict, errors.NotFound, errors.Invalid.
    """
    done = await tx.fetchval(
        """
        UPDATE api_keys SET name = $3, scopes = $4, token_life_s = $5, expires_at = $6
        WHERE domain_uuid = $1 AND api_key_uuid = $2 RETURNING true
        """,
        domain_uuid,
        key.api_key_uuid,
        checks.name(key.name, needed=True),
        key.scopes,
        key.token_life_s,
        key.expires_at,
    )
    if not done:
        raise errors.NotFound


async def rotate(tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, api_key_uuid: UUID) -> str:
    """The new key in place of the one before, which is no longer valid, nor are its tokens. It
    cannot be read again. Raises errors.NotFound.
    """
    key = api_keys.new()
    done = await tx.fetchval(
        """
        UPDATE api_keys SET key_digest = $3, version = version + 1
        WHERE domain_uuid = $1 AND api_key_uuid = $2 RETURNING true
        """,
        domain_uuid,
        api_key_uuid,
        master_key.digest(key),
    )
    if not done:
        raise errors.NotFound
    return key


async def delete(tx: db.Tx, domain_uuid: UUID, api_key_uuid: UUID) -> None:
    """The key, and tokens made with it, are no longer valid. Raises errors.NotFound."""
    if not await tx.fetchval(
        "DELETE FROM api_keys WHERE domain_uuid = $1 AND api_key_uuid = $2 RETURNING true",
        domain_uuid,
        api_key_uuid,
    ):
        raise errors.NotFound


async def holder(tx: db.Tx, master_key: MasterKey, key: str) -> Holder | None:
    """The holder of this key, which may have expired; None for an unknown key. Raises
    errors.WrongCredentials if the user or its domain is disabled. It crosses tenants.
    """
    row = await tx.fetchrow(
        """
        SELECT domain_uuid, user_uuid, api_key_uuid, version, token_life_s, expires_at,
               users.enabled AND domains.enabled AS enabled
        FROM api_keys JOIN users USING (domain_uuid, user_uuid) JOIN domains USING (domain_uuid)
        WHERE key_digest = $1
        """,
        master_key.digest(key),
    )
    if row is not None and not row["enabled"]:
        raise errors.WrongCredentials
    return db.struct_or_none(row, Holder)


async def note_use(tx: db.Tx, domain_uuid: UUID, api_key_uuid: UUID) -> None:
    """The key was used now; noted once in USED_AGAIN_S seconds."""
    await tx.execute(
        """
        UPDATE api_keys SET last_used_at = now()
        WHERE domain_uuid = $1 AND api_key_uuid = $2
          AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => $3))
        """,
        domain_uuid,
        api_key_uuid,
        USED_AGAIN_S,
    )
