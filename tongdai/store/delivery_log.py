"""The log of deliveries: the attempts of each event for a subscription, and sending it again.

A delivery is one event for one subscription, named by the event's id. Its state is `due` while it
is in `deliveries`, otherwise the result of its last attempt. Times that bound a list are those of
the event's publication.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, messages
from tongdai.store import db, deliveries

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
MOST = 10_000
"""The most deliveries that one `resend` begins."""
ELSEWHERE = 100
"""The most URLs, other than its subscriptions', for which deliveries of a domain wait at once."""

Choice = Literal["failed", "delivered", "unsent"]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`state` "" means any. From `since` on, before `until`."""

    state: deliveries.State | Literal[""] = ""
    since: datetime = FIRST
    until: datetime = LAST


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery. `status`, `latency_ms`, `error` and `last_at` are of its last attempt, None
    before the first.
    """

    seq: int
    event_uuid: UUID
    event_name: str
    created_at: datetime
    state: deliveries.State
    due_at: datetime | None  # of the next attempt
    attempts: int
    last_at: datetime | None
    status: int | None
    latency_ms: int | None
    error: str | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One POST, or the reason that there was none. `callback_url` is None if it went to the
    subscription's own.
    """

    at: datetime
    status: int
    latency_ms: int
    error: str
    callback_url: str | None


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries to send again. `unsent` are events of the subscription's name without a delivery
    to it: published before it existed, or while it was disabled. From `since` on, before `until`.
    """

    states: tuple[Choice, ...]
    since: datetime = FIRST
    until: datetime = LAST


class Resent(msgspec.Struct, frozen=True):
    """The number of deliveries that are due now; if there were more than MOST, the time to
    continue from.
    """

    count: int
    next: datetime | None


async def page(
    tx: db.Tx,
    domain_uuid: UUID,
    subscription_uuid: UUID,
    wanted: Filter,
    *,
    limit: int,
    before: int,
) -> list[Entry]:
    """The newest deliveries whose event's `seq` is less than `before`, newest event first."""
    rows = await tx.fetch(
        """
        WITH waiting AS (
          SELECT seq, created_at, 'due' AS state, due_at FROM deliveries
          WHERE domain_uuid = $1 AND subscription_uuid = $2 AND seq < $7 AND $3 IN ('', 'due')
            AND created_at >= $4 AND created_at < $5
          ORDER BY seq DESC LIMIT $6
        ), ended AS (
          SELECT seq, created_at, state, NULL::timestamptz AS due_at FROM attempts
          WHERE domain_uuid = $1 AND subscription_uuid = $2 AND seq < $7
            AND state <> 'due' AND ($3 = '' OR state = $3)
            AND created_at >= $4 AND created_at < $5
            AND NOT EXISTS (
              SELECT FROM attempts AS later
              WHERE later.domain_uuid = $1 AND later.subscription_uuid = $2
                AND later.seq = attempts.seq AND later.at > attempts.at AND later.state <> 'due'
            ) AND NOT EXISTS (
              SELECT FROM deliveries AS due
              WHERE due.domain_uuid = $1 AND due.subscription_uuid = $2 AND due.seq = attempts.seq
            )
          ORDER BY seq DESC LIMIT $6
        ), listed AS (
          SELECT * FROM waiting UNION ALL SELECT * FROM ended ORDER BY seq DESC LIMIT $6
        )
        SELECT listed.*, event_uuid, name AS event_name,
               attempts, last_at, status, latency_ms, error
        FROM listed CROSS JOIN LATERAL (
          SELECT event_uuid, name FROM events
          WHERE events.domain_uuid = $1 AND events.seq = listed.seq
            AND events.created_at = listed.created_at
        ) AS event CROSS JOIN LATERAL (
          SELECT count(*) AS attempts FROM attempts
          WHERE domain_uuid = $1 AND subscription_uuid = $2 AND attempts.seq = listed.seq
        ) AS made LEFT JOIN LATERAL (
          SELECT at AS last_at, status, latency_ms, error FROM attempts
          WHERE domain_uuid = $1 AND subscription_uuid = $2 AND attempts.seq = listed.seq
          ORDER BY at DESC LIMIT 1
        ) AS last ON true
        ORDER BY listed.seq DESC
        """,
        domain_uuid,
        subscription_uuid,
        wanted.state,
        wanted.since,
        wanted.until,
        limit,
        before,
    )
    return db.structs(rows, Entry)


