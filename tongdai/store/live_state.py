"""Live state of domains: engines publish it while somebody has a lease on it, and API processes
read what has changed.

`live_wanted` is notified of a lease, with the domain's node; `live` of a change, with the domain.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import msgspec

from tongdai.store import db

LEASE_S = 15
FRESH_S = 10
"""An engine confirms what it publishes more often than in this many seconds."""
GONE_S = 300
"""For so many seconds a listener that comes back is told what has gone meanwhile."""
DOMAIN = "domain"

Key: TypeAlias = tuple[str, str]
"""The kind and the id of a thing."""


class Row(msgspec.Struct, frozen=True):
    """A thing as it is, or None in `body` where it is gone."""

    domain_uuid: UUID
    kind: str
    id: str
    seq: int
    body: str | None


# --- leases


async def want(tx: db.Tx, domains: Collection[UUID], process_uuid: UUID) -> None:
    """The process has a lease on the live state of these domains, for LEASE_S seconds."""
    await tx.execute(
        """
        WITH leased AS (
          INSERT INTO live_leases (domain_uuid, process_uuid, until)
          SELECT domain_uuid, $2, now() + make_interval(secs => $3)
          FROM domains WHERE domain_uuid = ANY ($1)
          ON CONFLICT (domain_uuid, process_uuid) DO UPDATE SET until = excluded.until
          RETURNING domain_uuid
        )
        SELECT pg_notify('live_wanted', node)
        FROM (SELECT DISTINCT node FROM leased JOIN domains USING (domain_uuid)) AS nodes
        """,
        list(domains),
        process_uuid,
        LEASE_S,
    )


async def leave(tx: db.Tx, process_uuid: UUID) -> None:
    """The process wants nothing any more."""
    await tx.execute("DELETE FROM live_leases WHERE process_uuid = $1", process_uuid)


async def wanted(tx: db.Tx, node: str) -> set[UUID]:
    """The domains of the node on which somebody has a lease; leases that are over are deleted."""
    rows = await tx.fetch(
        """
        WITH over AS (DELETE FROM live_leases WHERE until < now())
        SELECT DISTINCT domain_uuid FROM live_leases JOIN domains USING (domain_uuid)
        WHERE until >= now() AND node = $1
        """,
        node,
    )
    return {row["domain_uuid"] for row in rows}


# --- for the engine


async def begin(tx: db.Tx, domain_uuid: UUID, things: Mapping[Key, str]) -> None:
    """The domain's live state is this, and all that was published before is void."""
    await tx.execute("DELETE FROM live_state WHERE domain_uuid = $1", domain_uuid)
    await tx.execute(
        "INSERT INTO live_state (domain_uuid, kind, id, body) VALUES ($1, $2, '', '0')",
        domain_uuid,
        DOMAIN,
    )
    await change(tx, domain_uuid, things, ())


async def change(
    tx: db.Tx, domain_uuid: UUID, changed: Mapping[Key, str], gone: Iterable[Key]
) -> None:
    """These things are as given now, and those are gone; listeners are notified at commit."""
    rows: list[tuple[str, str, str | None]] = [(*key, body) for key, body in changed.items()]
    rows += [(*key, None) for key in gone]
    await tx.execute(
        """
        WITH written AS (
          INSERT INTO live_state (domain_uuid, kind, id, body)
          SELECT $1, kind, id, body FROM unnest($2::text[], $3::text[], $4::text[])
            AS thing (kind, id, body)
          ON CONFLICT (domain_uuid, kind, id) DO UPDATE
            SET seq = excluded.seq, body = excluded.body, changed_at = excluded.changed_at
        )
        SELECT pg_notify('live', $1::text)
        """,
        domain_uuid,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def forget_gone(tx: db.Tx, domain_uuid: UUID) -> None:
    """What has been gone for GONE_S seconds is not told of any more; the row of the domain holds
    the seq up to which that is so.
    """
    await tx.execute(
        """
        WITH old AS (
          DELETE FROM live_state
          WHERE domain_uuid = $1 AND body IS NULL
            AND changed_at < now() - make_interval(secs => $2)
          RETURNING seq
        )
        UPDATE live_state SET body = newest.seq::text
        FROM (SELECT max(seq) AS seq FROM old) AS newest
        WHERE domain_uuid = $1 AND kind = $3 AND newest.seq IS NOT NULL
        """,
        domain_uuid,
        GONE_S,
        DOMAIN,
    )


async def touch(tx: db.Tx, domains: Collection[UUID]) -> None:
    """What is published of these domains is still so."""
    await tx.execute(
        "UPDATE live_state SET changed_at = now() WHERE domain_uuid = ANY ($1) AND kind = $2",
        list(domains),
        DOMAIN,
    )


async def void(tx: db.Tx, node: str) -> None:
    """Nothing is published of the node's domains any more: their engine begins anew."""
    await tx.execute(
        """
        DELETE FROM live_state USING domains
        WHERE domains.domain_uuid = live_state.domain_uuid AND node = $1
        """,
        node,
    )


async def end(tx: db.Tx, domain_uuid: UUID) -> None:
    """Nobody wants the domain's live state: it is void."""
    await tx.execute("DELETE FROM live_state WHERE domain_uuid = $1", domain_uuid)


# --- for listeners


async def fresh(tx: db.Tx, domains: Collection[UUID]) -> set[UUID]:
    """Those of the domains that an engine publishes now."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid FROM live_state
        WHERE domain_uuid = ANY ($1) AND kind = $2
          AND changed_at > now() - make_interval(secs => $3)
        """,
        list(domains),
        DOMAIN,
        FRESH_S,
    )
    return {row["domain_uuid"] for row in rows}


async def since(tx: db.Tx, after: Mapping[UUID, int]) -> Sequence[Row]:
    """What has changed in each domain after that seq, in the order of seq. The process asks for
    all its domains at once: it has checked who listens to which.
    """
    rows = await tx.fetch(
        """
        SELECT live_state.domain_uuid, kind, id, seq, body
        FROM unnest($1::uuid[], $2::bigint[]) AS known (domain_uuid, after)
        JOIN live_state ON live_state.domain_uuid = known.domain_uuid AND seq > after
        WHERE EXISTS (
          SELECT FROM live_state AS domain
          WHERE domain.domain_uuid = known.domain_uuid AND domain.kind = $3 AND domain.id = ''
            AND domain.changed_at > now() - make_interval(secs => $4))
        ORDER BY live_state.domain_uuid, seq
        """,
        list(after),
        list(after.values()),
        DOMAIN,
        FRESH_S,
    )
    return db.structs(rows, Row)
