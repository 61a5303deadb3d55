"""Subscriptions: the URLs that a domain's events are posted to, with their `Authorization` and
secrets.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, ids, messages
from tongdai.encryption import MasterKey
from tongdai.store import db

BOTH_SECRETS = timedelta(hours=24)
"""A replaced secret continues to sign for so long, beside the new one."""
MOST = 100
"""The most subscriptions of a domain, unless the operator sets another limit."""


class Options(msgspec.Struct, frozen=True):
    """How the deliveries of a subscription differ from the usual (`checks.callback_headers`,
    `checks.certificates`).
    """

    numbers_as_text: bool = False  # duration and billsec are decimal text
    accept_redirects: bool = False  # 302 and 303 count as accepted; they are not followed
    callback_headers: dict[str, str] = {}  # further headers of each POST; secrets
    callback_ca: str = ""  # PEM certificates that the receiver is trusted by; "": the system's


USUAL = Options()


class Subscription(msgspec.Struct, frozen=True):
    """One event name for one URL. It is disabled, with a reason, when the URL fails for too
    long.
    """

    domain_uuid: UUID
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    callback_apikey: str  # the Authorization header, sent unchanged; "" for none
    secret: str  # signs deliveries (Standard Webhooks): whsec_ and base64
    enabled: bool = True
    disabled_reason: str = ""
    failing_since: datetime | None = None  # nothing but failures since then; UTC
    # the previous secret signs deliveries too, until then
    previous_secret_until: datetime | None = None
    previous_secret: str = ""  # "" after that time
    dialect: str = "v1"  # of the bodies that it gets (tongdai.dialects)
    options: Options = USUAL


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    *,
    event_name: str,
    callback_url: str,
    callback_apikey: str = "",
    options: Options = USUAL,
    most: int = MOST,
    subscription_uuid: UUID | None = None,
) -> Subscription:
    """The new subscription, with a secret of its own, under that id or a new one. The same event
    and URL again make another subscription. Raises errors.Conflict if the domain has `most`
    already.
    """
    subscription = Subscription(
        domain_uuid,
        subscription_uuid or ids.new(),
        event_name,
        callback_url,
        callback_apikey,
        _new_secret(),
        options=options,
    )
    inserted = await tx.fetchval(
        """
        INSERT INTO subscriptions (
          domain_uuid, subscription_uuid, event_name, callback_url, callback_apikey_encrypted,
          secret_encrypted, numbers_as_text, accept_redirects, callback_headers_encrypted,
          callback_ca)
        SELECT $1, $2, $3, $4, $5, $6, $8, $9, $10, $11
        WHERE (SELECT count(*) FROM subscriptions WHERE domain_uuid = $1) < $7 RETURNING true
        """,
        domain_uuid,
        subscription.subscription_uuid,
        event_name,
        callback_url,
        master_key.encrypt(callback_apikey) if callback_apikey else None,
        master_key.encrypt(subscription.secret),
        most,
        *_stored(options, master_key),
    )
    if not inserted:
        raise errors.Conflict(messages.SUBSCRIPTIONS_LIMIT(most=most), field="event")
    return subscription


async def list(tx: db.Tx, domain_uuid: UUID, master_key: MasterKey) -> Sequence[Subscription]:
    """The domain's subscriptions, oldest first, disabled ones too."""
    rows = await tx.fetch(
        "SELECT * FROM subscriptions WHERE domain_uuid = $1 ORDER BY created_at, "
        "subscription_uuid",
        domain_uuid,
    )
    return [_opened(row, master_key) for row in rows]


