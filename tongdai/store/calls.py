"""Live calls: the state with which the engine continues after a restart."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from tongdai.pbx import live
from tongdai.pbx.call import Call, Ended
from tongdai.store import db

Key: TypeAlias = tuple[UUID, UUID]
"""domain_uuid and call_uuid."""

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Call).decode


async def save_many(tx: db.Tx, node: str, calls: Sequence[Call], *, on_disk: bool = True) -> None:
    """Each call is stored as given. A call may occur only once.

    If not `on_disk`, the commit does not wait for the disk. The calls survive a crash of this
    process, and one of PostgreSQL unless it happens within the next second and no other commit has
    followed.
    """
    if not calls:
        return
    await tx.execute(
        """
        INSERT INTO calls (domain_uuid, call_uuid, node, state, started_at, over_at)
        SELECT domain_uuid, call_uuid, $6, state, started_at, over_at
        FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::timestamptz[])
          AS t (domain_uuid, call_uuid, state, started_at, over_at)
        CROSS JOIN set_config(
          'synchronous_commit',
          CASE WHEN $7 THEN current_setting('synchronous_commit') ELSE 'off' END, true)
        ON CONFLICT (domain_uuid, call_uuid)
          DO UPDATE SET state = excluded.state, over_at = excluded.over_at
        """,
        [call.domain_uuid for call in calls],
        [call.call_uuid for call in calls],
        [_ENCODE(call) for call in calls],
        [call.started_at for call in calls],
        [call.ended_at if isinstance(call.course, Ended) else None for call in calls],
        node,
        on_disk,
    )


async def delete_many(tx: db.Tx, keys: Sequence[Key]) -> None:
    """These calls are no longer live."""
    if keys:
        await tx.execute(
            """
            DELETE FROM calls USING unnest($1::uuid[], $2::uuid[]) AS t (d, c)
            WHERE domain_uuid = d AND call_uuid = c
            """,
            [domain_uuid for domain_uuid, _ in keys],
            [call_uuid for _, call_uuid in keys],
        )


async def list(tx: db.Tx, node: str) -> Sequence[Call]:
    """All live calls of a node, oldest first. For the engine: it crosses tenants."""
    rows = await tx.fetch("SELECT state FROM calls WHERE node = $1 ORDER BY started_at", node)
    return [_DECODE(row["state"]) for row in rows]


async def of_domain(tx: db.Tx, domain_uuid: UUID) -> Sequence[Call]:
    """The domain's calls that have not ended, oldest first, as last committed."""
    rows = await tx.fetch(
        """
        SELECT state FROM calls WHERE domain_uuid = $1 AND over_at IS NULL
        ORDER BY started_at, call_uuid
        """,
        domain_uuid,
    )
    return [_DECODE(row["state"]) for row in rows]


async def of_all_domains(tx: db.Tx) -> Sequence[Call]:
    """The same of all domains. For operators: it crosses tenants."""
    rows = await tx.fetch(
        "SELECT state FROM calls WHERE over_at IS NULL ORDER BY started_at, call_uuid"
    )
    return [_DECODE(row["state"]) for row in rows]


async def named(tx: db.Tx, domain_uuid: UUID, name: str) -> Call | None:
    """The domain's call that has this id (pbx.live.is_named) and has not ended, or None; of
    several with one SIP Call-ID the newest.
    """
    known = [call for call in await of_domain(tx, domain_uuid) if live.is_named(call, name)]
    return known[-1] if known else None


async def find(tx: db.Tx, domain_uuid: UUID, call_uuid: UUID) -> Call | None:
    """The live call as last committed, or None."""
    state = await tx.fetchval(
        "SELECT state FROM calls WHERE domain_uuid = $1 AND call_uuid = $2", domain_uuid, call_uuid
    )
    return _DECODE(state) if state else None


async def note_outstanding(tx: db.Tx, call: Call, events: Sequence[str], since: datetime) -> None:
    """The call has ended and these events are outstanding, until it is saved again or deleted."""
    await tx.execute(
        """
        UPDATE calls SET over_at = coalesce(over_at, $3), outstanding = $4
        WHERE domain_uuid = $1 AND call_uuid = $2
        """,
        call.domain_uuid,
        call.call_uuid,
        since,
        [*events],
    )


async def last_talks(tx: db.Tx) -> dict[tuple[UUID, str], datetime]:
    """The end of each extension's last answered call of the past day, by (domain_uuid, extension).
    For the engine.
    """
    rows = await tx.fetch(
        """
        SELECT domain_uuid, extension, max(time_ended) AS ended FROM cdrs
        WHERE time_started > now() - interval '1 day' AND time_answered IS NOT NULL
          AND extension <> ''
        GROUP BY domain_uuid, extension
        """
    )
    return {(row["domain_uuid"], row["extension"]): row["ended"] for row in rows}
