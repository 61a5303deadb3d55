"""Saved searches of call records, each of one account in one domain."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.store import db

MOST = 50
"""So many an account may have in a domain."""


class SavedSearch(msgspec.Struct, frozen=True):
    """A search by its name; `query` as in a URL."""

    name: str
    query: str
    created_at: datetime


async def list(tx: db.Tx, domain_uuid: UUID, account_uuid: UUID) -> Sequence[SavedSearch]:
    """The account's, by name."""
    rows = await tx.fetch(
        """
        SELECT name, query, created_at FROM saved_searches
        WHERE domain_uuid = $1 AND account_uuid = $2 ORDER BY name
        """,
        domain_uuid,
        account_uuid,
    )
    return db.structs(rows, SavedSearch)


async def save(
    tx: db.Tx, domain_uuid: UUID, account_uuid: UUID, *, name: str, query: str
) -> SavedSearch:
    """Stores the search, in place of one of that name. Raises errors.Invalid if there are too
    many.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO saved_searches AS s (domain_uuid, account_uuid, name, query)
        SELECT $1, $2, $3, $4 WHERE (
          SELECT count(*) FROM saved_searches
          WHERE domain_uuid = $1 AND account_uuid = $2 AND name <> $3) < $5
        ON CONFLICT (domain_uuid, account_uuid, name) DO UPDATE SET query = EXCLUDED.query
        RETURNING name, query, created_at
        """,
        domain_uuid,
        account_uuid,
        name,
        query,
        MOST,
    )
    if row is None:
        raise errors.Invalid(messages.SEARCHES_AT_MOST(most=MOST), field="name")
    return db.struct(row, SavedSearch)


async def delete(tx: db.Tx, domain_uuid: UUID, account_uuid: UUID, name: str) -> None:
    """It is gone. Raises errors.NotFound."""
    gone = await tx.fetchval(
        """
        DELETE FROM saved_searches
        WHERE domain_uuid = $1 AND account_uuid = $2 AND name = $3 RETURNING true
        """,
        domain_uuid,
        account_uuid,
        name,
    )
    if not gone:
        raise errors.NotFound
