"""Due deliveries: a dispatcher claims them for a while, sends them and records the outcome
(`delivery_outcomes`).

Unlike the rest of `store`, this reads across domains: one dispatcher serves all. Deliveries wait
in queues, one for each endpoint (a callback URL of a domain). All times are the database's, so the
clocks of dispatchers need not agree. A delivery that was accepted or has failed for good is
removed from the table; its outcome is in the log (`attempts`).

The statements are written for connections with the settings `db.PLANNED_ONCE`; its comment says
how they keep PostgreSQL to one plan.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from tongdai.store import batches, db, low_water

State = Literal["due", "delivered", "failed"]

BATCH = 500
"""The most deliveries that one `claim` returns."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # no delivery is due before


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one subscription, claimed by us until `leased_until`."""

    domain_uuid: UUID
    subscription_uuid: UUID
    seq: int
    endpoint: UUID
    event_uuid: UUID
    event_name: str
    facts: str  # of the event, as JSON
    dialect: str  # the subscription's
    callback_url: str
    # another URL than the subscription's: failures there say nothing about the subscription
    is_elsewhere: bool
    callback_apikey_encrypted: bytes | None
    secret_encrypted: bytes
    previous_secret_encrypted: bytes | None  # signs too, while the secret is being replaced
    # the subscription's options
    numbers_as_text: bool = False
    accept_redirects: bool = False
    callback_headers_encrypted: bytes | None = None
    callback_ca: str = ""
    is_enabled: bool  # the subscription; deliveries of a disabled one fail
    is_failing: bool  # the subscription's latest delivery failed
    attempts: int  # attempts so far
    created_at: datetime  # the event
    leased_until: datetime


class Attempt(msgspec.Struct, frozen=True):
    """One POST for the log, or the reason that there was none. `status` is 0 if there was no
    response; `error` is for the subscriber to read.
    """

    at: datetime
    status: int
    latency_ms: int
    error: str


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a claimed delivery; without an attempt the delivery is given back."""

    delivery: Delivery
    state: State
    delay_s: float = 0.0  # seconds until it is due again
    attempt: Attempt | None = None
    disable: str = ""  # the reason to disable the subscription

    @property
    def is_news(self) -> bool:
        """Whether the outcome changes the subscription's health, beside the delivery."""
        is_its_own = (
            self.attempt is not None
            and self.delivery.is_enabled
            and not self.delivery.is_elsewhere
        )
        return is_its_own and (self.state != "delivered" or self.delivery.is_failing)


async def count_outstanding(tx: db.Tx) -> int:
    """The number of deliveries that are neither delivered nor failed; counts up to 100,000."""
    number: int = await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM deliveries LIMIT 100000) AS outstanding"
    )
    return number


