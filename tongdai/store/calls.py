"""Live calls: what the engine must remember over its own death."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from tongdai.pbx.call import Call
from tongdai.store import db

Key: TypeAlias = tuple[UUID, UUID]
"""domain_uuid and call_uuid."""

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Call).decode


async def save_many(tx: db.Tx, node: str, calls: Sequence[Call]) -> None:
    """Each call stands as given. A call may occur once only."""
    if not calls:
        return
    await tx.execute(
        """
        INSERT INTO calls (domain_uuid, call_uuid, node, state, started_at)
        SELECT domain_uuid, call_uuid, $5, state, started_at
        FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[])
          AS t (domain_uuid, call_uuid, state, started_at)
        ON CONFLICT (domain_uuid, call_uuid) DO UPDATE SET state = excluded.state
        """,
        [call.domain_uuid for call in calls],
        [call.call_uuid for call in calls],
        [_ENCODE(call) for call in calls],
        [call.started_at for call in calls],
        node,
    )


async def delete_many(tx: db.Tx, keys: Sequence[Key]) -> None:
    """None of them is live any more."""
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
    """All live calls of a switch, oldest first. For the engine: it crosses tenants."""
    rows = await tx.fetch("SELECT state FROM calls WHERE node = $1 ORDER BY started_at", node)
    return [_DECODE(row["state"]) for row in rows]


async def last_talks(tx: db.Tx) -> dict[tuple[UUID, str], datetime]:
    """When each extension's last answered call of the past day ended, by (domain_uuid, extension). For the engine."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid, extension, max(time_ended) AS ended FROM cdrs
        WHERE time_started > now() - interval '1 day' AND time_answered IS NOT NULL AND extension <> ''
        GROUP BY domain_uuid, extension
        """
    )
    return {(row["domain_uuid"], row["extension"]): row["ended"] for row in rows}
