"""Claiming deliveries, and recording their outcomes."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.store.deliveries.rounds import HOUR, URL, claim, claim_in, never, outcome, record
from tests.webhooks import samples
from tongdai import dialects, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.store import db, deliveries, delivery_outcomes, low_water, subscriptions
from tongdai.store.deliveries import Outcome
from tongdai.webhooks import retry

NAMES: tuple[events.EventName, ...] = ("ringing", "answered", "hangup", "cdr")


async def count(database: db.Database, query: str) -> int:
    async with database.connection() as tx:
        return int(await tx.fetchval(query))


async def failing_since(database: db.Database, subscription_uuid: UUID) -> datetime | None:
    async with database.connection() as tx:
        since: datetime | None = await tx.fetchval(
            "SELECT failing_since FROM subscriptions WHERE subscription_uuid = $1",
            subscription_uuid,
        )
    return since


# --- claiming


async def test_a_claim_gives_all_that_is_needed_to_send(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    subscription = await samples.subscribe(
        database, master_key, domain, "ringing", URL, apikey="foo"
    )
    event = samples.event(domain)
    await samples.publish(database, event)

    [delivery] = await claim(database, domain)

    assert (delivery.subscription_uuid, delivery.seq, delivery.event_uuid) == (
        subscription,
        1,
        event.event_uuid,
    )
    assert (delivery.callback_url, delivery.event_name, delivery.dialect) == (
        URL,
        event.name,
        "v1",
    )
    assert dialects.event("v1", delivery.event_name, delivery.facts) == samples.body(event)
    assert master_key.decrypt(delivery.callback_apikey_encrypted or b"") == "foo"
    assert master_key.decrypt(delivery.secret_encrypted) == samples.SECRET
    assert (delivery.is_enabled, delivery.is_failing, delivery.attempts) == (True, False, 0)


async def test_what_is_claimed_is_nobody_elses_until_the_lease_ends(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [first] = await claim(database, domain, lease_s=60)

    assert await claim(database, domain) == []
    await samples.pass_time(database, 59)
    assert await claim(database, domain) == []
    await samples.pass_time(database, 2)
    assert [again.seq for again in await claim(database, domain)] == [first.seq]


async def test_claims_at_the_same_time_give_each_delivery_once(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, *[samples.event(domain) for _ in range(200)])

    claims = await asyncio.gather(*(claim(database, domain, credit=30) for _ in range(8)))

    claimed = [delivery.seq for claimed in claims for delivery in claimed]
    assert len(claimed) == len(set(claimed)) > 30


async def test_the_oldest_come_first_and_no_more_than_there_is_credit(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    for _ in range(5):
        await samples.publish(database, samples.event(domain))

    assert [delivery.seq for delivery in await claim(database, domain, credit=3)] == [1, 2, 3]
    assert [delivery.seq for delivery in await claim(database, domain, credit=3)] == [4, 5]


async def test_each_endpoint_has_its_own_credit(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    for n in range(3):
        await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/{n}")
    await samples.publish(database, *[samples.event(domain) for _ in range(3)])
    first = await claim(database, domain, credit=1)
    endpoints = {delivery.callback_url[-1]: delivery.endpoint for delivery in first}

    async with database.connection() as tx:
        credits_ = {endpoints["0"]: 0, endpoints["1"]: 2, endpoints["2"]: 1}
        more = await deliveries.claim(tx, credits_, lease_s=60)

    assert sorted(endpoints) == ["0", "1", "2"]
    assert sorted(delivery.callback_url[-1] for delivery in more) == ["1", "1", "2"]


async def test_a_claim_says_whether_the_subscription_is_failing(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, *[samples.event(domain) for _ in range(2)])
    [first] = await claim(database, domain, credit=1)
    await record(database, outcome(first, 500))

    [second] = await claim(database, domain)

    assert (first.is_failing, second.is_failing) == (False, True)


async def test_of_endpoints_never_tried_so_many_of_a_domain_have_one_each(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    """However many subscriptions it has, and whatever the others have."""
    other = await samples.domain(database)
    for n in range(5):
        await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/{n}")
        await samples.subscribe(database, master_key, domain, "hangup", f"{URL}/{n}")
    await samples.subscribe(database, master_key, other, "ringing", URL)
    await samples.publish(database, *[samples.event(domain) for _ in range(3)])
    await samples.publish(database, samples.event(other))
    fresh = {domain.domain_uuid: 2, other.domain_uuid: 2}

    claimed = []
    tried = set[UUID]()
    for _ in range(3):
        async with database.connection() as tx:
            claimed += [await deliveries.claim(tx, {}, fresh=fresh, tried=tried, lease_s=60)]
        tried |= {delivery.endpoint for delivery in claimed[-1]}

    assert [len(each) for each in claimed] == [3, 2, 1]
    assert len(tried) == 6
    assert {delivery.seq for each in claimed for delivery in each} == {1}


async def test_an_endpoint_never_tried_that_has_nothing_due_takes_no_turn(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    for n in range(5):
        await samples.subscribe(database, master_key, domain, "hangup", f"{URL}/{n}")
    await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/due")
    await samples.publish(database, samples.event(domain))

    async with database.connection() as tx:
        [delivery] = await deliveries.claim(tx, {}, fresh={domain.domain_uuid: 1}, lease_s=60)

    assert delivery.callback_url == f"{URL}/due"


async def test_of_another_domain_nothing_is_claimed(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    other = await samples.domain(database)
    await samples.publish(database, samples.event(domain))

    assert await claim(database, other) == []


# --- the order of a call


@pytest.fixture
async def four(database: db.Database, domain: directory.Domain, master_key: MasterKey) -> None:
    """The subscriptions of a CRM: one URL for all four events of a call."""
    for name in NAMES:
        await samples.subscribe(database, master_key, domain, name, URL)


async def test_the_events_of_a_call_come_one_after_the_other(
    database: db.Database, domain: directory.Domain, four: None
) -> None:
    call, other = ids.new(), ids.new()
    await samples.publish(
        database, *[samples.event(domain, name, of) for name in NAMES for of in (call, other)]
    )

    came: list[list[int]] = []
    while claimed := await claim(database, domain):
        came.append([delivery.seq for delivery in claimed])
        await record(database, *[outcome(delivery, 200) for delivery in claimed])

    assert came == [[1, 2], [3, 4], [5, 6], [7, 8]]


async def test_an_event_waits_for_an_earlier_one_that_failed_but_not_for_ever(
    database: db.Database, domain: directory.Domain, four: None
) -> None:
    call = ids.new()
    await samples.publish(
        database, samples.event(domain, "ringing", call), samples.event(domain, "answered", call)
    )
    [ringing] = await claim(database, domain)
    await record(database, outcome(ringing, 500, delay_s=300))

    assert await claim(database, domain) == []
    await samples.pass_time(database, 29)
    assert await claim(database, domain) == []
    await samples.pass_time(database, 2)
    assert [delivery.seq for delivery in await claim(database, domain)] == [2]


async def test_an_event_does_not_wait_for_an_earlier_one_that_was_given_up(
    database: db.Database, domain: directory.Domain, four: None
) -> None:
    call = ids.new()
    await samples.publish(
        database, samples.event(domain, "ringing", call), samples.event(domain, "answered", call)
    )
    [ringing] = await claim(database, domain)
    await record(database, Outcome(ringing, "failed"))

    assert [delivery.seq for delivery in await claim(database, domain)] == [2]


async def test_of_a_failing_endpoint_only_the_head_is_looked_at(
    database: db.Database, domain: directory.Domain, four: None
) -> None:
    """Thousands that wait for others must not make claiming slow; they wait half a minute at
    most.
    """
    calls = [ids.new() for _ in range(100)]
    for name in ("ringing", "answered"):
        await samples.publish(database, *[samples.event(domain, name, call) for call in calls])
    ringing = await claim(database, domain, credit=100)
    await record(database, *[outcome(delivery, 500, delay_s=300) for delivery in ringing])
    await samples.publish(database, samples.event(domain, "ringing"))

    assert await claim(database, domain, credit=1) == []
    await samples.pass_time(database, 31)
    assert [delivery.seq for delivery in await claim(database, domain, credit=1)] == [101]


async def test_other_urls_and_other_calls_do_not_wait(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/1")
    await samples.subscribe(database, master_key, domain, "answered", f"{URL}/2")
    await samples.subscribe(database, master_key, domain, "answered", f"{URL}/1")
    call = ids.new()
    await samples.publish(
        database,
        samples.event(domain, "ringing", call),
        samples.event(domain, "answered", call),
        samples.event(domain, "answered"),
    )

    claimed = await claim(database, domain)

    assert sorted((delivery.seq, delivery.callback_url[-1]) for delivery in claimed) == [
        (1, "1"), (2, "2"), (3, "1"), (3, "2"),
    ]  # fmt: skip


# --- recording


async def test_a_delivered_one_is_never_claimed_again(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [delivery] = await claim(database, domain)

    await record(database, outcome(delivery, 200))

    await samples.pass_time(database, 1000 * HOUR)
    assert await claim(database, domain) == []
    assert await samples.states(database) == ["delivered"]
    assert await samples.attempts(database) == [(1, 200, "")]


async def test_a_failed_attempt_is_due_again_after_its_delay(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [delivery] = await claim(database, domain)

    await record(database, outcome(delivery, 503, delay_s=100))

    await samples.pass_time(database, 99)
    assert await claim(database, domain) == []
    await samples.pass_time(database, 2)
    [again] = await claim(database, domain)
    assert (again.attempts, again.event_uuid, again.facts) == (
        1,
        delivery.event_uuid,
        delivery.facts,
    )


async def test_what_is_given_back_is_due_at_once_and_counts_no_attempt(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [delivery] = await claim(database, domain)

    await record(database, Outcome(delivery, "due"))

    [again] = await claim(database, domain)
    assert again.attempts == 0
    assert await samples.attempts(database) == []


async def test_who_lost_the_lease_changes_nothing_by_a_failure(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [late] = await claim(database, domain)
    await samples.pass_time(database, 61)
    [delivery] = await claim(database, domain)

    await record(database, outcome(late, 500))
    assert await claim(database, domain) == []  # still leased to the second
    await record(database, outcome(delivery, 200))

    assert await samples.states(database) == ["delivered"]
    # both were made
    assert sorted(await samples.attempts(database)) == [(1, 200, ""), (1, 500, "")]


async def test_who_lost_the_lease_and_delivered_ends_the_delivery(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, samples.event(domain))
    [late] = await claim(database, domain)
    await samples.pass_time(database, 61)
    [delivery] = await claim(database, domain)

    await record(database, outcome(late, 200))
    await record(database, outcome(delivery, 500))

    assert await samples.states(database) == ["delivered"]


async def test_outcomes_of_a_subscription_that_is_gone_are_dropped(
    database: db.Database, domain: directory.Domain, subscription: UUID, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/kept")
    await samples.publish(database, samples.event(domain))
    claimed = await claim(database, domain)
    async with database.connection() as tx:
        await subscriptions.delete(tx, domain.domain_uuid, subscription)

    await record(database, *[outcome(delivery, 500) for delivery in claimed])

    assert await samples.states(database) == ["due"]
    assert await count(database, "SELECT attempts FROM deliveries") == 1


# --- subscriptions that fail


async def test_failing_since_is_the_first_failure_and_one_success_clears_it(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, *[samples.event(domain) for _ in range(3)])
    for _ in range(2):
        [delivery] = await claim(database, domain, credit=1)
        await record(database, outcome(delivery, 500))
        await samples.pass_time(database, HOUR)
    since = await failing_since(database, subscription)
    [delivery] = await claim(database, domain, credit=1)
    await record(database, outcome(delivery, 200))

    assert since
    assert 1.9 * HOUR < (datetime.now(UTC) - since).total_seconds() < 2.1 * HOUR
    assert await failing_since(database, subscription) is None


@pytest.mark.parametrize(("hours", "is_disabled"), [(119, False), (121, True)])
async def test_a_subscription_is_disabled_when_the_policy_says_so(
    database: db.Database,
    domain: directory.Domain,
    subscription: UUID,
    hours: int,
    *,
    is_disabled: bool,
) -> None:
    await samples.publish(database, samples.event(domain), samples.event(domain))
    first, _ = await claim(database, domain)
    await record(database, outcome(first, 500))
    await samples.pass_time(database, hours * HOUR)
    [first] = await claim(database, domain, credit=1)

    disabled = await record(database, outcome(first, 500), disable_reason=retry.disable_reason)

    assert [one.subscription_uuid for one in disabled] == ([subscription] if is_disabled else [])
    assert all(one.disabled_reason.startswith("Nothing but failures since 20") for one in disabled)
    left = await claim(database, domain)
    assert [delivery.is_enabled for delivery in left] == [not is_disabled]


async def test_a_success_at_day_four_begins_the_count_anew(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await samples.publish(database, *[samples.event(domain) for _ in range(3)])
    for hours, status in ((0, 500), (96, 200), (48, 500)):
        await samples.pass_time(database, hours * HOUR)
        [delivery] = await claim(database, domain, credit=1)
        disabled = await record(
            database,
            outcome(delivery, status, delay_s=1000 * HOUR),
            disable_reason=retry.disable_reason,
        )
        assert disabled == []


async def test_gone_disables_its_subscription_alone_and_once(
    database: db.Database, domain: directory.Domain, subscription: UUID, master_key: MasterKey
) -> None:
    other = await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/other")
    await samples.publish(database, samples.event(domain), samples.event(domain))
    claimed = await claim(database, domain)
    gone = [
        outcome(delivery, 410, disable="Gone.")
        for delivery in claimed
        if delivery.subscription_uuid == subscription
    ]

    disabled = [*await record(database, gone[0]), *await record(database, gone[1])]

    [one] = disabled
    assert (one.domain_uuid, one.domain, one.subscription_uuid) == (
        domain.domain_uuid,
        domain.name,
        subscription,
    )
    assert (one.event_name, one.callback_url, one.disabled_reason) == ("ringing", URL, "Gone.")
    async with database.connection() as tx:
        enabled = await tx.fetch("SELECT subscription_uuid FROM subscriptions WHERE enabled")
    assert [row["subscription_uuid"] for row in enabled] == [other]


# --- finding work


async def test_endpoints_with_something_due_are_found_and_no_others(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    for n in range(3):
        await samples.subscribe(database, master_key, domain, "ringing", f"{URL}/{n}")
    await samples.publish(database, samples.event(domain))
    by_url = {delivery.callback_url[-1]: delivery for delivery in await claim(database, domain)}
    await samples.publish(database, samples.event(domain))
    async with database.connection() as tx:
        await deliveries.claim(tx, {by_url["0"].endpoint: 5}, lease_s=60)
    await record(database, Outcome(by_url["1"], "due"), outcome(by_url["2"], 200))

    async with database.connection() as tx:
        found = (await low_water.look(tx)).due
        outstanding = await deliveries.count_outstanding(tx)

    assert sorted(found) == sorted(
        (domain.domain_uuid, by_url[which].endpoint) for which in ("1", "2")
    )
    assert outstanding == 5


@pytest.mark.parametrize("statistics", ["fresh", "old"])
@pytest.mark.parametrize("made", ["before", "after"])
async def test_what_waits_costs_nothing(
    database: db.Database, domain: directory.Domain, subscription: UUID, statistics: str, made: str
) -> None:
    """Claims and records read what they need, not all that waits; also by plans that were made
    when there was nothing, and though PostgreSQL believes that the tables are nearly empty.
    """
    busy = await db.connect(database.dsn, settings=db.PLANNED_ONCE)
    if made == "before":
        await deliver_some(busy, domain)
    async with database.connection() as tx:
        await tx.execute("ANALYZE")
    async with database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO events (domain_uuid, seq, event_uuid, call_uuid, name, facts)
            SELECT $1, n, gen_random_uuid(), gen_random_uuid(), 'ringing', '{}'
            FROM generate_series(1, 20000) AS n
            """,
            domain.domain_uuid,
        )
        await tx.execute(
            """
            INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint)
            SELECT domain_uuid, subscription_uuid, seq, call_uuid, endpoint
            FROM events JOIN subscriptions USING (domain_uuid)
            """
        )
    if statistics == "fresh":
        async with database.connection() as tx:
            await tx.execute("ANALYZE")
    async with busy.transaction():
        before = await rows_read(busy)
        assert await deliver_some(busy, domain) == 8 * 8

        assert await rows_read(busy) - before < 64 * 16
    await busy.close()


async def deliver_some(tx: db.Tx, domain: directory.Domain) -> int:
    """Eight rounds, in which half of what is claimed is taken. How much was claimed."""
    count = 0
    for _ in range(8):
        await low_water.look(tx)
        claimed = await claim_in(tx, domain.domain_uuid, 8)
        outcomes = [outcome(delivery, 200 if n % 2 else 500) for n, delivery in enumerate(claimed)]
        await delivery_outcomes.record(tx, outcomes, never)
        await tx.execute("UPDATE subscriptions SET failing_since = NULL")
        count += len(claimed)
    return count


async def rows_read(tx: db.Tx) -> int:
    """The number of rows of the large tables that this connection has read since the last time."""
    rows: int = await tx.fetchval(
        """
        SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables
        WHERE relname = 'deliveries' OR relname LIKE 'events%'
        """
    )
    return rows


async def test_what_is_recorded_waits_for_no_disk(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    """Whether or not its endpoint has more."""
    await samples.publish(database, samples.event(domain))
    [delivery] = await claim(database, domain)
    async with database.transaction() as tx:
        await delivery_outcomes.record(tx, [outcome(delivery, 200)], never)
        assert await tx.fetchval("SHOW synchronous_commit") == "off"
