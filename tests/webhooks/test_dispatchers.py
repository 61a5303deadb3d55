"""Dispatchers side by side, killed, stopped; queues of endpoints; metrics."""

import asyncio
import contextlib
import sys

import pytest
from structlog.testing import capture_logs

from testbed.receivers import Received, Receiver, listening
from testbed.until import until
from tests.webhooks import samples
from tests.webhooks.dispatching import (
    NEVER_S,
    dispatching,
    in_turn,
    looked,
    settled,
    tried,
    waits_s,
)
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, delivery_log
from tongdai.webhooks import metrics
from tongdai.webhooks.client import Client
from tongdai.webhooks.dispatcher import LEASE_S, Dispatcher
from tongdai.webhooks.guard import Guard

WAITING = "deliveries wait for the database"

# --- several, killed, stopped


async def test_two_dispatchers_deliver_each_event_once(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(300)])
    async with dispatching(database), dispatching(database):
        await settled(database, *["delivered"] * 300)

    assert len(receiver.requests) == 300
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 300


async def test_what_a_killed_dispatcher_held_is_delivered_when_its_lease_ends(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    is_dead = asyncio.Event()

    async def hang_but_for_the_first(_: Received) -> int:
        if len(receiver.requests) > 1:
            await is_dead.wait()
        return 200

    receiver.answer = hang_but_for_the_first
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(4)])
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.webhooks.worker", database.dsn
    )
    try:
        await until(lambda: len(receiver.requests) == 4, 30)  # three are on their way
    finally:
        worker.kill()
        await worker.wait()
    is_dead.set()
    async with dispatching(database) as dispatcher:
        await samples.pass_time(database, LEASE_S - 20)
        await looked(dispatcher)
        assert await samples.states(database) == ["delivered", "due", "due", "due"]
        await samples.pass_time(database, 21)
        await settled(database, *["delivered"] * 4)

    assert await samples.attempts(database) == [(1, 200, "")] * 4
    assert len(receiver.requests) == 7
    assert (
        len({(request.headers["webhook-id"], request.body) for request in receiver.requests}) == 4
    )


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_dispatcher_that_stops_ends_what_it_sends_and_gives_the_rest_back(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    *,
    is_cancelled: bool,
) -> None:
    may_answer = asyncio.Event()

    async def hesitate(_: Received) -> int:
        if len(receiver.requests) > 100:
            await may_answer.wait()
        return 200

    receiver.answer = hesitate
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(200)])
    async with Client(Guard(["127.0.0.0/8"]), "1") as client:
        dispatcher = Dispatcher(database, master_key, client, poll_s=0.02, concurrency=2)
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: len(receiver.requests) == 102, 30)
        held = sum(len(queue.waiting) for queue in dispatcher._endpoints)
        if is_cancelled:
            running.cancel()
        else:
            dispatcher.stop()
        await until(lambda: not any(queue.waiting for queue in dispatcher._endpoints))
        may_answer.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    assert held > 0  # it had learnt to claim ahead
    assert len(receiver.requests) == 102
    assert (await samples.states(database)).count("delivered") == 102
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


