"""Links by which an outside developer opens the page for developers of a domain. A link's secret
is in its URL, and kept as a digest.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors, ids, messages
from tongdai.encryption import MasterKey
from tongdai.permissions import OF_DEVELOPERS
from tongdai.store import checks, db, sessions, users

MOST = 50
"""Links of a domain that have not expired."""
_SECRET_BYTES = 32
_COLUMNS = "link_uuid, name, created_at, expires_at, opened_at, opened_from"


class Link(msgspec.Struct, frozen=True):
    """A link, without its secret. `opened_at` None: never yet; `opened_from` is the address of
    whoever opened it last.
    """

    link_uuid: UUID
    name: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    opened_from: str


class Opened(msgspec.Struct, frozen=True):
    """The account of a link, for a session."""

    domain_uuid: UUID
    link_uuid: UUID
    name: str

    @property
    def holder(self) -> sessions.Holder:
        return sessions.Holder(self.domain_uuid, self.link_uuid, is_link=True)


async def insert(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, name: str, expires_at: datetime
) -> tuple[Link, str]:
    """The domain has a new link; those that have expired are gone. Returns it and its secret,
    which cannot be read again. Raises errors.Invalid, errors.Conflict.
    """
    await tx.execute(
        "DELETE FROM developer_links WHERE domain_uuid = $1 AND expires_at <= now()", domain_uuid
    )
    if len(await list(tx, domain_uuid)) >= MOST:
        raise errors.Conflict(messages.LINKS_LIMIT(most=MOST), field="name")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = await tx.fetchrow(
        f"""
        INSERT INTO developer_links (domain_uuid, link_uuid, name, secret_digest, expires_at)
        VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}
        """,  # noqa: S608 -- our own columns
        domain_uuid,
        ids.new(),
        checks.name(name, needed=True),
        master_key.digest(secret),
        expires_at,
    )
    return db.struct(row, Link), secret


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Link]:
    """The domain's links that have not expired, the newest first."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS} FROM developer_links
        WHERE domain_uuid = $1 AND expires_at > now() ORDER BY link_uuid DESC
        """,  # noqa: S608 -- our own columns
        domain_uuid,
    )
    return db.structs(rows, Link)


async def delete(tx: db.Tx, domain_uuid: UUID, link_uuid: UUID) -> None:
    """The link and all sessions made by it have ended. Raises errors.NotFound."""
    if not await tx.fetchval(
        "DELETE FROM developer_links WHERE domain_uuid = $1 AND link_uuid = $2 RETURNING true",
        domain_uuid,
        link_uuid,
    ):
        raise errors.NotFound


async def opened(tx: db.Tx, master_key: MasterKey, secret: str, address: str) -> Opened | None:
    """The link with that secret, which is opened now from there; None if there is none, or it has
    expired. It crosses tenants.
    """
    row = await tx.fetchrow(
        """
        UPDATE developer_links SET opened_at = now(), opened_from = $2
        WHERE secret_digest = $1 AND expires_at > now()
        RETURNING domain_uuid, link_uuid, name
        """,
        master_key.digest(secret),
        address,
    )
    return db.struct_or_none(row, Opened)


async def principal(tx: db.Tx, domain_uuid: UUID, link_uuid: UUID) -> users.Principal:
    """Whoever opened the link, as a user of its domain who may do what developers may, until the
    link expires. Raises errors.NotFound.
    """
    row = await tx.fetchrow(
        """
        SELECT link_uuid AS user_uuid, domain_uuid, developer_links.name AS username,
               'agent' AS level, 1 AS api_key_version, $3::text[] AS api_key_scopes,
               expires_at AS api_key_expires_at,
               true AS user_enabled, domains.enabled AS domain_enabled,
               domains.name AS domain_name, time_zone,
               coalesce(nullif(region, ''), country_code) AS country, click2call_waits
        FROM developer_links JOIN domains USING (domain_uuid)
        WHERE domain_uuid = $1 AND link_uuid = $2
        """,
        domain_uuid,
        link_uuid,
        sorted(OF_DEVELOPERS),
    )
    return db.struct(row, users.Principal)
