"""Links by which phones fetch the file with their account. A link's secret is in its URL, and kept
as a digest; the SIP password of its device is computed of the secret, so that no password is
stored here either.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.encryption import MasterKey
from tongdai.pbx import endpoint
from tongdai.store import db, devices

Kind = Literal["phone", "softphone"]
_SECRET_BYTES = 32
_PASSWORD_BYTES = 18  # 24 characters, 144 bits
_MOST_USER_AGENT = 200  # characters


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A device's link, without its secret. A phone fetches its file at each start; a softphone
    does once, before `expires_at`. `fetched_at` None: never yet.
    """

    kind: Kind
    created_at: datetime
    expires_at: datetime | None = None
    fetched_at: datetime | None = None
    fetched_from: str = ""
    user_agent: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The device of a link, for its file."""

    domain_uuid: UUID
    domain: str
    extension: str
    name: str
    display_name: str
    mac: str
    srtp_required: bool


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    extension: str,
    name: str,
    *,
    kind: Kind,
    life_s: int | None,
) -> str:
    """The device has a new link in place of the one before, and the password that belongs to it.
    `life_s` None: it lives until it is replaced. Returns the link's secret: it cannot be read
    again. Raises errors.NotFound.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    await devices.set_password(tx, domain_uuid, extension, name, password_of(secret))
    await _drop(tx, domain_uuid, extension, name)
    await tx.execute(
        """
        INSERT INTO provisioning_links
          (domain_uuid, extension, name, kind, secret_digest, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
        """,
        domain_uuid,
        extension,
        name,
        kind,
        master_key.digest(secret),
        life_s,
    )
    return secret


async def get(tx: db.Tx, domain_uuid: UUID, extension: str, name: str) -> Link:
    """The device's link. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT kind, created_at, expires_at, fetched_at, fetched_from, user_agent
        FROM provisioning_links WHERE domain_uuid = $1 AND extension = $2 AND name = $3
        """,
        domain_uuid,
        extension,
        name,
    )
    return db.struct(row, Link, f"no link of {endpoint.account(extension, name)}")


async def delete(tx: db.Tx, domain_uuid: UUID, extension: str, name: str) -> None:
    """Nobody fetches by the link any more; the password stays. Raises errors.NotFound."""
    if not await _drop(tx, domain_uuid, extension, name):
        raise errors.NotFound(f"no link of {endpoint.account(extension, name)}")


async def opened(tx: db.Tx, master_key: MasterKey, secret: str, kind: Kind) -> Opened:
    """The device of the link with that secret. Nobody else opens the link until the end of the
    transaction. It crosses tenants.

    Raises errors.NotFound, and errors.Gone for a link that has expired, was used, or whose device
    has got another password since.
    """
    link = db.struct(await tx.fetchrow(_OPENED, master_key.digest(secret), kind), _Found)
    if link.is_used:
        raise errors.Gone(messages.LINK_USED)
    if link.is_expired:
        raise errors.Gone(messages.LINK_EXPIRED)
    of = (link.domain_uuid, link.extension, link.name)
    if not await devices.has_password(tx, *of, password_of(secret)):
        raise errors.Gone(messages.LINK_OF_OTHER_PASSWORD)
    return link


async def note_fetch(tx: db.Tx, opened: Opened, address: str, user_agent: str) -> None:
    """The link was fetched now, from that address: a softphone's is used."""
    await tx.execute(
        """
        UPDATE provisioning_links SET fetched_at = now(), fetched_from = $4, user_agent = $5
        WHERE domain_uuid = $1 AND extension = $2 AND name = $3
        """,
        opened.domain_uuid,
        opened.extension,
        opened.name,
        address,
        user_agent[:_MOST_USER_AGENT],
    )


def password_of(secret: str) -> str:
    """The SIP password that belongs to a link: 24 letters, digits, - and _."""
    made = hmac.digest(secret.encode(), b"tongdai SIP password", "sha256")
    return base64.urlsafe_b64encode(made[:_PASSWORD_BYTES]).decode()


class _Found(Opened, frozen=True, kw_only=True):
    is_used: bool
    is_expired: bool


_OPENED = """
SELECT link.domain_uuid, domains.name AS domain, link.extension, link.name,
  extensions.name AS display_name, mac, srtp_required,
  link.kind = 'softphone' AND fetched_at IS NOT NULL AS is_used,
  coalesce(expires_at <= now(), false) AS is_expired
FROM provisioning_links AS link JOIN devices USING (domain_uuid, extension, name)
  JOIN extensions USING (domain_uuid, extension) JOIN domains USING (domain_uuid)
WHERE secret_digest = $1 AND link.kind = $2 AND extensions.enabled AND domains.enabled
FOR UPDATE OF link
"""


async def _drop(tx: db.Tx, domain_uuid: UUID, extension: str, name: str) -> bool:
    return bool(
        await tx.fetchval(
            """
            DELETE FROM provisioning_links
            WHERE domain_uuid = $1 AND extension = $2 AND name = $3 RETURNING true
            """,
            domain_uuid,
            extension,
            name,
        )
    )