async def get(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, subscription_uuid: UUID
) -> Subscription:
    """Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM subscriptions WHERE domain_uuid = $1 AND subscription_uuid = $2",
        domain_uuid,
        subscription_uuid,
    )
    if row is None:
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")
    return _opened(row, master_key)


async def change(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, subscription_uuid: UUID, options: Options
) -> Subscription:
    """The subscription with these options, also for what is due already. Raises
    errors.NotFound.
    """
    row = await tx.fetchrow(
        """
        UPDATE subscriptions SET numbers_as_text = $3, accept_redirects = $4,
                                 callback_headers_encrypted = $5, callback_ca = $6
        WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING *
        """,
        domain_uuid,
        subscription_uuid,
        *_stored(options, master_key),
    )
    if row is None:
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")
    return _opened(row, master_key)


async def set_apikey(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, subscription_uuid: UUID, apikey: str
) -> None:
    """Deliveries carry this `Authorization` header from now on; "": none. Raises
    errors.NotFound.
    """
    if not await tx.fetchval(
        """
        UPDATE subscriptions SET callback_apikey_encrypted = $3
        WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING true
        """,
        domain_uuid,
        subscription_uuid,
        master_key.encrypt(apikey) if apikey else None,
    ):
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")


async def enable(tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID) -> None:
    """The subscription gets events from now on, without its earlier failures. Raises
    errors.NotFound.
    """
    await _set_enabled(tx, domain_uuid, subscription_uuid, "")


async def disable(tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID, reason: str) -> None:
    """The subscription gets no more events; its due deliveries fail. Raises errors.NotFound."""
    await _set_enabled(tx, domain_uuid, subscription_uuid, reason)


async def _set_enabled(tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID, reason: str) -> None:
    if not await tx.fetchval(
        """
        UPDATE subscriptions SET enabled = $3 = '', disabled_reason = $3,
                                 failing_since = CASE WHEN $3 = '' THEN NULL ELSE failing_since END
        WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING true
        """,
        domain_uuid,
        subscription_uuid,
        reason,
    ):
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")


async def rotate_secret(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, subscription_uuid: UUID
) -> Subscription:
    """The subscription with a new secret; the previous one signs too, for BOTH_SECRETS. Raises
    errors.NotFound.
    """
    secret = _new_secret()
    row = await tx.fetchrow(
        """
        UPDATE subscriptions
        SET previous_secret_encrypted = secret_encrypted, previous_secret_until = now() + $4,
                                 secret_encrypted = $3
        WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING *
        """,
        domain_uuid,
        subscription_uuid,
        master_key.encrypt(secret),
        BOTH_SECRETS,
    )
    if row is None:
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")
    return _opened(row, master_key)


async def delete(tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID) -> None:
    """Deletes the subscription with its due deliveries. Raises errors.NotFound."""
    if not await tx.fetchval(
        """
        WITH due AS (DELETE FROM deliveries WHERE domain_uuid = $1 AND subscription_uuid = $2)
        DELETE FROM subscriptions WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING true
        """,
        domain_uuid,
        subscription_uuid,
    ):
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")


class Failing(msgspec.Struct, frozen=True):
    """A subscription whose deliveries fail, since when, and why it is disabled if it is."""

    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    failing_since: datetime
    disabled_reason: str


async def failing(tx: db.Tx, limit: int) -> Sequence[Failing]:
    """Those that fail for longest. For the operator: it crosses tenants."""
    rows = await tx.fetch(
        """
        SELECT domains.name AS domain, subscription_uuid, event_name, callback_url, failing_since,
               disabled_reason
        FROM subscriptions JOIN domains USING (domain_uuid)
        WHERE domains.enabled AND failing_since IS NOT NULL ORDER BY failing_since LIMIT $1
        """,
        limit,
    )
    return db.structs(rows, Failing)


def _opened(row: asyncpg.Record, master_key: MasterKey) -> Subscription:
    until = row["previous_secret_until"]
    is_replaced = until is not None and until > datetime.now(UTC)
    return Subscription(
        row["domain_uuid"],
        row["subscription_uuid"],
        row["event_name"],
        row["callback_url"],
        master_key.decrypt(row["callback_apikey_encrypted"])
        if row["callback_apikey_encrypted"]
        else "",
        master_key.decrypt(row["secret_encrypted"]),
        row["enabled"],
        row["disabled_reason"],
        row["failing_since"],
        until if is_replaced else None,
        master_key.decrypt(row["previous_secret_encrypted"]) if is_replaced else "",
        row["dialect"],
        Options(
            row["numbers_as_text"],
            row["accept_redirects"],
            headers(row["callback_headers_encrypted"], master_key),
            row["callback_ca"],
        ),
    )


def headers(encrypted: bytes | None, master_key: MasterKey) -> dict[str, str]:
    """The further headers, as `callback_headers_encrypted` holds them. Raises
    errors.WrongMasterKey.
    """
    return _HEADERS.decode(master_key.decrypt(encrypted)) if encrypted else {}


def _stored(options: Options, master_key: MasterKey) -> tuple[bool, bool, bytes | None, str]:
    headers = msgspec.json.encode(options.callback_headers).decode()
    return (
        options.numbers_as_text,
        options.accept_redirects,
        master_key.encrypt(headers) if options.callback_headers else None,
        options.callback_ca,
    )


_HEADERS = msgspec.json.Decoder(dict[str, str])


def _new_secret() -> str:
    """Standard Webhooks asks for 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