async def test_a_dispatcher_that_stops_does_not_wait_for_ever(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    async with listening() as hole:
        await samples.subscribe(database, master_key, domain, "ringing", hole.url)
        async with dispatching(database, grace_s=0.1):
            await samples.publish(database, samples.event(domain))
            await until(lambda: hole.connections)

    assert await samples.states(database) == ["due"]
    assert await samples.attempts(database) == []
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


async def test_it_goes_on_when_the_database_comes_back(
    dsn: str,
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
) -> None:
    may_answer = asyncio.Event()

    async def wait(_: Received) -> int:
        await may_answer.wait()
        return 200

    receiver.answer = wait
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await until(lambda: receiver.requests)
        await close_doors(database)
        may_answer.set()
        with capture_logs() as logs:
            await until(lambda: len([one for one in logs if WAITING in one["event"]]) >= 2)
        await open_doors(dsn)
        await settled(database, "delivered")

    assert len(receiver.requests) == 1


async def close_doors(database: db.Database) -> None:
    """Every connection breaks, and nobody is let in."""
    async with database.connection() as tx:
        await tx.execute("ALTER DATABASE dispatched CONNECTION LIMIT 0")
        await tx.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = 'dispatched' AND pid <> pg_backend_pid()
            """
        )
        tx.terminate()


async def open_doors(dsn: str) -> None:
    tx = await db.connect(dsn)
    await tx.execute("ALTER DATABASE dispatched CONNECTION LIMIT -1")
    await tx.close()


async def test_a_claim_that_waited_too_long_is_given_back_unsent(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database, send_within_s=-1.0) as dispatcher:
        await samples.publish(database, samples.event(domain))
        await looked(dispatcher)

    assert receiver.requests == []
    assert await samples.states(database) == ["due"]
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


# --- endpoints


async def test_endpoints_that_hang_delay_nobody(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with listening() as hole, dispatching(database, slots=64, grace_s=0, domain_share=0.5):
        for n in range(3):
            await samples.subscribe(database, master_key, domain, "ringing", f"{hole.url}/{n}")
        await samples.publish(database, *[samples.event(domain) for _ in range(100)])
        await until(lambda: len(receiver.requests) == 100, 30)

        assert (await samples.states(database)).count("due") >= 300


async def test_unproven_endpoints_leave_most_slots_to_the_others(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """Of the same domain, too."""
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    async with listening() as hole, dispatching(database, slots=8, grace_s=0, domain_share=1.0):
        await samples.publish(database, samples.event(domain, "hangup"))
        await settled(database, "delivered")
        for n in range(10):
            await samples.subscribe(database, master_key, domain, "ringing", f"{hole.url}/{n}")
        await samples.publish(database, samples.event(domain))
        await until(lambda: hole.connections == 1)
        await samples.publish(database, *[samples.event(domain, "hangup") for _ in range(100)])
        await until(lambda: len(receiver.requests) == 101)

        assert hole.connections == 1


async def test_many_silent_endpoints_of_a_domain_delay_no_other_domain(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """Neither its endpoints that are new, nor those that others were sent to again."""
    crowd = await samples.domain(database)
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with listening() as hole, dispatching(database, slots=80, grace_s=0) as dispatcher:
        subscriptions = [
            await samples.subscribe(database, master_key, crowd, "ringing", f"{hole.url}/{n}")
            for n in range(60)
        ]
        event = samples.event(crowd)
        await samples.publish(database, event)
        await until(lambda: hole.connections)
        for n in range(60):
            async with database.transaction() as tx:
                url = f"{hole.url}/again/{n}"
                await delivery_log.resend_one(
                    tx, crowd.domain_uuid, subscriptions[n], event.event_uuid, url
                )
            dispatcher.wake([crowd.domain_uuid])
        for n in range(1, 11):  # long before the first silent one times out after 15 s
            await samples.publish(database, samples.event(domain))
            await until(lambda n=n: len(receiver.requests) == n, 10)  # type: ignore[misc]

        assert hole.connections == 1  # a tenth of an eighth of the slots


async def test_endpoints_that_fail_delay_none_that_is_new(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """However many domains they are of, also after a start: the database knows that they fail."""
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with listening() as hole:
        for _ in range(6):
            other = await samples.domain(database)
            await samples.subscribe(database, master_key, other, "ringing", hole.url)
            await samples.publish(database, samples.event(other))
        async with database.connection() as tx:
            await tx.execute(
                "UPDATE subscriptions SET failing_since = now() WHERE domain_uuid <> $1",
                domain.domain_uuid,
            )
        async with dispatching(database, slots=16, grace_s=0):
            await until(lambda: hole.connections == 2)
            await samples.publish(database, samples.event(domain))
            await until(lambda: receiver.requests)  # long before the silent ones time out


async def test_a_new_endpoint_of_another_domain_gets_the_next_unproven_slot(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """Though ever so many of the first domain wait for it."""
    crowd = await samples.domain(database)
    for n in range(30):
        await samples.subscribe(database, master_key, crowd, "ringing", f"{receiver.url}/{n}")
    await samples.subscribe(database, master_key, domain, "ringing", f"{receiver.url}/other")

    async def slowly(_: Received) -> int:
        await asyncio.sleep(0.05)
        return 200

    receiver.answer = slowly
    async with dispatching(database, slots=8, domain_share=1.0) as dispatcher:
        await samples.publish(database, samples.event(crowd))
        await until(lambda: receiver.requests)
        await samples.publish(database, samples.event(domain))
        dispatcher.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 31)

    paths = [request.path for request in receiver.requests]
    assert paths.index("/hook/other") < 10


async def test_an_endpoint_has_so_many_slots_and_one_while_it_fails(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    async def slowly(_: Received) -> int:
        await asyncio.sleep(0.01)
        return status

    status, receiver.answer = 200, slowly
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database, concurrency=4):
        await samples.publish(database, *[samples.event(domain) for _ in range(40)])
        await settled(database, *["delivered"] * 40)
        assert receiver.busiest == 4

        status = 500
        await samples.publish(database, *[samples.event(domain) for _ in range(20)])
        await until(lambda: len(receiver.requests) == 50)
        receiver.busiest = 0
        await until(lambda: len(receiver.requests) == 60)
        assert receiver.busiest == 1


@pytest.mark.parametrize(("probe_every_s", "tries"), [(NEVER_S, 4), (0.01, 20)])
async def test_an_endpoint_that_goes_on_failing_is_probed_now_and_then(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    *,
    probe_every_s: float,
    tries: int,
) -> None:
    """More than three failures open the breaker. Then it is neither a look nor a wake-up that
    brings the next try.
    """
    receiver.answer = in_turn(500)
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(20)])
    async with dispatching(database, probe_every_s=probe_every_s) as dispatcher:
        await tried(database, *[500] * tries)
        dispatcher.wake([domain.domain_uuid])
        await looked(dispatcher)

    assert len(receiver.requests) == tries


async def test_an_endpoint_that_recovers_has_all_its_slots_again(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    async def slowly(_: Received) -> int:
        await asyncio.sleep(0.01)
        return status

    status, receiver.answer = 500, slowly
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database, concurrency=4):
        await samples.publish(database, *[samples.event(domain) for _ in range(20)])
        await until(lambda: len(receiver.requests) == 20)
        await tried(database, *[500] * 20)
        status, receiver.busiest = 200, 0
        await samples.pass_time(database, 5)
        await settled(database, *["delivered"] * 20)

    assert receiver.busiest == 4
    async with database.connection() as tx:
        assert await tx.fetchval("SELECT failing_since FROM subscriptions") is None


async def test_nothing_is_claimed_for_an_endpoint_before_its_failure_is_recorded(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """Its answer may have been 410, which ends the subscription."""
    receiver.answer = in_turn(200, 410, 200)
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database, concurrency=1) as dispatcher:
        await samples.publish(database, samples.event(domain))
        await settled(database, "delivered")  # its breaker is closed
        async with database.transaction() as tx:  # no outcome can be recorded meanwhile
            await tx.execute("LOCK TABLE attempts IN EXCLUSIVE MODE")
            await samples.publish(database, *[samples.event(domain) for _ in range(2)])
            await until(lambda: len(receiver.requests) == 2)
            await looked(dispatcher)
        await settled(database, "delivered", "failed", "failed")

    assert len(receiver.requests) == 2


# --- metrics


async def test_attempts_and_outstanding_deliveries_are_counted(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    def metric(name: str, **labels: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, labels) or 0.0

    names = ("delivered", "due", "failed")
    before = [metric("tongdai_delivery_attempts_total", state=name) for name in names]
    ages = metric("tongdai_delivery_age_seconds_count")
    receiver.answer = lambda request: {"ringing": 200, "hangup": 500, "cdr": 410}.get(
        request.event.state, 200
    )
    for name in ("ringing", "hangup", "cdr"):
        await samples.subscribe(database, master_key, domain, name, f"{receiver.url}/{name}")
    await samples.publish(
        database, *[samples.event(domain, name) for name in ("ringing", "hangup", "cdr")]
    )
    async with dispatching(database):
        await settled(database, "delivered", "due", "failed")
        await until(lambda: len(receiver.requests) == 3)

    assert [metric("tongdai_delivery_attempts_total", state=name) for name in names] == [
        n + 1 for n in before
    ]
    assert metric("tongdai_delivery_age_seconds_count") == ages + 1
    assert metric("tongdai_deliveries_outstanding") == 3  # counted when it started
