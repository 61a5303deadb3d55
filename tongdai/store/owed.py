"""What is owed now: by calls that go on, by calls that are over and not accounted for, and of
deliveries.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.store import db

SHOWN = 100  # debts, the oldest


class Owed(msgspec.Struct, frozen=True):
    """Of one domain: how many, and how many seconds ago the oldest began, was over, happened (0
    for none).

    Live calls owe what has yet to happen; debts, which are calls that are over, should not last.
    """

    domain: str
    live: int
    live_s: int
    debts: int
    debts_s: int
    due: int
    due_s: int


class Debt(msgspec.Struct, frozen=True):
    """A call that is over: the events that it still owes, and for how many seconds."""

    call_uuid: UUID
    owes: tuple[str, ...]
    age_s: int


async def of(tx: db.Tx, domain_uuid: UUID) -> Owed:
    """The domain's. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT name AS domain, live.*, debts.*, due.* FROM domains
        CROSS JOIN LATERAL (
          SELECT count(*) AS live, coalesce(extract(epoch FROM now() - min(started_at)), 0)::int AS live_s
          FROM calls WHERE calls.domain_uuid = domains.domain_uuid AND over_at IS NULL) AS live
        CROSS JOIN LATERAL (
          SELECT count(*) AS debts, coalesce(extract(epoch FROM now() - min(over_at)), 0)::int AS debts_s
          FROM calls WHERE calls.domain_uuid = domains.domain_uuid AND over_at IS NOT NULL) AS debts
        CROSS JOIN LATERAL (
          SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(created_at)), 0)::int AS due_s
          FROM deliveries WHERE deliveries.domain_uuid = domains.domain_uuid) AS due
        WHERE domain_uuid = $1
        """,
        domain_uuid,
    )
    return db.struct(row, Owed)


async def debts(tx: db.Tx, domain_uuid: UUID) -> Sequence[Debt]:
    """The domain's oldest debts."""
    rows = await tx.fetch(
        """
        SELECT call_uuid, owes, extract(epoch FROM now() - over_at)::int AS age_s FROM calls
        WHERE domain_uuid = $1 AND over_at IS NOT NULL ORDER BY over_at, call_uuid LIMIT $2
        """,
        domain_uuid,
        SHOWN,
    )
    return db.structs(rows, Debt)


async def all(tx: db.Tx) -> Sequence[Owed]:
    """Of every domain that owes anything, by name. For the operator: it crosses tenants."""
    rows = await tx.fetch(
        """
        WITH call AS (
          SELECT domain_uuid, count(*) FILTER (WHERE over_at IS NULL) AS live, count(over_at) AS debts,
            min(started_at) FILTER (WHERE over_at IS NULL) AS live_at, min(over_at) AS debts_at
          FROM calls GROUP BY domain_uuid
        ), delivery AS (
          SELECT domain_uuid, count(*) AS due, min(created_at) AS due_at FROM deliveries GROUP BY domain_uuid
        )
        SELECT name AS domain,
          coalesce(live, 0) AS live, coalesce(extract(epoch FROM now() - live_at), 0)::int AS live_s,
          coalesce(debts, 0) AS debts, coalesce(extract(epoch FROM now() - debts_at), 0)::int AS debts_s,
          coalesce(due, 0) AS due, coalesce(extract(epoch FROM now() - due_at), 0)::int AS due_s
        FROM domains LEFT JOIN call USING (domain_uuid) LEFT JOIN delivery USING (domain_uuid)
        WHERE call.domain_uuid IS NOT NULL OR delivery.domain_uuid IS NOT NULL
        ORDER BY name
        """
    )
    return db.structs(rows, Owed)
