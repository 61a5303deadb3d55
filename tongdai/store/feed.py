"""The log of a domain's events, in the order of their `seq`, which has no gaps.

Publishing locks the domain's row until the commit, so events become visible in that order: a
reader at `seq` has missed no earlier event.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.store import db

WINDOW = 10_000
"""The most events that one `read` examines: events of other names cost time too."""


class Entry(msgspec.Struct, frozen=True):
    """One published event. `facts` is the JSON of pbx.events.Facts, `event_uuid` the
    webhook-id.
    """

    seq: int
    event_uuid: UUID
    name: str
    facts: str
    created_at: datetime


class Page(msgspec.Struct, frozen=True):
    """Events after a `seq`: `entries` holds all requested ones up to `next`. `last_seq` is the
    newest in the log.
    """

    entries: list[Entry]
    next: int
    last_seq: int


class Bounds(msgspec.Struct, frozen=True):
    """The oldest and the newest `seq` in the log; if it is empty, the oldest is the next one."""

    first_seq: int
    last_seq: int


async def bounds(tx: db.Tx, domain_uuid: UUID) -> Bounds:
    """The bounds of the domain's log. Raises errors.NotFound for a deleted domain."""
    row = await tx.fetchrow(
        """
        SELECT COALESCE(oldest.seq, event_seq + 1) AS first_seq, event_seq AS last_seq
        FROM domains LEFT JOIN LATERAL (
          SELECT seq FROM events WHERE events.domain_uuid = domains.domain_uuid
          ORDER BY seq LIMIT 1
        ) AS oldest ON true
        WHERE domain_uuid = $1
        """,
        domain_uuid,
    )
    return db.struct(row, Bounds, "domain")


async def read(
    tx: db.Tx,
    domain_uuid: UUID,
    after: int,
    limit: int,
    names: Sequence[str] = (),
    *,
    window: int = WINDOW,
) -> Page:
    """At most `limit` events after that `seq`, of these names; of all names if none is given.

    With names, an empty page means that there are none among the next `window`: continue from its
    `next`. Raises errors.EventsGone when later events are no longer in the log.
    """
    rows = await tx.fetch(
        """
        SELECT event_seq AS last_seq, found.*, event_seq > $2 AND (
          SELECT true FROM events WHERE domain_uuid = $1 AND seq = $2 + 1 LIMIT 1
        ) IS NULL AS is_gone
        FROM domains LEFT JOIN LATERAL (
          SELECT seq, event_uuid, name, facts, created_at FROM events
          WHERE events.domain_uuid = domains.domain_uuid AND seq > $2 AND seq <= $2 + $5
            AND (cardinality($4::text[]) = 0 OR name = ANY($4))
          ORDER BY seq LIMIT $3
        ) AS found ON true
        WHERE domain_uuid = $1 ORDER BY seq
        """,
        domain_uuid,
        after,
        limit,
        list(names),
        window,
    )
    last_seq: int = rows[0]["last_seq"] if rows else after
    if rows and rows[0]["is_gone"]:
        raise errors.EventsGone
    entries = db.structs((row for row in rows if row["seq"] is not None), Entry)
    seen = entries[-1].seq if len(entries) == limit else min(last_seq, after + window)
    return Page(entries, max(after, seen), last_seq)


async def of_event(tx: db.Tx, domain_uuid: UUID, event_uuid: UUID) -> Entry:
    """Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT seq, event_uuid, name, facts, created_at FROM events
        WHERE domain_uuid = $1 AND event_uuid = $2 AND created_at > now() - interval '1 day'
        """,
        domain_uuid,
        event_uuid,
    )
    return db.struct(row, Entry, "event")


async def newest(tx: db.Tx, domains: Collection[UUID]) -> dict[UUID, int]:
    """The `seq` of the newest event of each of these domains that exists."""
    rows = await tx.fetch(
        "SELECT domain_uuid, event_seq FROM domains WHERE domain_uuid = ANY($1)", list(domains)
    )
    return {row["domain_uuid"]: row["event_seq"] for row in rows}
