"""Credentials of browser phones that expire: whoever has them registers as the extension, beside
its devices' lasting passwords.
"""

import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import endpoint
from tongdai.store import db, devices, domains

MOST = 10  # of an extension; the oldest go first
_SECRET_BYTES = 24


class PhoneCredentials(msgspec.Struct, frozen=True):
    """For digest authentication (RFC 8760). The password cannot be read again."""

    username: str
    password: str
    expires_at: datetime


async def insert(tx: db.Tx, domain_uuid: UUID, extension: str, life_s: int) -> PhoneCredentials:
    """Stores new credentials of the extension, which live for that many seconds.

    Raises errors.NotFound, and errors.Conflict when the extension is disabled, or when no browser
    may register as it.
    """
    await _require_browsers(tx, domain_uuid, extension)
    domain = (await domains.get(tx, domain_uuid)).name
    username = f"{extension}.{secrets.token_hex(10)}"
    password = secrets.token_urlsafe(_SECRET_BYTES)
    expires_at = await tx.fetchval(
        """
        INSERT INTO phone_credentials
          (domain_uuid, extension, username, digest_md5, digest_sha256, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
        RETURNING expires_at
        """,
        domain_uuid,
        extension,
        username,
        *devices.digests(username, domain, password),
        life_s,
    )
    await _drop_oldest(tx, domain_uuid, extension)
    return PhoneCredentials(username, password, expires_at)


async def purge(tx: db.Tx, most: int) -> int:
    """Deletes those that have expired, of all domains, at most `most`. Returns how many."""
    await db.by_index(tx)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM phone_credentials WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM phone_credentials WHERE expires_at <= now()
            ORDER BY expires_at LIMIT $1)) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        most,
    )


async def _require_browsers(tx: db.Tx, domain_uuid: UUID, extension: str) -> None:
    row = await tx.fetchrow(
        """
        SELECT enabled, EXISTS (
          SELECT FROM devices WHERE domain_uuid = $1 AND extension = $2
            AND kind = 'browser' AND devices.name IN ($3, $4)) AS has_browsers
        FROM extensions WHERE domain_uuid = $1 AND extension = $2
        """,
        domain_uuid,
        extension,
        endpoint.DEFAULT,
        endpoint.WEBRTC,
    )
    if row is None:
        raise errors.NotFound(f"no such extension: {extension}")
    if not row["enabled"]:
        raise errors.Conflict(messages.EXTENSION_DISABLED, field="extension")
    if not row["has_browsers"]:
        raise errors.Conflict(messages.NO_BROWSERS(extension=extension), field="extension")


async def _drop_oldest(tx: db.Tx, domain_uuid: UUID, extension: str) -> None:
    await tx.execute(
        """
        DELETE FROM phone_credentials
        WHERE domain_uuid = $1 AND extension = $2 AND username IN (
          SELECT username FROM phone_credentials WHERE domain_uuid = $1 AND extension = $2
          ORDER BY created_at DESC, username OFFSET $3)
        """,
        domain_uuid,
        extension,
        MOST,
    )
