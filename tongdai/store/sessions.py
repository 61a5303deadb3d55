"""Sessions: sign-ins of people by user name and password. The browser holds a secret, the database
its digest.

The functions cross tenants: a session is looked up before its domain is known.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.store import db

IDLE_S = 12 * 3_600
"""A session that is not used for so long has ended."""
LONGEST_S = 14 * 86_400
"""So long a session lasts at most."""
_NOTED_S = 60  # the last use is noted so often

_LASTS = """
used_at > now() - make_interval(secs => $1) AND created_at > now() - make_interval(secs => $2)
"""


class Holder(msgspec.Struct, frozen=True):
    """Whose session it is: a user's of a domain; of an operator if `domain_uuid` is None; of
    whoever has a link for developers.
    """

    domain_uuid: UUID | None
    account_uuid: UUID
    is_link: bool = False


class Session(msgspec.Struct, frozen=True):
    """One sign-in. `address` and `client` (User-Agent) are those of the browser then."""

    session_uuid: UUID
    domain_uuid: UUID | None
    account_uuid: UUID  # of the user, the operator or the link
    is_link: bool
    address: str
    client: str
    created_at: datetime
    used_at: datetime  # to the minute


async def insert(
    tx: db.Tx, holder: Holder, secret_digest: bytes, *, address: str, client: str
) -> Session:
    """Stores a new session of the account."""
    account = holder.account_uuid
    is_operators = holder.domain_uuid is None
    row = await tx.fetchrow(
        f"""
        INSERT INTO sessions (
          session_uuid, domain_uuid, user_uuid, operator_uuid, link_uuid, secret_digest, address,
          client)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_COLUMNS}
        """,  # noqa: S608 -- our own columns
        ids.new(),
        holder.domain_uuid,
        None if is_operators or holder.is_link else account,
        account if is_operators else None,
        account if holder.is_link else None,
        secret_digest,
        address,
        client,
    )
    return db.struct(row, Session)


_COLUMNS = """
session_uuid, domain_uuid, coalesce(user_uuid, operator_uuid, link_uuid) AS account_uuid,
link_uuid IS NOT NULL AS is_link, address, client, created_at, used_at
"""


async def find(tx: db.Tx, secret_digest: bytes) -> Session | None:
    """The session with that secret, which is used now; None if it has ended."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM sessions WHERE {_LASTS} AND secret_digest = $3",  # noqa: S608
        IDLE_S,
        LONGEST_S,
        secret_digest,
    )
    if row is None:
        return None
    await tx.execute(
        """
        UPDATE sessions SET used_at = now()
        WHERE session_uuid = $1 AND used_at < now() - make_interval(secs => $2)
        """,
        row["session_uuid"],
        _NOTED_S,
    )
    return db.struct(row, Session)


async def list(tx: db.Tx, holder: Holder) -> Sequence[Session]:
    """The account's sessions, the last used first."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS} FROM sessions
        WHERE {_LASTS} AND domain_uuid IS NOT DISTINCT FROM $3
          AND coalesce(user_uuid, operator_uuid, link_uuid) = $4
        ORDER BY used_at DESC, session_uuid
        """,  # noqa: S608 -- our own columns
        IDLE_S,
        LONGEST_S,
        holder.domain_uuid,
        holder.account_uuid,
    )
    return db.structs(rows, Session)


async def delete(tx: db.Tx, holder: Holder, session_uuid: UUID | None = None) -> int:
    """The account's session, or all of them if None, has ended. Returns how many."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM sessions
          WHERE domain_uuid IS NOT DISTINCT FROM $1
            AND coalesce(user_uuid, operator_uuid, link_uuid) = $2
            AND ($3::uuid IS NULL OR session_uuid = $3) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        holder.domain_uuid,
        holder.account_uuid,
        session_uuid,
    )


async def purge(tx: db.Tx, most: int) -> int:
    """Deletes sessions that have ended by themselves, the oldest first, at most `most`. Returns
    how many.
    """
    await db.by_index(tx)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM sessions WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM sessions WHERE used_at < now() - make_interval(secs => $1)
            ORDER BY used_at LIMIT $2)) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        IDLE_S,
        most,
    )
