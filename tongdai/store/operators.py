"""Operators: accounts that run the installation. They belong to no domain; the role
`tongdai_tenant` cannot read their table.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.store import api_keys, checks, db, lists, passwords


class Operator(msgspec.Struct, frozen=True):
    """An operator, without secrets."""

    operator_uuid: UUID
    username: str
    enabled: bool
    created_at: datetime
    api_key_version: int  # 1, 2, 3, ...: incremented by each rotation


class Account(msgspec.Struct, frozen=True):
    """An operator, with its API key."""

    operator_uuid: UUID
    username: str
    api_key: str
    enabled: bool
    api_key_version: int


async def insert(
    tx: db.Tx, master_key: MasterKey, username: str, password: str, *, enabled: bool = True
) -> Account:
    """Stores an operator with a new API key. Raises errors.Conflict when the name is taken,
    errors.Invalid.
    """
    account = Account(
        ids.new(), checks.username(username), api_keys.new(), enabled=enabled, api_key_version=1
    )
    await tx.execute(
        """
        INSERT INTO operators (
          operator_uuid, username, password_hash, enabled, api_key_digest, api_key_encrypted)
        VALUES ($1, $2, $3, $6, $4, $5)
        """,
        account.operator_uuid,
        username,
        await passwords.hashed(password),
        master_key.digest(account.api_key),
        master_key.encrypt(account.api_key),
        enabled,
    )
    return account


LISTING = lists.Listing(
    "SELECT NULL::uuid AS domain_uuid, operators.* FROM operators",
    key="username",
    sorts=("username",),
)


async def get(tx: db.Tx, username: str) -> Operator:
    """The operator. Raises errors.NotFound."""
    row = await tx.fetchrow("SELECT * FROM operators WHERE username = $1", username)
    return db.struct(row, Operator, f"no such operator: {username}")


async def by_uuid(tx: db.Tx, operator_uuid: UUID) -> Operator:
    """The operator, enabled or not. Raises errors.NotFound."""
    row = await tx.fetchrow("SELECT * FROM operators WHERE operator_uuid = $1", operator_uuid)
    return db.struct(row, Operator)


async def update(tx: db.Tx, operator: Operator, password: str | None = None) -> None:
    """The operator's state (enabled or not) and, unless None, its password are as given. Raises
    errors.NotFound, errors.Invalid.
    """
    done = await tx.fetchval(
        """
        UPDATE operators SET enabled = $2, password_hash = coalesce($3, password_hash)
        WHERE operator_uuid = $1 RETURNING true
        """,
        operator.operator_uuid,
        operator.enabled,
        None if password is None else await passwords.hashed(password),
    )
    if not done:
        raise errors.NotFound(f"no such operator: {operator.username}")


async def delete(tx: db.Tx, username: str) -> None:
    """The operator and its API key are deleted. Raises errors.NotFound."""
    if not await tx.fetchval("DELETE FROM operators WHERE username = $1 RETURNING true", username):
        raise errors.NotFound(f"no such operator: {username}")


async def password_changes(tx: db.Tx, username: str) -> int:
    """How often the operator's password was changed; 0 if there is no such operator."""
    count = await tx.fetchval(
        "SELECT password_changes FROM operators WHERE username = $1", username
    )
    return count or 0


async def login(
    database: db.Database, master_key: MasterKey, username: str, password: str
) -> Account:
    """The operator of that name and password, checked as by `users.login`. Raises
    errors.WrongCredentials.
    """
    async with database.connection() as tx:
        row = await tx.fetchrow(
            "SELECT * FROM operators WHERE username = lower($1)", username.replace("\0", "?")
        )
    is_right = await passwords.matches(row["password_hash"] if row else None, password)
    if row is None or not is_right:
        raise errors.WrongCredentials
    return _account(row, master_key)


async def by_api_key(tx: db.Tx, master_key: MasterKey, api_key: str) -> Account:
    """The operator with this API key. Raises errors.WrongCredentials, also if it is disabled."""
    row = await tx.fetchrow(
        "SELECT * FROM operators WHERE api_key_digest = $1", master_key.digest(api_key)
    )
    if row is None:
        raise errors.WrongCredentials
    return _account(row, master_key)


async def api_key(tx: db.Tx, master_key: MasterKey, username: str) -> str:
    """The operator's API key. Raises errors.NotFound."""
    encrypted = await tx.fetchval(
        "SELECT api_key_encrypted FROM operators WHERE username = $1", username
    )
    if encrypted is None:
        raise errors.NotFound(f"no such operator: {username}")
    return master_key.decrypt(encrypted)


async def rotate_api_key(tx: db.Tx, master_key: MasterKey, username: str) -> str:
    """The operator's new API key; the old one, and tokens made with it, are no longer valid.
    Raises errors.NotFound.
    """
    key = api_keys.new()
    done = await tx.fetchval(
        """
        UPDATE operators SET api_key_digest = $2, api_key_encrypted = $3,
                             api_key_version = api_key_version + 1
        WHERE username = $1 RETURNING true
        """,
        username,
        master_key.digest(key),
        master_key.encrypt(key),
    )
    if not done:
        raise errors.NotFound(f"no such operator: {username}")
    return key


async def list(tx: db.Tx) -> Sequence[Operator]:
    """All operators, by name."""
    return db.structs(await tx.fetch("SELECT * FROM operators ORDER BY username"), Operator)


def _account(row: asyncpg.Record, master_key: MasterKey) -> Account:
    if not row["enabled"]:
        raise errors.WrongCredentials
    return Account(
        row["operator_uuid"],
        row["username"],
        master_key.decrypt(row["api_key_encrypted"]),
        row["enabled"],
        row["api_key_version"],
    )
