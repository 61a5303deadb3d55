"""Deliveries that are due: claimed for a while by whoever sends them, and settled by what came of
it.

Across domains, unlike the rest of `store`: one dispatcher serves all. Deliveries wait in lanes,
one for each endpoint (a callback URL of a domain). All times are the database's, so the clocks of
dispatchers need not agree. What is delivered or given up is here no more; what became of it is in
the log (`attempts`).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from tongdai.pbx import events
from tongdai.store import db, outbox

State = Literal["due", "delivered", "failed"]

# Plans are made once, often while there is nothing: a join of whole tables looks as good then as a
# look at one row. LATERAL with LIMIT, and rows found by their ctid, leave PostgreSQL no choice.

BATCH = 500
"""The most that one `claim` gives."""
# what is published by a transaction that takes longer waits for the next look
_LATE = timedelta(seconds=1)


class Heads(msgspec.Struct, frozen=True):
    """From when on something waited in each lane, at one moment; what is due before that is not
    looked at.

    There lie the rows of what was delivered, which PostgreSQL must keep while any transaction is
    older than that, and which would be read at every claim. What comes to lie there later (it was
    long in being committed, the clock was set back, a crash of PostgreSQL undid a settlement)
    waits for the next `look`, which reads lanes from their beginning.
    """

    begins: Mapping[UUID, datetime] = {}  # by endpoint, where that is before `others`
    lanes: Mapping[UUID, Collection[UUID]] = {}  # the same endpoints, by domain
    others: datetime | None = None

    def of(self, endpoint: UUID) -> datetime | None:
        """The head of its lane; None: not known, it is read from its beginning."""
        return self.begins.get(endpoint, self.others)


NOT_LOOKED = Heads()


class Look(msgspec.Struct, frozen=True):
    """The endpoints with something due, and the heads of all lanes at that moment."""

    due: Collection[UUID]
    heads: Heads


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one subscription, ours until `leased_until`."""

    domain_uuid: UUID
    subscription_uuid: UUID
    seq: int
    endpoint: UUID
    event_uuid: UUID
    event_name: str
    facts: str  # of the event, as JSON
    dialect: str  # the subscription's
    callback_url: str
    # not the subscription's own URL: how it goes there says nothing about the subscription
    is_elsewhere: bool
    callback_apikey_sealed: bytes | None
    secret_sealed: bytes
    previous_secret_sealed: bytes | None  # signs too, while the secret is being replaced
    is_enabled: bool  # the subscription; what is left of a disabled one is to be settled as failed
    is_failing: bool  # the subscription's latest delivery failed
    attempts: int  # so far
    created_at: datetime  # the event
    leased_until: datetime


class Attempt(msgspec.Struct, frozen=True):
    """One POST, for the log, or why there was none. `status` is 0 where there was no answer;
    `error` is for the subscriber to read.
    """

    at: datetime
    status: int
    latency_ms: int
    error: str


class Outcome(msgspec.Struct, frozen=True):
    """What came of a claimed delivery; without an attempt it is given back."""

    delivery: Delivery
    state: State
    delay_s: float = 0.0  # until it is due again
    attempt: Attempt | None = None
    disable: str = ""  # why the subscription is to be disabled

    @property
    def is_news(self) -> bool:
        """Whether the subscription, and not the delivery alone, is to know."""
        is_told = (
            self.attempt is not None
            and self.delivery.is_enabled
            and not self.delivery.is_elsewhere
        )
        return is_told and (self.state != "delivered" or self.delivery.is_failing)


class Disabled(msgspec.Struct, frozen=True):
    """A subscription that was disabled just now."""

    domain_uuid: UUID
    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: datetime


class Settled(msgspec.Struct, frozen=True):
    """What is known once outcomes are stored: subscriptions disabled now, and endpoints with more
    that is due.
    """

    disabled: Sequence[Disabled]
    due: Sequence[UUID]