_CLAIM = f"""
    WITH fresh AS (  -- endpoints of subscriptions, not tried yet, so many of each domain
      SELECT own.endpoint FROM unnest($3::uuid[], $4::int[]) AS woken (domain_uuid, most)
      CROSS JOIN LATERAL (
        SELECT endpoint FROM (
          SELECT DISTINCT endpoint FROM subscriptions
          WHERE domain_uuid = woken.domain_uuid AND endpoint <> ALL ($5)
        ) AS untried
        WHERE (
          SELECT true FROM deliveries
          WHERE deliveries.endpoint = untried.endpoint AND due_at <= now()
            AND due_at >= COALESCE(($6::jsonb ->> untried.endpoint::text)::timestamptz, $7)
            AND leased_until <= now() LIMIT 1
        ) LIMIT woken.most
      ) AS own
    ), wanted AS (
      SELECT endpoint, credit, COALESCE(($6 ->> endpoint::text)::timestamptz, $7) AS mark
      FROM (
        SELECT * FROM unnest($1::uuid[], $2::int[]) AS tried (endpoint, credit)
        UNION ALL SELECT endpoint, 1 FROM fresh
      ) AS asked
    ), chosen AS (
      SELECT due.* FROM wanted CROSS JOIN LATERAL (
        SELECT ctid FROM deliveries AS delivery
        WHERE endpoint = wanted.endpoint AND leased_until <= now() AND due_at >= wanted.mark
          AND due_at <= CASE WHEN credit > 1 THEN now() ELSE COALESCE((
            -- A failing endpoint may have thousands that wait for earlier ones of their calls:
            -- a look at the first few is enough.
            SELECT due_at FROM deliveries AS ahead
            WHERE ahead.endpoint = wanted.endpoint AND ahead.due_at >= wanted.mark
              AND ahead.due_at <= now()
            ORDER BY due_at OFFSET 64 LIMIT 1
          ), now()) END
          AND (
            SELECT seq FROM deliveries AS earlier
            WHERE earlier.endpoint = delivery.endpoint
              AND earlier.call_uuid = delivery.call_uuid AND earlier.seq < delivery.seq
              AND earlier.created_at > now() - interval '30 seconds' LIMIT 1
          ) IS NULL
        ORDER BY due_at, seq LIMIT wanted.credit FOR UPDATE OF delivery SKIP LOCKED
      ) AS due LIMIT {BATCH}
    ), leased AS (
      UPDATE deliveries SET leased_until = now() + $8
      WHERE ctid = ANY (ARRAY(SELECT ctid FROM chosen))
      RETURNING deliveries.*
    )
    SELECT leased.domain_uuid, leased.subscription_uuid, leased.seq, leased.endpoint, event_uuid,
           event.event_name, facts, dialect,
           COALESCE(leased.callback_url, subscription.callback_url) AS callback_url,
           leased.callback_url IS NOT NULL AS is_elsewhere,
           callback_apikey_encrypted, secret_encrypted,
           CASE WHEN previous_secret_until > now() THEN previous_secret_encrypted
             END AS previous_secret_encrypted,
           numbers_as_text, accept_redirects, callback_headers_encrypted, callback_ca,
           enabled OR leased.callback_url IS NOT NULL AS is_enabled,
           failing_since IS NOT NULL AS is_failing, attempts, leased.created_at, leased_until
    FROM leased CROSS JOIN LATERAL (
      SELECT event_uuid, name AS event_name, facts FROM events
      WHERE events.domain_uuid = leased.domain_uuid AND events.seq = leased.seq
        AND events.created_at = leased.created_at LIMIT 1
    ) AS event CROSS JOIN LATERAL (
      SELECT * FROM subscriptions
      WHERE subscriptions.domain_uuid = leased.domain_uuid
        AND subscriptions.subscription_uuid = leased.subscription_uuid LIMIT 1
    ) AS subscription
    -- The commit waits for no disk: a lease that PostgreSQL loses in a crash is claimed again.
    CROSS JOIN set_config('synchronous_commit', 'off', true)
    ORDER BY leased.created_at, leased.seq
"""  # noqa: S608  the one number in it


async def claim(
    tx: db.Tx,
    credits_: Mapping[UUID, int],
    *,
    lease_s: float,
    fresh: Mapping[UUID, int] = {},
    tried: Collection[UUID] = (),
    marks: low_water.Marks = low_water.NOT_LOOKED,
) -> list[Delivery]:
    """Claims due deliveries, for each endpoint at most the number in `credits_`; no other claim
    returns them within `lease_s`.

    In addition: one delivery for each endpoint of the subscriptions of the domains in `fresh`, for
    at most that number of endpoints of each domain, and for none in `tried`. A delivery waits for
    earlier ones of its call to its endpoint, but not for those that are 30 seconds old.
    """
    asked = {*credits_, *(each for domain in fresh for each in marks.domains.get(domain, ()))}
    rows = await tx.fetch(
        _CLAIM,
        list(credits_),
        list(credits_.values()),
        list(fresh),
        list(fresh.values()),
        [*tried, *credits_],
        msgspec.json.encode(
            {each: marks.early[each] for each in asked & marks.early.keys()}
        ).decode(),
        marks.others or _BEGINNING,
        timedelta(seconds=lease_s),
    )
    return db.structs(rows, Delivery)


# Steps from subscription to subscription along the primary key, past the rows between.
_ORPHANED = """
    WITH RECURSIVE waiting AS (
      (SELECT domain_uuid, subscription_uuid FROM deliveries
       ORDER BY domain_uuid, subscription_uuid LIMIT 1)
      UNION ALL
      SELECT next.* FROM waiting CROSS JOIN LATERAL (
        SELECT domain_uuid, subscription_uuid FROM deliveries
        WHERE (domain_uuid, subscription_uuid) > (waiting.domain_uuid, waiting.subscription_uuid)
        ORDER BY domain_uuid, subscription_uuid LIMIT 1
      ) AS next
    )
    SELECT domain_uuid, subscription_uuid FROM waiting WHERE NOT EXISTS (
      SELECT FROM subscriptions
      WHERE subscriptions.domain_uuid = waiting.domain_uuid
        AND subscriptions.subscription_uuid = waiting.subscription_uuid)
"""


async def sweep(database: db.Database, batch: int = batches.BATCH) -> int:
    """Deletes deliveries that were published while their subscription was being deleted. Returns
    the number. It reads the first delivery of each subscription, however many wait.
    """
    async with database.transaction() as tx:
        await db.by_index(tx)
        orphaned = await tx.fetch(_ORPHANED)
    gone = 0
    for of in orphaned:
        rows = batches.Rows("deliveries", dict(of), ("seq",))
        gone += await batches.delete(database, rows, batch=batch)
    return gone
