"""API keys: each user of a domain has one, with scopes, and the life of its tokens."""

import secrets
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.encryption import MasterKey
from tongdai.permissions import Permission
from tongdai.store import db


class ApiKey(msgspec.Struct, frozen=True):
    """A user's API key. `scopes` None: it has all of the user's permissions. `token_life_s` is how
    many seconds a token of it lives; None: as long as the installation says.
    """

    api_key: str
    scopes: tuple[Permission, ...] | None
    token_life_s: int | None


def new() -> str:
    """A new API key: 122 random bits in the form of a UUID, as in the reference."""
    return str(UUID(bytes=secrets.token_bytes(16), version=4))


async def get(tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, username: str) -> ApiKey:
    """The user's API key. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT api_key_encrypted, api_key_scopes, api_key_token_life_s FROM users
        WHERE domain_uuid = $1 AND username = $2
        """,
        domain_uuid,
        username,
    )
    if row is None:
        raise errors.NotFound(f"no such user: {username}")
    scopes = row["api_key_scopes"]
    return ApiKey(
        master_key.decrypt(row["api_key_encrypted"]),
        None if scopes is None else tuple(scopes),
        row["api_key_token_life_s"],
    )


async def rotate(tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, username: str) -> str:
    """The user's new API key, with the same scopes and life of tokens; the old one, and tokens
    made with it, are no longer valid. Raises errors.NotFound.
    """
    key = new()
    done = await tx.fetchval(
        """
        UPDATE users SET api_key_digest = $3, api_key_encrypted = $4,
                         api_key_version = api_key_version + 1
        WHERE domain_uuid = $1 AND username = $2 RETURNING true
        """,
        domain_uuid,
        username,
        master_key.digest(key),
        master_key.encrypt(key),
    )
    if not done:
        raise errors.NotFound(f"no such user: {username}")
    return key


async def set_scopes(
    tx: db.Tx, domain_uuid: UUID, username: str, scopes: tuple[Permission, ...] | None
) -> None:
    """The user's API key, and tokens made with it, are limited to these scopes. Raises
    errors.NotFound.
    """
    done = await tx.fetchval(
        """
        UPDATE users SET api_key_scopes = $3 WHERE domain_uuid = $1 AND username = $2
        RETURNING true
        """,
        domain_uuid,
        username,
        scopes,
    )
    if not done:
        raise errors.NotFound(f"no such user: {username}")


async def set_token_life(tx: db.Tx, domain_uuid: UUID, username: str, life_s: int | None) -> None:
    """Tokens that the user's API key gives from now on live so many seconds; None: as long as the
    installation says. Raises errors.NotFound.
    """
    done = await tx.fetchval(
        """
        UPDATE users SET api_key_token_life_s = $3 WHERE domain_uuid = $1 AND username = $2
        RETURNING true
        """,
        domain_uuid,
        username,
        life_s,
    )
    if not done:
        raise errors.NotFound(f"no such user: {username}")