async def look(tx: db.Tx) -> Look:
    """What there is to do. Costs a look at the head of each lane, however long the lanes are, and
    at what was delivered since the oldest transaction began.
    """
    rows = await tx.fetch(
        """
        WITH RECURSIVE lanes AS (
          (SELECT domain_uuid, endpoint, due_at FROM deliveries ORDER BY endpoint, due_at LIMIT 1)
          UNION ALL
          SELECT next.* FROM lanes CROSS JOIN LATERAL (
            SELECT domain_uuid, endpoint, due_at FROM deliveries
            WHERE endpoint > lanes.endpoint ORDER BY endpoint, due_at LIMIT 1
          ) AS next
        )
        SELECT domain_uuid, endpoint, due_at, now() AS at, (
          SELECT true FROM deliveries AS waiting
          WHERE waiting.endpoint = lanes.endpoint AND waiting.due_at >= lanes.due_at AND waiting.due_at <= now()
            AND leased_until <= now() LIMIT 1
        ) AS is_due
        FROM (VALUES (true)) AS always LEFT JOIN lanes ON due_at <= now()
        """
    )
    others: datetime = rows[0]["at"] - _LATE
    lanes = defaultdict[UUID, list[UUID]](list)
    for row in (early := [row for row in rows if row["endpoint"] and row["due_at"] < others]):
        lanes[row["domain_uuid"]].append(row["endpoint"])
    heads = Heads({row["endpoint"]: row["due_at"] for row in early}, lanes, others)
    return Look([row["endpoint"] for row in rows if row["is_due"]], heads)


async def count_owed(tx: db.Tx) -> int:
    """How many deliveries are neither delivered nor given up; counts up to 100,000."""
    owed: int = await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM deliveries LIMIT 100000) AS owed"
    )
    return owed


async def claim(
    tx: db.Tx,
    domains: Collection[UUID],
    rooms: Mapping[UUID, int | None],
    *,
    room: int,
    lease_s: float,
    heads: Heads = NOT_LOOKED,
) -> list[Delivery]:
    """What is due for the endpoints of `domains` and those in `rooms`; nobody else gets it within
    `lease_s`.

    At most as many for each endpoint as `rooms` says; where that is None or silent, `room`, or 1
    while it is failing. A delivery waits for earlier ones of its call to its endpoint, but not for
    those that are 30 seconds old.
    """
    known = [*{*rooms, *(endpoint for one in domains for endpoint in heads.lanes.get(one, ()))}]
    rows = await tx.fetch(
        """
        WITH known AS (
          SELECT * FROM unnest($2::uuid[], $3::int[], $6::timestamptz[]) AS t (endpoint, room, head)
        ), lanes AS (
          SELECT endpoint, COALESCE(head, $7, '-infinity') AS head, COALESCE(room, CASE WHEN EXISTS (
            SELECT FROM subscriptions WHERE subscriptions.endpoint = asked.endpoint AND failing_since IS NOT NULL
          ) THEN 1 ELSE $4 END) AS room
          FROM (
            SELECT endpoint FROM known UNION SELECT endpoint FROM subscriptions WHERE domain_uuid = ANY($1)
          ) AS asked LEFT JOIN known USING (endpoint)
        ), chosen AS (
          SELECT due.* FROM lanes CROSS JOIN LATERAL (
            SELECT ctid FROM deliveries AS delivery
            WHERE endpoint = lanes.endpoint AND leased_until <= now() AND due_at >= lanes.head
              AND due_at <= CASE WHEN lanes.room > 1 THEN now() ELSE COALESCE((
                -- A failing endpoint may have thousands at its head that wait for others: a look at a few is enough.
                SELECT due_at FROM deliveries AS ahead
                WHERE ahead.endpoint = lanes.endpoint AND ahead.due_at >= lanes.head AND ahead.due_at <= now()
                ORDER BY due_at OFFSET 64 LIMIT 1
              ), now()) END
              AND (  -- not NOT EXISTS: planned as a join, it reads whole lanes where statistics are old
                SELECT seq FROM deliveries AS earlier
                WHERE earlier.endpoint = delivery.endpoint AND earlier.call_uuid = delivery.call_uuid
                  AND earlier.seq < delivery.seq
                  AND earlier.created_at > now() - interval '30 seconds'
                LIMIT 1
              ) IS NULL
            ORDER BY due_at, seq LIMIT lanes.room FOR UPDATE OF delivery SKIP LOCKED
          ) AS due LIMIT 500
        ), leased AS (
          UPDATE deliveries SET leased_until = now() + $5 WHERE ctid = ANY (ARRAY(SELECT ctid FROM chosen))
          RETURNING deliveries.*
        )
        SELECT leased.domain_uuid, leased.subscription_uuid, leased.seq, leased.endpoint, event_uuid, event.event_name, facts, dialect,
               COALESCE(leased.callback_url, subscription.callback_url) AS callback_url,
               leased.callback_url IS NOT NULL AS is_elsewhere, callback_apikey_sealed, secret_sealed,
               CASE WHEN previous_secret_until > now() THEN previous_secret_sealed END AS previous_secret_sealed,
               enabled OR leased.callback_url IS NOT NULL AS is_enabled, failing_since IS NOT NULL AS is_failing,
               attempts, leased.created_at, leased_until
        FROM leased CROSS JOIN LATERAL (
          SELECT event_uuid, name AS event_name, facts FROM events
          WHERE events.domain_uuid = leased.domain_uuid AND events.seq = leased.seq
            AND events.created_at = leased.created_at LIMIT 1
        ) AS event CROSS JOIN LATERAL (
          SELECT * FROM subscriptions
          WHERE subscriptions.domain_uuid = leased.domain_uuid
            AND subscriptions.subscription_uuid = leased.subscription_uuid LIMIT 1
        ) AS subscription
        -- The commit waits for no disk: a lease that PostgreSQL loses in a crash is only claimed again.
        CROSS JOIN set_config('synchronous_commit', 'off', true)
        ORDER BY leased.created_at, leased.seq
        """,
        list(domains),
        known,
        [rooms.get(endpoint) for endpoint in known],
        room,
        timedelta(seconds=lease_s),
        [heads.begins.get(endpoint) for endpoint in known],
        heads.others,
    )
    return db.structs(rows, Delivery)


