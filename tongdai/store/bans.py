"""Addresses that the switch does not listen to for a while. The table notifies `bans` of every change."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address

import msgspec

from tongdai import errors
from tongdai.store import db


class Ban(msgspec.Struct, frozen=True):
    """An IP address, why it is banned, and until when."""

    address: str
    why: str
    banned_at: datetime
    until: datetime


async def insert(tx: db.Tx, address: str, why: str, until: datetime) -> bool:
    """Whether the address is banned now: one that a trunk's calls come from never is. Again, it is for longer."""
    return None is not await tx.fetchval(
        """
        INSERT INTO bans (address, why, until)
        SELECT $1, $2, $3 WHERE NOT EXISTS (
          SELECT FROM trunks WHERE enabled AND (
            host IN (host($1), host($1) || ':' || substring(host FROM '[0-9]+$'))
            OR EXISTS (SELECT FROM unnest(addresses) AS own WHERE $1 <<= own::inet)))
        ON CONFLICT (address) DO UPDATE SET why = excluded.why, until = excluded.until, banned_at = now()
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
        raise errors.Invalid("an IP address is needed", field="address") from reason
    if not await tx.fetchval("DELETE FROM bans WHERE address = $1 RETURNING true", found):
        raise errors.NotFound(f"not banned: {address}")


async def expire(tx: db.Tx) -> int:
    """How many bans were over, and are gone."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        "WITH gone AS (DELETE FROM bans WHERE until <= now() RETURNING 1) SELECT count(*) FROM gone"
    )


async def list(tx: db.Tx) -> Sequence[Ban]:
    """Those in force, the latest first."""
    rows = await tx.fetch(
        """
        SELECT host(address) AS address, why, banned_at, until FROM bans WHERE until > now() ORDER BY banned_at DESC
        """
    )
    return db.structs(rows, Ban)
