"""Outcomes of deliveries: accepted and failed ones are removed, the rest is due again, and the
health of their subscriptions is updated.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from tongdai.pbx import events
from tongdai.store import db, low_water, outbox
from tongdai.store.deliveries import Outcome, State


class Disabled(msgspec.Struct, frozen=True):
    """A subscription that was disabled just now."""

    domain_uuid: UUID
    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: datetime


class Turned(msgspec.Struct, frozen=True):
    """A subscription that has begun to fail, or has ceased to."""

    domain_uuid: UUID
    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    is_failing: bool


class Recorded(msgspec.Struct, frozen=True):
    """The result of recording outcomes: subscriptions disabled by it, endpoints with more due
    deliveries, by their domains, and subscriptions that have begun or ceased to fail.
    """

    disabled: Sequence[Disabled]
    due: Sequence[tuple[UUID, UUID]]
    turned: Sequence[Turned] = ()


DisableReason = Callable[[datetime, datetime], str]
"""The reason to disable, at the second time, a subscription that had nothing but failures since
the first; "": it stays enabled.
"""


class _Row(msgspec.Struct, frozen=True):
    """An outcome in the form that `_RECORD` reads."""

    domain_uuid: UUID
    subscription_uuid: UUID
    seq: int
    endpoint: UUID
    leased_until: datetime
    state: State
    delay_s: float
    attempt: int
    created_at: datetime
    at: datetime | None
    status: int | None
    latency_ms: int | None
    error: str | None
    callback_url: str | None
    mark: datetime | None


class _Judged(msgspec.Struct, frozen=True):
    """A subscription in the form that `_SET_HEALTH` reads. `failing_since` None: its latest
    delivery was accepted.
    """

    domain_uuid: UUID
    subscription_uuid: UUID
    failing_since: datetime | None
    reason: str  # the reason to disable it; ""


_RECORD = f"""
    WITH given AS (
      SELECT given.* FROM json_to_recordset($1) AS given ({db.columns(_Row)})
      -- The commit waits for no disk: what PostgreSQL forgets in a crash is sent again, with the
      -- same webhook-id. Unless an event was published in it: what was read must not be forgotten.
      CROSS JOIN set_config('synchronous_commit', CASE
        WHEN $2 THEN current_setting('synchronous_commit') ELSE 'off' END, true)
    ), found AS (
      SELECT given.*, place FROM given CROSS JOIN LATERAL (
        SELECT ctid AS place, deliveries.endpoint AS goes_to, deliveries.leased_until AS lease
        FROM deliveries
        WHERE (deliveries.domain_uuid, deliveries.subscription_uuid, deliveries.seq)
          BETWEEN (given.domain_uuid, given.subscription_uuid, given.seq)
              AND (given.domain_uuid, given.subscription_uuid, given.seq) LIMIT 1
      ) AS delivery
      WHERE goes_to = given.endpoint  -- else it is to go elsewhere now
        AND (lease = given.leased_until OR given.state = 'delivered')
    ), ended AS (
      DELETE FROM deliveries
      WHERE ctid = ANY (ARRAY(SELECT place FROM found WHERE state <> 'due'))
    ), put_back AS (
      UPDATE deliveries SET leased_until = '-infinity', (due_at, attempts) = (
        SELECT now() + make_interval(secs => delay_s), attempt FROM found
        WHERE place = deliveries.ctid
      ) WHERE ctid = ANY (ARRAY(SELECT place FROM found WHERE state = 'due'))
    ), logged AS (
      INSERT INTO attempts (domain_uuid, subscription_uuid, seq, at, created_at, attempt, status,
                            latency_ms, state, error, callback_url)
      SELECT domain_uuid, subscription_uuid, seq, at, created_at, attempt, status,
             latency_ms, state, error, callback_url
      FROM given WHERE at IS NOT NULL ON CONFLICT DO NOTHING
    )
    SELECT domain_uuid, endpoint FROM (
      SELECT domain_uuid, endpoint, bool_or(state = 'due' AND delay_s = 0) AS is_given_back,
             COALESCE(min(mark), '-infinity') AS mark
      FROM given GROUP BY domain_uuid, endpoint
    ) AS endpoints
    WHERE is_given_back OR (
      SELECT true FROM deliveries
      WHERE deliveries.endpoint = endpoints.endpoint AND due_at >= mark AND due_at <= now()
        AND deliveries.leased_until <= now() ORDER BY due_at LIMIT 1
    )