async def get(
    tx: db.Tx, domain_uuid: UUID, subscription_uuid: UUID, event_uuid: UUID
) -> tuple[Entry, str, list[Attempt]]:
    """The delivery of that event, the event's facts as JSON, and its attempts, oldest first.
    Raises errors.NotFound.
    """
    event = await tx.fetchrow(
        "SELECT seq, created_at, facts FROM events WHERE domain_uuid = $1 AND event_uuid = $2",
        domain_uuid,
        event_uuid,
    )
    if event is None:
        raise errors.NotFound(f"no such delivery: {event_uuid}")
    wanted = Filter(since=event["created_at"])
    entries = await page(
        tx, domain_uuid, subscription_uuid, wanted, limit=1, before=event["seq"] + 1
    )
    if not entries or entries[0].event_uuid != event_uuid:
        raise errors.NotFound(f"no such delivery: {event_uuid}")
    rows = await tx.fetch(
        """
        SELECT at, status, latency_ms, error, callback_url FROM attempts
        WHERE domain_uuid = $1 AND subscription_uuid = $2 AND seq = $3 ORDER BY at
        """,
        domain_uuid,
        subscription_uuid,
        event["seq"],
    )
    return entries[0], event["facts"], db.structs(rows, Attempt)


async def resend_one(
    tx: db.Tx,
    domain_uuid: UUID,
    subscription_uuid: UUID,
    event_uuid: UUID,
    callback_url: str | None = None,
) -> Resent:
    """The event, of any name, is due now for the subscription, at its own URL or another.

    Raises errors.NotFound, and errors.Conflict for a disabled subscription's own URL.
    """
    event = await tx.fetchrow(
        "SELECT seq, created_at FROM events WHERE domain_uuid = $1 AND event_uuid = $2",
        domain_uuid,
        event_uuid,
    )
    if event is None:
        raise errors.NotFound(f"no such event: {event_uuid}")
    await _begin(tx, domain_uuid, subscription_uuid, [event], callback_url)
    return Resent(1, None)


async def resend(
    tx: db.Tx,
    domain_uuid: UUID,
    subscription_uuid: UUID,
    selection: Selection,
    callback_url: str | None = None,
    *,
    most: int = MOST,
) -> Resent:
    """The deliveries are due now, the oldest `most` of them, at the subscription's own URL or
    another.

    Raises the errors of `resend_one`.
    """
    rows = await tx.fetch(
        """
        WITH ended AS (
          SELECT seq, created_at FROM attempts
          WHERE domain_uuid = $1 AND subscription_uuid = $2 AND state <> 'due' AND state = ANY ($3)
            AND created_at >= $4 AND created_at < $5 AND at >= $4
            AND NOT EXISTS (
              SELECT FROM attempts AS later
              WHERE later.domain_uuid = $1 AND later.subscription_uuid = $2
                AND later.seq = attempts.seq AND later.at > attempts.at AND later.state <> 'due'
            )
        ), unsent AS (
          SELECT seq, events.created_at FROM events JOIN subscriptions USING (domain_uuid)
          WHERE 'unsent' = ANY ($3) AND domain_uuid = $1 AND subscription_uuid = $2
            AND name = event_name AND events.created_at >= $4 AND events.created_at < $5
            AND NOT EXISTS (
              SELECT FROM attempts
              WHERE attempts.domain_uuid = $1 AND attempts.subscription_uuid = $2
                AND attempts.seq = events.seq
            )
        )
        SELECT chosen.seq, chosen.created_at
        FROM (SELECT * FROM ended UNION SELECT * FROM unsent) AS chosen
        JOIN events ON events.domain_uuid = $1 AND events.seq = chosen.seq
          AND events.created_at = chosen.created_at
        WHERE NOT EXISTS (
          SELECT FROM deliveries AS due
          WHERE due.domain_uuid = $1 AND due.subscription_uuid = $2 AND due.seq = chosen.seq
        )
        ORDER BY chosen.seq LIMIT $6 + 1
        """,
        domain_uuid,
        subscription_uuid,
        list(selection.states),
        selection.since,
        selection.until,
        most,
    )
    await _begin(tx, domain_uuid, subscription_uuid, rows[:most], callback_url)
    return Resent(len(rows[:most]), rows[most]["created_at"] if len(rows) > most else None)