async def settle(
    tx: db.Tx, outcomes: Sequence[Outcome], *, disable_after_s: float, heads: Heads = NOT_LOOKED
) -> Settled:
    """Each outcome stands, its attempt is in the log, and its subscription knows how it went.

    A subscription with nothing but failures for `disable_after_s` is disabled, and an event tells
    of it. An outcome whose lease ran out changes nothing when somebody else has claimed the
    delivery since, or it is to be sent again, unless it was delivered there. One statement, unless
    there is news.
    """
    # locks first what deleting one locks first
    disabled = await _judge_subscriptions(tx, outcomes, disable_after_s)
    await outbox.publish_many(tx, [_notice(subscription) for subscription in disabled])
    attempts = [outcome.attempt for outcome in outcomes]
    rows = await tx.fetch(
        """
        WITH given AS (
          SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::text[],
                               $7::interval[], $8::int[], $9::timestamptz[], $10::timestamptz[], $11::int[], $12::int[],
                               $13::text[], $14::text[], $15::timestamptz[])
            AS t (domain_uuid, subscription_uuid, seq, endpoint, leased_until, state,
                  delay, attempt, created_at, at, status, latency_ms, error, callback_url, head)
          -- The commit waits for no disk: what PostgreSQL forgets in a crash is sent again, with the same webhook-id.
          -- Unless an event was published in it: one that was read must not be forgotten.
          CROSS JOIN set_config(
            'synchronous_commit', CASE WHEN $16 THEN current_setting('synchronous_commit') ELSE 'off' END, true)
        ), found AS (
          SELECT given.*, place FROM given CROSS JOIN LATERAL (
            SELECT ctid AS place, deliveries.endpoint AS lane, deliveries.leased_until AS lease FROM deliveries
            -- As rows, which only the primary key is in the order of: in an empty table every index looks as good.
            WHERE (deliveries.domain_uuid, deliveries.subscription_uuid, deliveries.seq)
              BETWEEN (given.domain_uuid, given.subscription_uuid, given.seq)
                  AND (given.domain_uuid, given.subscription_uuid, given.seq) LIMIT 1
          ) AS delivery
          WHERE lane = given.endpoint  -- else it is to go elsewhere now
            AND (lease = given.leased_until OR given.state = 'delivered')
        ), ended AS (
          DELETE FROM deliveries WHERE ctid = ANY (ARRAY(SELECT place FROM found WHERE state <> 'due'))
        ), put_back AS (
          UPDATE deliveries SET leased_until = '-infinity', (due_at, attempts) = (
            SELECT now() + delay, attempt FROM found WHERE place = deliveries.ctid
          ) WHERE ctid = ANY (ARRAY(SELECT place FROM found WHERE state = 'due'))
        ), logged AS (
          INSERT INTO attempts (domain_uuid, subscription_uuid, seq, at, created_at, attempt, status, latency_ms,
                                state, error, callback_url)
          SELECT domain_uuid, subscription_uuid, seq, at, created_at, attempt, status, latency_ms,
                 state, error, callback_url
          FROM given WHERE at IS NOT NULL ON CONFLICT DO NOTHING
        )
        SELECT endpoint FROM (
          SELECT endpoint, bool_or(state = 'due' AND delay = '0') AS is_given_back,
                 COALESCE(min(head), '-infinity') AS head FROM given GROUP BY endpoint
        ) AS lanes
        WHERE is_given_back OR (  -- not EXISTS: planned as a join, it reads all that waits
          SELECT true FROM deliveries
          WHERE deliveries.endpoint = lanes.endpoint AND due_at >= head AND due_at <= now()
            AND deliveries.leased_until <= now() ORDER BY due_at LIMIT 1
        )
        """,
        [outcome.delivery.domain_uuid for outcome in outcomes],
        [outcome.delivery.subscription_uuid for outcome in outcomes],
        [outcome.delivery.seq for outcome in outcomes],
        [outcome.delivery.endpoint for outcome in outcomes],
        [outcome.delivery.leased_until for outcome in outcomes],
        [outcome.state for outcome in outcomes],
        [timedelta(seconds=outcome.delay_s) for outcome in outcomes],
        [outcome.delivery.attempts + (outcome.attempt is not None) for outcome in outcomes],
        [outcome.delivery.created_at for outcome in outcomes],
        [attempt and attempt.at for attempt in attempts],
        [attempt and attempt.status for attempt in attempts],
        [attempt and attempt.latency_ms for attempt in attempts],
        [attempt and attempt.error for attempt in attempts],
        [
            outcome.delivery.callback_url if outcome.delivery.is_elsewhere else None
            for outcome in outcomes
        ],
        [heads.of(outcome.delivery.endpoint) for outcome in outcomes],
        bool(disabled),
    )
    return Settled(disabled, [row["endpoint"] for row in rows])


