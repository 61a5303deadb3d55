"""Events and records that are outstanding now, of calls that go on and of calls that have ended
and are not published whole; and deliveries.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.store import db

LISTED = 100  # ended calls, the oldest


class Outstanding(msgspec.Struct, frozen=True):
    """Of one domain: how many, and how many seconds ago the oldest began, ended, happened (0 for
    none).

    Of live calls it is what has yet to happen; an ended call should be in here for a moment only.
    """

    domain: str
    live: int
    live_s: int
    ended: int
    ended_s: int
    due: int
    due_s: int


class EndedCall(msgspec.Struct, frozen=True):
    """A call that has ended: the events that it has yet to publish, and for how many seconds."""

    call_uuid: UUID
    outstanding: tuple[str, ...]
    age_s: int


async def of(tx: db.Tx, domain_uuid: UUID) -> Outstanding:
    """The domain's. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT name AS domain, live.*, ended.*, due.* FROM domains
        CROSS JOIN LATERAL (
          SELECT count(*) AS live,
                 coalesce(extract(epoch FROM now() - min(started_at)), 0)::int AS live_s
          FROM calls WHERE calls.domain_uuid = domains.domain_uuid AND over_at IS NULL) AS live
        CROSS JOIN LATERAL (
          SELECT count(*) AS ended,
                 coalesce(extract(epoch FROM now() - min(over_at)), 0)::int AS ended_s
          FROM calls WHERE calls.domain_uuid = domains.domain_uuid AND over_at IS NOT NULL
        ) AS ended
        CROSS JOIN LATERAL (
          SELECT count(*) AS due,
                 coalesce(extract(epoch FROM now() - min(created_at)), 0)::int AS due_s
          FROM deliveries WHERE deliveries.domain_uuid = domains.domain_uuid) AS due
        WHERE domain_uuid = $1
        """,
        domain_uuid,
    )
    return db.struct(row, Outstanding)


async def ended_calls(tx: db.Tx, domain_uuid: UUID) -> Sequence[EndedCall]:
    """The domain's ended calls with events outstanding, oldest first, LISTED of them at most."""
    rows = await tx.fetch(
        """
        SELECT call_uuid, outstanding, extract(epoch FROM now() - over_at)::int AS age_s
        FROM calls
        WHERE domain_uuid = $1 AND over_at IS NOT NULL ORDER BY over_at, call_uuid LIMIT $2
        """,
        domain_uuid,
        LISTED,
    )
    return db.structs(rows, EndedCall)


async def all(tx: db.Tx) -> Sequence[Outstanding]:
    """Of every domain where something is, by name. For the operator: it crosses tenants."""
    rows = await tx.fetch(
        """
        WITH call AS (
          SELECT domain_uuid, count(*) FILTER (WHERE over_at IS NULL) AS live,
                 count(over_at) AS ended,
                 min(started_at) FILTER (WHERE over_at IS NULL) AS live_at,
                 min(over_at) AS ended_at
          FROM calls GROUP BY domain_uuid
        ), delivery AS (
          SELECT domain_uuid, count(*) AS due, min(created_at) AS due_at
          FROM deliveries GROUP BY domain_uuid
        )
        SELECT name AS domain, coalesce(live, 0) AS live, coalesce(ended, 0) AS ended,
               coalesce(due, 0) AS due,
               coalesce(extract(epoch FROM now() - live_at), 0)::int AS live_s,
               coalesce(extract(epoch FROM now() - ended_at), 0)::int AS ended_s,
               coalesce(extract(epoch FROM now() - due_at), 0)::int AS due_s
        FROM domains LEFT JOIN call USING (domain_uuid) LEFT JOIN delivery USING (domain_uuid)
        WHERE call.domain_uuid IS NOT NULL OR delivery.domain_uuid IS NOT NULL
        ORDER BY name
        """
    )
    return db.structs(rows, Outstanding)
