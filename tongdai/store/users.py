"""Users: who may use the API, by password or by API key."""

import asyncio
import secrets
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import argon2
import asyncpg
import msgspec

from tongdai import errors, ids
from tongdai.seal import Seal
from tongdai.store import checks, db

Level = Literal["admin", "user"]

# OWASP Password Storage: argon2id, m = 19 MiB, t = 2, p = 1
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Of a random password that nobody kept: an unknown user costs the same time as a wrong password.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$hN5q2JyMwnWn1fw4Cz6X3w$/vPGYgododk6ZZkC7Pt667aAT8K27IjWjty6bwewLyg"


class User(msgspec.Struct, frozen=True):
    """A user of a domain, without secrets."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    level: Level
    enabled: bool
    created_at: datetime


class Account(msgspec.Struct, frozen=True):
    """What a login shows."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    api_key: str
    enabled: bool
    level: Level
    api_key_version: int  # 1, 2, 3, ...: one more with each rotation


class Principal(msgspec.Struct, frozen=True):
    """On whose behalf a request is made."""

    user_uuid: UUID
    domain_uuid: UUID
    username: str
    level: Level
    api_key_version: int  # of the key that stands
    user_enabled: bool
    domain_enabled: bool
    domain_name: str
    time_zone: str
    country_code: str

    @property
    def enabled(self) -> bool:
        """Whether requests are to be served at all."""
        return self.user_enabled and self.domain_enabled


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    seal: Seal,
    username: str,
    password: str,
    *,
    level: Level = "admin",
    enabled: bool = True,
) -> Account:
    """The new user, with a new API key. Raises errors.Conflict when the name is taken,
    errors.Invalid.
    """
    checks.username(username)
    account = Account(
        ids.new(), domain_uuid, username, _new_api_key(), enabled, level, api_key_version=1
    )
    await tx.execute(
        """
        INSERT INTO users (
          domain_uuid, user_uuid, username, password_hash, level, enabled, api_key_digest, api_key_sealed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        domain_uuid,
        account.user_uuid,
        username,
        await _hash(checks.password(password)),
        level,
        enabled,
        seal.digest(account.api_key),
        seal.seal(account.api_key),
    )
    return account


async def get(tx: db.Tx, domain_uuid: UUID, username: str) -> User:
    """The user. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM users WHERE domain_uuid = $1 AND username = $2", domain_uuid, username
    )
    return db.struct(row, User, f"no such user: {username}")


async def update(tx: db.Tx, domain_uuid: UUID, user: User, password: str | None = None) -> None:
    """The user's level, and whether it is enabled, are as given; the password too, unless None.

    Raises errors.NotFound, errors.Invalid.
    """
    done = await tx.fetchval(
        """
        UPDATE users SET level = $3, enabled = $4, password_hash = coalesce($5, password_hash)
        WHERE domain_uuid = $1 AND user_uuid = $2 RETURNING true
        """,
        domain_uuid,
        user.user_uuid,
        user.level,
        user.enabled,
        None if password is None else await _hash(checks.password(password)),
    )
    if not done:
        raise errors.NotFound(f"no such user: {user.username}")


async def delete(tx: db.Tx, domain_uuid: UUID, username: str) -> None:
    """The user is gone, with its API key. Raises errors.NotFound."""
    if not await tx.fetchval(
        "DELETE FROM users WHERE domain_uuid = $1 AND username = $2 RETURNING true",
        domain_uuid,
        username,
    ):
        raise errors.NotFound(f"no such user: {username}")


async def api_key(tx: db.Tx, domain_uuid: UUID, seal: Seal, username: str) -> str:
    """The user's API key. Raises errors.NotFound."""
    sealed = await tx.fetchval(
        "SELECT api_key_sealed FROM users WHERE domain_uuid = $1 AND username = $2",
        domain_uuid,
        username,
    )
    if sealed is None:
        raise errors.NotFound(f"no such user: {username}")
    return seal.open(sealed)


async def rotate_api_key(tx: db.Tx, domain_uuid: UUID, seal: Seal, username: str) -> str:
    """The user's new API key; the old one, and tokens made with it, are of no more use. Raises
    errors.NotFound.
    """
    key = _new_api_key()
    done = await tx.fetchval(
        """
        UPDATE users SET api_key_digest = $3, api_key_sealed = $4, api_key_version = api_key_version + 1
        WHERE domain_uuid = $1 AND username = $2 RETURNING true
        """,
        domain_uuid,
        username,
        seal.digest(key),
        seal.seal(key),
    )
    if not done:
        raise errors.NotFound(f"no such user: {username}")
    return key


async def login(
    database: db.Database, seal: Seal, username: str, domain_name: str, password: str
) -> Account:
    """Whose name and password these are, in whatever case the name is written.

    No connection is held while the password is hashed. Raises errors.WrongCredentials, the same
    and after the same time for a wrong password, a user or domain that is unknown and one that is
    disabled.
    """
    async with database.connection() as tx:
        row = await tx.fetchrow(
            """
            SELECT users.*, domains.enabled AS domain_enabled FROM users JOIN domains USING (domain_uuid)
            WHERE username = lower($1) AND domains.name = lower($2)
            """,
            username.replace("\0", "?"),  # PostgreSQL takes no NUL, and no user has one
            domain_name.replace("\0", "?"),
        )
    is_right = await asyncio.to_thread(
        _matches, row["password_hash"] if row else _NOBODY, password
    )
    if row is None or not is_right:
        raise errors.WrongCredentials
    return _account(row, seal)


async def by_api_key(tx: db.Tx, seal: Seal, api_key: str) -> Account:
    """Whose API key this is. Raises errors.WrongCredentials, also for a user or domain that is
    disabled.
    """
    row = await tx.fetchrow(
        """
        SELECT users.*, domains.enabled AS domain_enabled FROM users JOIN domains USING (domain_uuid)
        WHERE api_key_digest = $1
        """,
        seal.digest(api_key),
    )
    if row is None:
        raise errors.WrongCredentials
    return _account(row, seal)


async def principal(tx: db.Tx, domain_uuid: UUID, user_uuid: UUID) -> Principal:
    """The user and its domain, enabled or not. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT user_uuid, domain_uuid, username, level, api_key_version, users.enabled AS user_enabled,
               domains.enabled AS domain_enabled, domains.name AS domain_name, time_zone, country_code
        FROM users JOIN domains USING (domain_uuid)
        WHERE domain_uuid = $1 AND user_uuid = $2
        """,
        domain_uuid,
        user_uuid,
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


def _account(row: asyncpg.Record, seal: Seal) -> Account:
    if not (row["enabled"] and row["domain_enabled"]):
        raise errors.WrongCredentials
    return Account(
        row["user_uuid"],
        row["domain_uuid"],
        row["username"],
        seal.open(row["api_key_sealed"]),
        row["enabled"],
        row["level"],
        row["api_key_version"],
    )


def _new_api_key() -> str:
    """122 random bits in the shape of a UUID, as the reference shows API keys."""
    return str(UUID(bytes=secrets.token_bytes(16), version=4))


async def _hash(password: str) -> str:
    return await asyncio.to_thread(_hasher.hash, _normal(password))


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, _normal(password))
    except argon2.exceptions.VerificationError:
        return False


def _normal(password: str) -> str:
    """Keyboards differ in how they compose the same Vietnamese letter (NIST SP 800-63B
    §3.1.1.2).
    """
    return unicodedata.normalize("NFC", password)