async def sweep(tx: db.Tx) -> int:
    """Deliveries that were published while their subscription was being deleted are gone. How
    many.
    """
    swept: int = await tx.fetchval(
        """
        WITH swept AS (
          DELETE FROM deliveries WHERE NOT EXISTS (
            SELECT FROM subscriptions WHERE subscriptions.domain_uuid = deliveries.domain_uuid
                                        AND subscriptions.subscription_uuid = deliveries.subscription_uuid
          ) RETURNING true
        )
        SELECT count(*) FROM swept
        """
    )
    return swept


async def _judge_subscriptions(
    tx: db.Tx, outcomes: Sequence[Outcome], disable_after_s: float
) -> list[Disabled]:
    """Their failing_since and enabled are up to date; a success among several outcomes wins."""
    if not (news := [outcome for outcome in outcomes if outcome.is_news]):
        return []
    rows = await tx.fetch(
        """
        WITH given AS (
          SELECT domain_uuid, subscription_uuid, bool_or(is_success) AS is_success, max(disable) AS disable
          FROM unnest($1::uuid[], $2::uuid[], $3::bool[], $4::text[])
            AS t (domain_uuid, subscription_uuid, is_success, disable)
          GROUP BY domain_uuid, subscription_uuid
        ), known AS (
          SELECT domain_uuid, subscription_uuid, enabled, COALESCE(failing_since, now()) AS failing_since, is_success,
                 CASE WHEN NOT enabled THEN disabled_reason
                      WHEN disable <> '' THEN disable
                      WHEN NOT is_success AND failing_since <= now() - $5::interval
                      THEN 'Nothing but failures since '
                        || to_char(failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') || '.'
                      ELSE '' END AS reason
          FROM subscriptions JOIN given USING (domain_uuid, subscription_uuid)
          ORDER BY domain_uuid, subscription_uuid FOR NO KEY UPDATE OF subscriptions
        )
        UPDATE subscriptions SET
          failing_since = CASE WHEN known.is_success THEN NULL ELSE known.failing_since END,
          enabled = known.enabled AND known.reason = '',
          disabled_reason = known.reason
        FROM known JOIN domains USING (domain_uuid)
        WHERE subscriptions.domain_uuid = known.domain_uuid
          AND subscriptions.subscription_uuid = known.subscription_uuid
        RETURNING subscriptions.domain_uuid, domains.name AS domain, subscriptions.subscription_uuid, event_name,
                  callback_url, subscriptions.disabled_reason, now() AS disabled_at,
                  known.enabled AND NOT subscriptions.enabled AS is_new
        """,
        [outcome.delivery.domain_uuid for outcome in news],
        [outcome.delivery.subscription_uuid for outcome in news],
        [outcome.state == "delivered" for outcome in news],
        [outcome.disable for outcome in news],
        timedelta(seconds=disable_after_s),
    )
    return db.structs((row for row in rows if row["is_new"]), Disabled)


def _notice(one: Disabled) -> events.Event:
    facts = events.SubscriptionFacts(
        domain=one.domain,
        subscription_uuid=one.subscription_uuid,
        event_name=one.event_name,
        callback_url=one.callback_url,
        disabled_reason=one.disabled_reason,
        disabled_at=one.disabled_at,
    )
    return events.disabled(one.domain_uuid, facts)
