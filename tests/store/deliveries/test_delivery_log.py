"""The log of deliveries, and sending again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.store.deliveries.rounds import URL, claim_in, never
from tests.webhooks import samples
from tongdai import dialects, errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.store import db, deliveries, delivery_log, delivery_outcomes, low_water, subscriptions
from tongdai.store.delivery_log import Entry, Filter

ELSEWHERE = "http://new.example.vn/hook"
MANY = 10**9


async def publish(
    database: db.Database, domain: directory.Domain, count: int
) -> list[events.Event]:
    made = [samples.event(domain) for _ in range(count)]
    for event in made:
        await samples.publish(database, event)
    return made


async def answer(
    database: db.Database, domain: directory.Domain, *statuses: int
) -> list[deliveries.Delivery]:
    """Due deliveries get these responses, in the order of the events; 410 stands for one that
    fails for good.
    """
    async with database.transaction() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 500)
        states: dict[int, deliveries.State] = {200: "delivered", 410: "failed"}
        outcomes = [
            deliveries.Outcome(
                delivery,
                states.get(status, "due"),
                100,
                deliveries.Attempt(datetime.now(UTC), status, 7, ""),
            )
            for delivery, status in zip(claimed, statuses, strict=True)
        ]
        await delivery_outcomes.record(tx, outcomes, never)
        # else it is claimed for one by one
        await tx.execute("UPDATE subscriptions SET failing_since = NULL")
    return claimed


async def listed(
    database: db.Database,
    domain: directory.Domain,
    subscription: UUID,
    *,
    limit: int = 100,
    before: int = MANY,
    **wanted: Any,
) -> list[Entry]:
    async with database.connection() as tx:
        found = Filter(**wanted)
        return await delivery_log.page(
            tx, domain.domain_uuid, subscription, found, limit=limit, before=before
        )


def selected(*states: delivery_log.Choice, **bounds: Any) -> delivery_log.Selection:
    return delivery_log.Selection(states=states, **bounds)


async def test_each_delivery_is_told_with_how_it_stands(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    made = await publish(database, domain, 4)
    await answer(database, domain, 200, 410, 503, 503)
    await samples.pass_time(database, 100)
    await answer(database, domain, 200, 500)

    found = await listed(database, domain, subscription)

    assert [entry.event_uuid for entry in found] == [event.event_uuid for event in reversed(made)]
    assert [(entry.seq, entry.state, entry.attempts, entry.status) for entry in found] == [
        (4, "due", 2, 500),
        (3, "delivered", 2, 200),
        (2, "failed", 1, 410),
        (1, "delivered", 1, 200),
    ]
    assert [entry.due_at is not None for entry in found] == [True, False, False, False]
    assert {(entry.event_name, entry.latency_ms, entry.error) for entry in found} == {
        ("ringing", 7, "")
    }


async def test_pages_follow_each_other_without_gap_or_repeat(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await publish(database, domain, 7)
    await answer(database, domain, 200, 410, 500, 200, 500, 410, 200)
    seqs: list[int] = []
    before = MANY
    while found := await listed(database, domain, subscription, limit=3, before=before):
        seqs += [entry.seq for entry in found]
        before = seqs[-1]

    assert seqs == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("state", "seqs"), [("due", [3, 2]), ("delivered", [4, 1]), ("failed", [5])]
)
async def test_the_list_is_narrowed_by_state(
    database: db.Database,
    domain: directory.Domain,
    subscription: UUID,
    state: str,
    seqs: list[int],
) -> None:
    await publish(database, domain, 5)
    await answer(database, domain, 200, 500, 410, 200, 410)
    async with database.transaction() as tx:  # the third was given up, and is due again
        again = (await listed(database, domain, subscription, state="failed"))[1].event_uuid
        await delivery_log.resend_one(tx, domain.domain_uuid, subscription, again)

    assert [
        entry.seq for entry in await listed(database, domain, subscription, state=state)
    ] == seqs


async def test_the_list_is_narrowed_by_time(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await publish(database, domain, 4)
    await answer(database, domain, 200, 200, 500, 500)
    times = [entry.created_at for entry in await listed(database, domain, subscription)][::-1]

    found = await listed(database, domain, subscription, since=times[1], until=times[3])

    assert [entry.seq for entry in found] == [3, 2]


async def test_one_delivery_is_read_with_its_attempts_and_the_events_facts(
    database: db.Database, domain: directory.Domain, subscription: UUID, master_key: MasterKey
) -> None:
    other = await samples.subscribe(database, master_key, domain, "hangup", URL)
    [event] = await publish(database, domain, 1)
    await answer(database, domain, 503)
    await samples.pass_time(database, 100)
    await answer(database, domain, 200)

    async with database.connection() as tx:
        entry, facts, made = await delivery_log.get(
            tx, domain.domain_uuid, subscription, event.event_uuid
        )
        for wrong in (
            (ids.new(), event.event_uuid),
            (other, event.event_uuid),
            (subscription, ids.new()),
        ):
            with pytest.raises(errors.NotFound):
                await delivery_log.get(tx, domain.domain_uuid, *wrong)

    assert entry.state == "delivered"
    assert dialects.event("v1", entry.event_name, facts) == samples.body(event)
    assert [(one.status, one.callback_url) for one in made] == [(503, None), (200, None)]


async def test_one_is_sent_again_with_the_same_id_and_body(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    [event] = await publish(database, domain, 1)
    [first] = await answer(database, domain, 200)

    async with database.transaction() as tx:
        await delivery_log.resend_one(tx, domain.domain_uuid, subscription, event.event_uuid)
    [again] = await answer(database, domain, 200)

    assert (again.event_uuid, again.facts, again.callback_url) == (
        first.event_uuid,
        first.facts,
        URL,
    )
    [entry] = await listed(database, domain, subscription)
    assert (entry.state, entry.attempts) == ("delivered", 2)


async def test_another_url_says_nothing_of_the_subscription_and_is_in_the_log(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    [event] = await publish(database, domain, 1)
    await answer(database, domain, 200)
    async with database.transaction() as tx:
        await delivery_log.resend_one(
            tx, domain.domain_uuid, subscription, event.event_uuid, ELSEWHERE
        )
        [(_, endpoint)] = (await low_water.look(tx)).due
        [delivery] = await deliveries.claim(tx, {endpoint: 1}, lease_s=60)
        assert (delivery.callback_url, delivery.is_elsewhere) == (ELSEWHERE, True)
        gone = deliveries.Attempt(datetime.now(UTC), 410, 7, "")
        outcome = deliveries.Outcome(delivery, "failed", 0, gone, disable="Gone.")
        assert (
            await delivery_outcomes.record(tx, [outcome], lambda *_: "It failed.")
        ).disabled == []
        assert await tx.fetchval("SELECT enabled AND failing_since IS NULL FROM subscriptions")
        _, _, made = await delivery_log.get(tx, domain.domain_uuid, subscription, event.event_uuid)

    assert [(one.status, one.callback_url) for one in made] == [(200, None), (410, ELSEWHERE)]


async def test_deliveries_wait_for_so_many_other_urls_and_no_more(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    most = delivery_log.ELSEWHERE
    made = await publish(database, domain, most + 3)

    async def resend(n: int, url: str) -> None:
        async with database.transaction() as tx:
            await delivery_log.resend_one(
                tx, domain.domain_uuid, subscription, made[n].event_uuid, url
            )

    for n in range(most):
        await resend(n, f"{ELSEWHERE}/{n}")
    with pytest.raises(errors.Conflict) as refused:
        await resend(most, f"{ELSEWHERE}/{most}")
    assert refused.value.field == "url"
    await resend(most, f"{ELSEWHERE}/0")  # deliveries wait for it already
    await resend(most + 1, f"{ELSEWHERE}/1")
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM deliveries WHERE callback_url = $1", f"{ELSEWHERE}/7")
    await resend(most + 2, f"{ELSEWHERE}/{most}")


async def test_deliveries_without_their_subscription_are_swept_and_no_others(
    database: db.Database,
    domain: directory.Domain,
    subscription: UUID,
    master_key: MasterKey,
) -> None:
    """They were published while it was being deleted."""
    gone = [await samples.subscribe(database, master_key, domain, "ringing", URL) for _ in "ab"]
    await publish(database, domain, 10)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM subscriptions WHERE subscription_uuid = ANY ($1)", gone)

    assert await deliveries.sweep(database, batch=3) == 20
    assert await deliveries.sweep(database) == 0
    async with database.connection() as tx:
        left = await tx.fetch("SELECT subscription_uuid, seq FROM deliveries")
    assert {row["subscription_uuid"] for row in left} == {subscription}
    assert len(left) == 10


async def test_all_that_failed_is_sent_again_at_once(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    made = [samples.event(domain) for _ in range(1100)]
    await samples.publish(database, *made)
    for _ in range(3):
        async with database.transaction() as tx:
            claimed = await claim_in(tx, domain.domain_uuid, 500)
            at = datetime.now(UTC)
            failed = [
                deliveries.Outcome(
                    one,
                    "failed" if one.seq > 100 else "delivered",
                    0,
                    deliveries.Attempt(at, 500, 7, ""),
                )
                for one in claimed
            ]
            await delivery_outcomes.record(tx, failed, never)
            await tx.execute("UPDATE subscriptions SET failing_since = NULL")

    async with database.transaction() as tx:
        resent = await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("failed")
        )
        repeated = await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("failed")
        )
        assert await deliveries.count_outstanding(tx) == 1000

    assert resent == delivery_log.Resent(1000, None)
    assert repeated.count == 0


async def test_a_range_holds_what_was_never_sent_too(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    """Events from before the subscription, and those while it was disabled."""
    await publish(database, domain, 2)
    subscription = await samples.subscribe(database, master_key, domain, "ringing", URL)
    await samples.publish(database, samples.event(domain, "hangup"))  # is not its event
    await publish(database, domain, 2)
    await answer(database, domain, 200, 410)
    async with database.transaction() as tx:
        times = [
            row["created_at"]
            for row in await tx.fetch("SELECT created_at FROM events ORDER BY seq")
        ]
        await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("unsent", since=times[1])
        )
        assert [
            row["seq"] for row in await tx.fetch("SELECT seq FROM deliveries ORDER BY seq")
        ] == [2]
        await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("delivered", "failed", "unsent")
        )
        assert [
            row["seq"] for row in await tx.fetch("SELECT seq FROM deliveries ORDER BY seq")
        ] == [1, 2, 4, 5]


async def test_more_than_fits_into_one_go_is_gone_on_with(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    await publish(database, domain, 3)
    await answer(database, domain, 410, 410, 410)
    async with database.transaction() as tx:
        first = await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("failed"), most=2
        )
        assert first.next
        second = await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("failed", since=first.next)
        )

    assert (first.count, second) == (2, delivery_log.Resent(1, None))


async def test_a_disabled_subscription_is_to_be_enabled_first_unless_it_goes_elsewhere(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    [event] = await publish(database, domain, 1)
    await answer(database, domain, 410)
    async with database.transaction() as tx:
        await subscriptions.disable(tx, domain.domain_uuid, subscription, "By hand.")
        with pytest.raises(errors.Conflict):
            await delivery_log.resend(tx, domain.domain_uuid, subscription, selected("failed"))
        await delivery_log.resend(
            tx, domain.domain_uuid, subscription, selected("failed"), callback_url=ELSEWHERE
        )
        [(_, endpoint)] = (await low_water.look(tx)).due
        [delivery] = await deliveries.claim(tx, {endpoint: 1}, lease_s=60)
        assert (delivery.event_uuid, delivery.is_enabled) == (event.event_uuid, True)
        await subscriptions.enable(tx, domain.domain_uuid, subscription)
        with pytest.raises(errors.NotFound):
            await delivery_log.resend(tx, ids.new(), subscription, selected("failed"))


async def test_what_waits_for_its_next_attempt_need_not_wait(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    [event] = await publish(database, domain, 1)
    await answer(database, domain, 500)
    async with database.transaction() as tx:
        await delivery_log.resend_one(tx, domain.domain_uuid, subscription, event.event_uuid)

    [again] = await answer(database, domain, 200)
    assert (again.event_uuid, again.attempts) == (event.event_uuid, 1)
    assert timedelta() < datetime.now(UTC) - again.created_at


@pytest.mark.parametrize("status", [200, 410, 500])
async def test_what_is_just_being_sent_goes_elsewhere_too_when_that_is_asked(
    database: db.Database, domain: directory.Domain, subscription: UUID, status: int
) -> None:
    """The outcome of the attempt under way says nothing about the other URL."""
    [event] = await publish(database, domain, 1)
    async with database.transaction() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 1)
        await delivery_log.resend_one(
            tx, domain.domain_uuid, subscription, event.event_uuid, ELSEWHERE
        )
        states: dict[int, deliveries.State] = {200: "delivered", 410: "failed"}
        attempt = deliveries.Attempt(datetime.now(UTC), status, 7, "")
        settled = deliveries.Outcome(claimed[0], states.get(status, "due"), 100, attempt)
        await delivery_outcomes.record(tx, [settled], never)
        [(_, endpoint)] = (await low_water.look(tx)).due
        [delivery] = await deliveries.claim(tx, {endpoint: 1}, lease_s=60)
    assert (delivery.callback_url, delivery.attempts) == (ELSEWHERE, 0)


async def test_what_is_tried_for_the_last_time_just_now_begins_anew_when_that_is_asked(
    database: db.Database, domain: directory.Domain, subscription: UUID
) -> None:
    [event] = await publish(database, domain, 1)
    async with database.transaction() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 1)
        await delivery_log.resend_one(tx, domain.domain_uuid, subscription, event.event_uuid)
        last = deliveries.Outcome(
            claimed[0], "failed", 0, deliveries.Attempt(datetime.now(UTC), 500, 7, "")
        )
        await delivery_outcomes.record(tx, [last], never)
    [again] = await answer(database, domain, 200)
    assert again.attempts == 0