async def _begin(
    tx: db.Tx,
    domain_uuid: UUID,
    subscription_uuid: UUID,
    events: Sequence[asyncpg.Record],
    callback_url: str | None,
) -> None:
    """These events are due now, with a full new series of attempts; those that were due already do
    not wait longer.
    """
    enabled = await tx.fetchval(
        "SELECT enabled FROM subscriptions WHERE domain_uuid = $1 AND subscription_uuid = $2 "
        "FOR SHARE",
        domain_uuid,
        subscription_uuid,
    )
    if enabled is None:
        raise errors.NotFound(f"no such subscription: {subscription_uuid}")
    if not enabled and callback_url is None:
        raise errors.Conflict(messages.SUBSCRIPTION_DISABLED, field="id")
    if callback_url is not None:
        await _refuse_if_many_elsewhere(tx, domain_uuid, callback_url)
    await tx.execute(
        """
        INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint,
                                callback_url, created_at)
        SELECT domain_uuid, subscription_uuid, seq, call_uuid,
               CASE WHEN $5::text IS NULL THEN endpoint
                    ELSE md5(domain_uuid::text || $5)::uuid END, $5, created_at
        FROM unnest($3::bigint[], $4::timestamptz[]) AS given (seq, created_at)
        JOIN events USING (seq, created_at) JOIN (
          SELECT domain_uuid, subscription_uuid, endpoint FROM subscriptions
        ) AS subscription USING (domain_uuid)
        WHERE domain_uuid = $1 AND subscription_uuid = $2
        ON CONFLICT (domain_uuid, subscription_uuid, seq) DO UPDATE SET
          due_at = now(),
          leased_until = '-infinity',  -- an attempt under way does not count any more
          attempts = CASE WHEN deliveries.endpoint = excluded.endpoint THEN deliveries.attempts
                          ELSE 0 END,
          callback_url = excluded.callback_url, endpoint = excluded.endpoint
        """,
        domain_uuid,
        subscription_uuid,
        [event["seq"] for event in events],
        [event["created_at"] for event in events],
        callback_url,
    )


async def _refuse_if_many_elsewhere(tx: db.Tx, domain_uuid: UUID, callback_url: str) -> None:
    """Raises errors.Conflict if deliveries of the domain wait for so many URLs, beside its
    subscriptions' and this one, that one more would be too many: each look of a dispatcher reads
    all endpoints.
    """
    others = await tx.fetchval(
        """
        WITH RECURSIVE elsewhere AS (
          (SELECT endpoint FROM deliveries
           WHERE domain_uuid = $1 AND callback_url IS NOT NULL ORDER BY endpoint LIMIT 1)
          UNION ALL
          SELECT next.endpoint FROM elsewhere CROSS JOIN LATERAL (
            SELECT endpoint FROM deliveries
            WHERE domain_uuid = $1 AND callback_url IS NOT NULL AND endpoint > elsewhere.endpoint
            ORDER BY endpoint LIMIT 1
          ) AS next
        )
        SELECT count(*) FROM elsewhere WHERE endpoint <> md5($1::text || $2)::uuid
        """,
        domain_uuid,
        callback_url,
    )
    if others >= ELSEWHERE:
        raise errors.Conflict(messages.TOO_MANY_URLS(most=ELSEWHERE), field="url")
