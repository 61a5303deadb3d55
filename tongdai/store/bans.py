"""Addresses that the switch does not listen to for a while. The table notifies `bans` of every
change.
"""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address

import msgspec

from tongdai import errors, messages
from tongdai.store import db


class Ban(msgspec.Struct, frozen=True):
    """An IP address, why it is banned, and until when."""

    address: str
    why: str
    banned_at: datetime
    until: datetime


async def insert(tx: db.Tx, address: str, why: str, until: datetime) -> bool:
    """Whether the address is banned now: one that a trunk's calls come from never is. Again, it is
    for longer.
    """
    return None is not await tx.fetchval(
        """
        INSERT INTO bans (address, why, until)
        SELECT $1, $2, $3 WHERE NOT EXISTS (
          SELECT FROM trunks WHERE enabled AND (
            host IN (host($1), host($1) || ':' || substring(host FROM '[0-9]+$'))
            OR EXISTS (SELECT FROM unnest(addresses) AS own WHERE $1 <<= own::inet)))
        ON CONFLICT (address) DO UPDATE
        SET why = excluded.why, until = excluded.until, banned_at = now(), lifted_at = NULL
        RETURNING true
        """,
        ip_address(address),
        why,
        until,
    )


async def lift(tx: db.Tx, address: str) -> None:
    """The address is not banned any more. Raises errors.Invalid, errors.NotFound."""
    try:
        found = ip_address(address)
    except ValueError as reason:
        raise errors.Invalid(messages.IP_ADDRESS, field="address") from reason
    if not await tx.fetchval(
        "UPDATE bans SET lifted_at = now() WHERE address = $1 AND lifted_at IS NULL RETURNING "
        "true",
        found,
    ):
        raise errors.NotFound(f"not banned: {address}")


async def expire(tx: db.Tx) -> None:
    """Bans whose time is over are lifted; what was lifted a month ago is forgotten."""
    await tx.execute(
        "UPDATE bans SET lifted_at = now() WHERE until <= now() AND lifted_at IS NULL"
    )
    await tx.execute("DELETE FROM bans WHERE lifted_at < now() - interval '30 days'")


async def lifted(tx: db.Tx) -> Sequence[str]:
    """Addresses that were banned within the month, and are not now."""
    rows = await tx.fetch("SELECT host(address) AS address FROM bans WHERE lifted_at IS NOT NULL")
    return [row["address"] for row in rows]


async def list(tx: db.Tx) -> Sequence[Ban]:
    """Those in force, the latest first."""
    rows = await tx.fetch(
        """
        SELECT host(address) AS address, why, banned_at, until FROM bans
        WHERE lifted_at IS NULL ORDER BY banned_at DESC
        """
    )
    return db.structs(rows, Ban)