"""  # noqa: S608  names and types of the struct's fields


async def record(
    tx: db.Tx,
    outcomes: Sequence[Outcome],
    disable_reason: DisableReason,
    *,
    marks: low_water.Marks = low_water.NOT_LOOKED,
) -> Recorded:
    """Records each outcome, its attempt in the log, and the health of its subscription.

    A subscription is disabled if `disable_reason` or an outcome gives a reason, and an event of it
    is published. An outcome that comes after its lease changes nothing when another dispatcher has
    claimed the delivery since, or when the outcome is to send it again, unless it was delivered
    there. One statement, unless the health of a subscription changes.
    """
    # locks first what deleting one locks first
    disabled, turned = await _judge_subscriptions(tx, outcomes, disable_reason)
    await outbox.publish_many(tx, [_notice(subscription) for subscription in disabled])
    given = [_row(outcome, marks) for outcome in outcomes]
    rows = await tx.fetch(_RECORD, msgspec.json.encode(given).decode(), bool(disabled))
    due = [(row["domain_uuid"], row["endpoint"]) for row in rows]
    return Recorded(disabled, due, turned)


def _row(outcome: Outcome, marks: low_water.Marks) -> _Row:
    delivery, attempt = outcome.delivery, outcome.attempt
    return _Row(
        domain_uuid=delivery.domain_uuid,
        subscription_uuid=delivery.subscription_uuid,
        seq=delivery.seq,
        endpoint=delivery.endpoint,
        leased_until=delivery.leased_until,
        state=outcome.state,
        delay_s=outcome.delay_s,
        attempt=delivery.attempts + (attempt is not None),
        created_at=delivery.created_at,
        at=attempt.at if attempt else None,
        status=attempt.status if attempt else None,
        latency_ms=attempt.latency_ms if attempt else None,
        error=attempt.error if attempt else None,
        callback_url=delivery.callback_url if delivery.is_elsewhere else None,
        mark=marks.of(delivery.endpoint),
    )


_LOCK_SUBSCRIPTIONS = """
    SELECT domain_uuid, subscription_uuid, enabled, disabled_reason, failing_since, now() AS at
    FROM subscriptions JOIN (
      SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS t (domain_uuid, subscription_uuid)
    ) AS given USING (domain_uuid, subscription_uuid)
    ORDER BY domain_uuid, subscription_uuid FOR NO KEY UPDATE OF subscriptions
"""
_SET_HEALTH = f"""
    UPDATE subscriptions SET failing_since = judged.failing_since,
      enabled = subscriptions.enabled AND judged.reason = '',
      disabled_reason = CASE WHEN subscriptions.enabled THEN judged.reason
                             ELSE subscriptions.disabled_reason END
    FROM json_to_recordset($1) AS judged ({db.columns(_Judged)}) JOIN domains USING (domain_uuid)
    WHERE subscriptions.domain_uuid = judged.domain_uuid
      AND subscriptions.subscription_uuid = judged.subscription_uuid
    RETURNING subscriptions.domain_uuid, domains.name AS domain, subscriptions.subscription_uuid,
      event_name, callback_url, judged.reason AS disabled_reason, now() AS disabled_at,
      judged.failing_since IS NOT NULL AS is_failing
"""  # noqa: S608  names and types of the struct's fields


async def _judge_subscriptions(
    tx: db.Tx, outcomes: Sequence[Outcome], disable_reason: DisableReason
) -> tuple[list[Disabled], list[Turned]]:
    """Updates failing_since and enabled; returns the subscriptions disabled by it, and those that
    have begun or ceased to fail. Of several outcomes of one subscription, a success wins.
    """
    if not (news := [outcome for outcome in outcomes if outcome.is_news]):
        return [], []
    keys = [(each.delivery.domain_uuid, each.delivery.subscription_uuid) for each in news]
    taken = {key for key, each in zip(keys, news, strict=True) if each.state == "delivered"}
    reasons = {key: each.disable for key, each in zip(keys, news, strict=True) if each.disable}
    rows = await tx.fetch(_LOCK_SUBSCRIPTIONS, *map(list, zip(*keys, strict=True)))
    judged, turned = [], set()
    for row in rows:
        key = (row["domain_uuid"], row["subscription_uuid"])
        since = None if key in taken else row["failing_since"] or row["at"]
        reason = reasons.get(key) or (disable_reason(since, row["at"]) if since else "")
        judged.append(_Judged(*key, since, reason if row["enabled"] else ""))
        if (since is None) != (row["failing_since"] is None):
            turned.add(key)
    changed = await tx.fetch(_SET_HEALTH, msgspec.json.encode(judged).decode())
    disabled = db.structs((row for row in changed if row["disabled_reason"]), Disabled)
    return list(disabled), [_turned(row) for row in changed if _key(row) in turned]


def _key(row: asyncpg.Record) -> tuple[UUID, UUID]:
    return row["domain_uuid"], row["subscription_uuid"]


def _turned(row: asyncpg.Record) -> Turned:
    return Turned(
        row["domain_uuid"],
        row["domain"],
        row["subscription_uuid"],
        row["event_name"],
        row["callback_url"],
        row["is_failing"],
    )


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
