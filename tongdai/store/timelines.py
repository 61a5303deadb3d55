"""The timelines of ended calls, and what other tables know of a call's events."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from tongdai.pbx.call import Call, Note
from tongdai.pbx.timeline import Attempt
from tongdai.store import db

MOST = 1_000
"""The most attempts that are read of a call's events."""
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(tuple[Note, ...]).decode


async def save_many(tx: db.Tx, calls: Collection[Call]) -> None:
    """Each of these calls, which are over, has its timeline."""
    if calls:
        await tx.execute(
            """
            INSERT INTO timelines (domain_uuid, call_uuid, notes)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[]::json[])
            """,
            [call.domain_uuid for call in calls],
            [call.call_uuid for call in calls],
            [_ENCODE(call.notes).decode() for call in calls],
        )


async def find(tx: db.Tx, domain_uuid: UUID, call_uuid: UUID) -> tuple[Note, ...]:
    """The notes of an ended call, oldest first; none if they are not kept any more."""
    notes = await tx.fetchval(
        """
        SELECT notes FROM timelines WHERE domain_uuid = $1 AND call_uuid = $2
        ORDER BY written_at DESC LIMIT 1
        """,
        domain_uuid,
        call_uuid,
    )
    return _DECODE(notes) if notes else ()


async def attempts(tx: db.Tx, domain_uuid: UUID, events: Collection[UUID]) -> Sequence[Attempt]:
    """The attempts to deliver these events, oldest first; of subscriptions that exist."""
    rows = await tx.fetch(
        """
        SELECT made.at, event_uuid, coalesce(made.callback_url, subscriptions.callback_url) AS url,
               made.status, latency_ms, state, error
        FROM events JOIN subscriptions USING (domain_uuid) CROSS JOIN LATERAL (
          SELECT * FROM attempts
          WHERE attempts.domain_uuid = $1 AND attempts.seq = events.seq
            AND attempts.subscription_uuid = subscriptions.subscription_uuid
        ) AS made
        WHERE events.domain_uuid = $1 AND event_uuid = ANY ($2)
        ORDER BY made.at LIMIT $3
        """,
        domain_uuid,
        [*events],
        MOST,
    )
    return db.structs(rows, Attempt)
