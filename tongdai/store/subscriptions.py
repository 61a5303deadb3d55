"""Subscriptions: where a domain wants its events to be posted, with what `Authorization` and under which secret."""

import base64
import secrets
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, ids
from tongdai.seal import Seal
from tongdai.store import db


class Subscription(msgspec.Struct, frozen=True):
    """One event name for one URL. `enabled` ends, with a reason, when the URL fails for too long."""

    domain_uuid: UUID
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    callback_apikey: str  # the Authorization header as it is sent; "" for none
    secret: str  # signs deliveries (Standard Webhooks): whsec_ and base64
    enabled: bool = True
    disabled_reason: str = ""


async def insert(
    tx: db.Tx, domain_uuid: UUID, seal: Seal, *, event_name: str, callback_url: str, callback_apikey: str = ""
) -> Subscription:
    """The new subscription, with a secret of its own. A second one of the same event and URL is another one."""
    subscription = Subscription(domain_uuid, ids.new(), event_name, callback_url, callback_apikey, _new_secret())
    await tx.execute(
        """
        INSERT INTO subscriptions (
          domain_uuid, subscription_uuid, event_name, callback_url, callback_apikey_sealed, secret_sealed)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        domain_uuid,
        subscription.subscription_uuid,
        event_name,
        callback_url,
        seal.seal(callback_apikey) if callback_apikey else None,
        seal.seal(subscription.secret),
    )
    return subscription


async def list(tx: db.Tx, domain_uuid: UUID, seal: Seal) -> Sequence[Subscription]:
    """The domain's subscriptions, oldest first, those that were disabled too."""
    rows = await tx.fetch(
        "SELECT * FROM subscriptions WHERE domain_uuid = $1 ORDER BY created_at, subscription_uuid", domain_uuid
    )
    return [_opened(row, seal) for row in rows]


async def delete(tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID) -> None:
    """The subscription is gone, with what was still due to it. Raises errors.NotFound."""
    if not await tx.fetchval(
        """
        WITH due AS (DELETE FROM deliveries WHERE domain_uuid = $1 AND subscription_uuid = $2)
        DELETE FROM subscriptions WHERE domain_uuid = $1 AND subscription_uuid = $2 RETURNING true
        """,
        domain_uuid,
        subscription_uuid,
    ):
        raise errors.NotFound


def _opened(row: asyncpg.Record, seal: Seal) -> Subscription:
    return Subscription(
        row["domain_uuid"],
        row["subscription_uuid"],
        row["event_name"],
        row["callback_url"],
        seal.open(row["callback_apikey_sealed"]) if row["callback_apikey_sealed"] else "",
        seal.open(row["secret_sealed"]),
        row["enabled"],
        row["disabled_reason"],
    )


def _new_secret() -> str:
    """Standard Webhooks asks for 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
