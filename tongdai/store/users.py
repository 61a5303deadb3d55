"""Users: accounts of a domain, which use the API by password or by API key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, ids, permissions
from tongdai.encryption import MasterKey
from tongdai.permissions import Level, Permission
from tongdai.store import api_keys, checks, db, lists, passwords, rows


class User(msgspec.Struct, frozen=True):
    """A user of a domain, without secrets."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    level: Level
    enabled: bool
    created_at: datetime


class Account(msgspec.Struct, frozen=True):
    """A user of a domain, with the API key, for a login."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    api_key: str
    enabled: bool
    level: Level
    api_key_version: int  # 1, 2, 3, ...: incremented by each rotation
    token_life_s: int | None = None  # seconds; None: as the installation says


class Principal(msgspec.Struct, frozen=True):
    """The user on whose behalf a request is made, and its domain."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    level: Level
    api_key_version: int  # of the current key
    user_enabled: bool
    domain_enabled: bool
    domain_name: str
    time_zone: str
    country: str  # region or country code, for pbx.numbers
    api_key_scopes: tuple[Permission, ...] | None = None  # None: all that the level allows
    api_key_expires_at: datetime | None = None
    api_key_name: str = ""  # "": the user's own
    click2call_waits: bool = False

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions that the user has with its API key."""
        return permissions.granted(self.level, self.api_key_scopes)

    @property
    def enabled(self) -> bool:
        """Whether the user's requests are served."""
        return self.user_enabled and self.domain_enabled


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    username: str,
    password: str,
    *,
    level: Level = "admin",
    enabled: bool = True,
) -> Account:
    """Stores a user with a new API key. Raises errors.Conflict when the name is taken,
    errors.Invalid.
    """
    checks.username(username)
    account = Account(
        ids.new(), domain_uuid, username, api_keys.new(), enabled, level, api_key_version=1
    )
    await tx.execute(
        """
        INSERT INTO users (
          domain_uuid, user_uuid, username, password_hash, level, enabled, api_key_digest,
          api_key_encrypted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        domain_uuid,
        account.user_uuid,
        username,
        await passwords.hashed(password),
        level,
        enabled,
        master_key.digest(account.api_key),
        master_key.encrypt(account.api_key),
    )
    return account


_SELECT = """
SELECT user_uuid, domain_uuid, username, level, enabled, created_at FROM users
"""
LISTING = lists.Listing(_SELECT, key="username", sorts=("username",))


async def get(tx: db.Tx, domain_uuid: UUID, username: str) -> User:
    """The user. Raises errors.NotFound."""
    row = await tx.fetchrow(
        _SELECT + "WHERE domain_uuid = $1 AND username = $2", domain_uuid, username
    )
    return db.struct(row, User, f"no such user: {username}")


async def update(tx: db.Tx, domain_uuid: UUID, user: User, password: str | None = None) -> None:
    """The user's level, its state (enabled or not) and, unless None, its password are as given.

    Raises errors.NotFound, errors.Invalid.
    """
    key = {"domain_uuid": domain_uuid, "user_uuid": user.user_uuid}
    row: dict[str, Any] = {"level": user.level, "enabled": user.enabled}
    if password is not None:
        row["password_hash"] = await passwords.hashed(password)
    if not await rows.update(tx, "users", key, row):
        raise errors.NotFound(f"no such user: {user.username}")


async def has_password(tx: db.Tx, domain_uuid: UUID, username: str, password: str) -> bool:
    """Whether that is the user's password; it takes 20 ms of a core."""
    known = await tx.fetchval(
        "SELECT password_hash FROM users WHERE domain_uuid = $1 AND username = $2",
        domain_uuid,
        username,
    )
    return await passwords.matches(known, password)


async def delete(tx: db.Tx, domain_uuid: UUID, username: str) -> None:
    """The user and its API key are deleted. Raises errors.NotFound."""
    if not await tx.fetchval(
        "DELETE FROM users WHERE domain_uuid = $1 AND username = $2 RETURNING true",
        domain_uuid,
        username,
    ):
        raise errors.NotFound(f"no such user: {username}")


async def login(
    database: db.Database, master_key: MasterKey, username: str, domain_name: str, password: str
) -> Account:
    """The user of that name, in upper or lower case, and password.

    No connection is in use while the password is hashed. Raises errors.WrongCredentials for a
    wrong password and for an unknown or disabled user or domain: the same, after the same time.
    """
    async with database.connection() as tx:
        row = await tx.fetchrow(
            """
            SELECT users.*, domains.enabled AS domain_enabled
            FROM users JOIN domains USING (domain_uuid)
            WHERE username = lower($1) AND domains.name = lower($2)
            """,
            username.replace("\0", "?"),  # PostgreSQL takes no NUL, and no user has one
            domain_name.replace("\0", "?"),
        )
    is_right = await passwords.matches(row["password_hash"] if row else None, password)
    if row is None or not is_right:
        raise errors.WrongCredentials
    return _account(row, master_key)


async def find_by_api_key(tx: db.Tx, master_key: MasterKey, api_key: str) -> Account | None:
    """The user with this API key, or None. Raises errors.WrongCredentials if the user or its
    domain is disabled.
    """
    row = await tx.fetchrow(
        """
        SELECT users.*, domains.enabled AS domain_enabled
        FROM users JOIN domains USING (domain_uuid)
        WHERE api_key_digest = $1
        """,
        master_key.digest(api_key),
    )
    return None if row is None else _account(row, master_key)


async def by_api_key(tx: db.Tx, master_key: MasterKey, api_key: str) -> Account:
    """As `find_by_api_key`. Raises errors.WrongCredentials also without such a user."""
    if (found := await find_by_api_key(tx, master_key, api_key)) is None:
        raise errors.WrongCredentials
    return found


async def password_changes(tx: db.Tx, domain_uuid: UUID, username: str) -> int:
    """How often the user's password was changed; 0 if there is no such user."""
    count = await tx.fetchval(
        "SELECT password_changes FROM users WHERE domain_uuid = $1 AND username = $2",
        domain_uuid,
        username,
    )
    return count or 0


async def principal(
    tx: db.Tx, domain_uuid: UUID, user_uuid: UUID, api_key_uuid: UUID | None = None
) -> Principal:
    """The user with that API key (None: its own) and its domain, enabled or not. Raises
    errors.NotFound.
    """
    if api_key_uuid is not None:
        return await _with_key(tx, domain_uuid, user_uuid, api_key_uuid)
    row = await tx.fetchrow(
        """
        SELECT user_uuid, domain_uuid, username, level, api_key_version, api_key_scopes,
               users.enabled AS user_enabled, domains.enabled AS domain_enabled,
               domains.name AS domain_name, time_zone,
               coalesce(nullif(region, ''), country_code) AS country, click2call_waits
        FROM users JOIN domains USING (domain_uuid)
        WHERE domain_uuid = $1 AND user_uuid = $2
        """,
        domain_uuid,
        user_uuid,
    )
    return db.struct(row, Principal)


async def _with_key(
    tx: db.Tx, domain_uuid: UUID, user_uuid: UUID, api_key_uuid: UUID
) -> Principal:
    row = await tx.fetchrow(
        """
        SELECT user_uuid, domain_uuid, username, level, version AS api_key_version,
               scopes AS api_key_scopes, expires_at AS api_key_expires_at,
               api_keys.name AS api_key_name,
               users.enabled AS user_enabled, domains.enabled AS domain_enabled,
               domains.name AS domain_name, time_zone,
               coalesce(nullif(region, ''), country_code) AS country, click2call_waits
        FROM api_keys JOIN users USING (domain_uuid, user_uuid) JOIN domains USING (domain_uuid)
        WHERE domain_uuid = $1 AND user_uuid = $2 AND api_key_uuid = $3
        """,
        domain_uuid,
        user_uuid,
        api_key_uuid,
    )
    return db.struct(row, Principal)


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[User]:
    """The domain's users, by name."""
    return db.structs(
        await tx.fetch(
            "SELECT * FROM users WHERE domain_uuid = $1 ORDER BY username", domain_uuid
        ),
        User,
    )


def _account(row: asyncpg.Record, master_key: MasterKey) -> Account:
    if not (row["enabled"] and row["domain_enabled"]):
        raise errors.WrongCredentials
    return Account(
        row["user_uuid"],
        row["domain_uuid"],
        row["username"],
        master_key.decrypt(row["api_key_encrypted"]),
        row["enabled"],
        row["level"],
        row["api_key_version"],
        row["api_key_token_life_s"],
    )
