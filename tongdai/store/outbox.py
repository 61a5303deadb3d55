"""The outbox: the facts of events, and one delivery of each for every subscription, written in the
transaction that made them true.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from tongdai.pbx.events import OF_RECORDINGS, Event
from tongdai.store import db

_SLACK = timedelta(days=1)  # clocks of machines differ


async def publish_many(tx: db.Tx, events: Sequence[Event]) -> int:
    """Writes each event once into its domain's log, with the next gap-free `seq`, and makes it due
    for every enabled subscription of its name. Returns the number of new events: one published
    before (same event_uuid) changes nothing. Those of recordings are written only where there is a
    subscription to them: clients that read all events know a call's from before.

    It searches for an earlier publication only from `since` on: over no more days than its call
    has lasted. It locks the rows of the domains until the transaction ends, so events become
    visible in the order of their `seq`.
    """
    if not events:
        return 0
    await tx.execute(
        """
        SELECT FROM domains WHERE domain_uuid = ANY($1) ORDER BY domain_uuid FOR NO KEY UPDATE
        """,
        list({event.domain_uuid for event in events}),
    )
    published: int = await tx.fetchval(
        """
        WITH given AS (
          SELECT DISTINCT ON (domain_uuid, event_uuid) *
          FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::json[])
            WITH ORDINALITY AS t (domain_uuid, event_uuid, call_uuid, name, facts, position)
          ORDER BY domain_uuid, event_uuid, position
        ), fresh AS (
          SELECT given.*, row_number() OVER (PARTITION BY domain_uuid ORDER BY position) AS n
          FROM given
          -- Not NOT EXISTS: planned as a join, it may read whole days where statistics are old.
          WHERE (
            SELECT true FROM events
            WHERE events.event_uuid = given.event_uuid AND events.domain_uuid = given.domain_uuid
              AND events.created_at >= $6
            LIMIT 1
          ) IS NULL AND (given.name <> ALL($7) OR (
            SELECT true FROM subscriptions
            WHERE subscriptions.domain_uuid = given.domain_uuid
              AND subscriptions.event_name = given.name
            LIMIT 1
          ))
        ), advanced AS (
          UPDATE domains SET event_seq = event_seq + added.n
          FROM (SELECT domain_uuid, count(*) AS n FROM fresh GROUP BY domain_uuid) AS added
          WHERE domains.domain_uuid = added.domain_uuid
          -- Not now(), when the transaction began: days must end where seq says so, or a day's end
          -- would leave gaps.
          RETURNING domains.domain_uuid, event_seq - added.n AS last_seq,
                    clock_timestamp() AS created_at
        ), published AS (
          INSERT INTO events (domain_uuid, seq, event_uuid, call_uuid, name, facts, created_at)
          SELECT domain_uuid, last_seq + n, event_uuid, call_uuid, name, facts, created_at
          FROM fresh JOIN advanced USING (domain_uuid)
          RETURNING domain_uuid, seq, call_uuid, name, created_at
        ), due AS (
          INSERT INTO deliveries (
            domain_uuid, subscription_uuid, seq, call_uuid, endpoint, created_at)
          SELECT domain_uuid, subscription_uuid, seq, call_uuid, endpoint, published.created_at
          FROM published JOIN subscriptions USING (domain_uuid)
          WHERE subscriptions.event_name = published.name AND subscriptions.enabled
        )
        SELECT count(*) FROM published
        """,
        [event.domain_uuid for event in events],
        [event.event_uuid for event in events],
        [event.order_key for event in events],
        [event.name for event in events],
        [msgspec.json.encode(event.facts).decode() for event in events],
        min(event.since for event in events) - _SLACK,
        OF_RECORDINGS,
    )
    return published


async def needed_since(tx: db.Tx) -> datetime | None:
    """The time from which events must be kept: the oldest that is due to a subscription, or may be
    published again; None: there is none.
    """
    since: datetime | None = await tx.fetchval(
        """
        SELECT least((SELECT min(created_at) FROM deliveries),
                     (SELECT min(started_at) FROM calls) - $1::interval)
        """,
        _SLACK,
    )
    return since
