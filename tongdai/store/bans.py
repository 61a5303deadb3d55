"""Addresses from which the switch refuses requests for some time. The table notifies `bans` of
every change.
"""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address

import msgspec

from tongdai import errors, messages
from tongdai.store import db


class Ban(msgspec.Struct, frozen=True):
    """An IP address, the reason of its ban, and the ban's end."""

    address: str
    why: str
    banned_at: datetime
    until: datetime


async def insert(tx: db.Tx, address: str, why: str, until: datetime) -> bool:
    """Bans the address, or extends its ban. Returns whether it is banned: an address from which a
    trunk's calls come is not.
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
    """The address is no longer banned. Raises errors.Invalid, errors.NotFound."""
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
    """Bans past their end are lifted; those lifted a month ago are deleted."""
    await tx.execute(
        "UPDATE bans SET lifted_at = now() WHERE until <= now() AND lifted_at IS NULL"
    )
    await tx.execute("DELETE FROM bans WHERE lifted_at < now() - interval '30 days'")


async def lifted(tx: db.Tx) -> Sequence[str]:
    """Addresses whose ban was lifted within the last month."""
    rows = await tx.fetch("SELECT host(address) AS address FROM bans WHERE lifted_at IS NOT NULL")
    return [row["address"] for row in rows]


async def list(tx: db.Tx) -> Sequence[Ban]:
    """The bans in force, the latest first."""
    rows = await tx.fetch(
        """
        SELECT host(address) AS address, why, banned_at, until FROM bans
        WHERE lifted_at IS NULL ORDER BY banned_at DESC
        """
    )
    return db.structs(rows, Ban)
