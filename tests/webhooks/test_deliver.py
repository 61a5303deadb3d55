"""The dispatcher, from the published event to the receiver's socket and into the log."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from tests.until import until
from tests.webhooks import samples
from tests.webhooks.receivers import Received, Receiver, listening, receiving
from tongdai import ids
from tongdai.pbx import directory, events
from tongdai.seal import Seal
from tongdai.store import db, deliveries, subscriptions
from tongdai.webhooks import deliver, retry
from tongdai.webhooks.client import Client, Limits
from tongdai.webhooks.deliver import Dispatcher
from tongdai.webhooks.guard import Guard

NAMES: tuple[events.EventName, ...] = ("ringing", "answered", "hangup", "cdr")
HOUR = 3600.0
NEVER_S = 1e6


@asynccontextmanager
async def dispatching(
    database: db.Database, *, limits: Limits | None = None, poll_s: float = 0.02, **options: Any
) -> AsyncIterator[Dispatcher]:
    """A dispatcher that runs meanwhile, without jitter, and ends cleanly."""
    async with Client(Guard(["127.0.0.0/8"]), "1.2.3", limits) as client:
        options = {"chance": lambda: 0.5} | options
        dispatcher = Dispatcher(database, Seal(bytes(range(32))), client, poll_s=poll_s, **options)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running


async def settled(database: db.Database, *expected: str) -> None:
    """Waits until the deliveries have these states, in the order of their events."""

    async def are_there() -> bool:
        return await samples.states(database) == [*expected]

    await until(are_there, 30)


async def tried(database: db.Database, *statuses: int) -> None:
    """Waits until the log holds attempts with these statuses."""

    async def are_there() -> bool:
        return [status for _, status, _ in await samples.attempts(database)] == [*statuses]

    await until(are_there, 30)


async def waits_s(database: db.Database) -> list[float]:
    """Seconds until each delivery is due, in the order of their events."""
    async with database.connection() as tx:
        rows = await tx.fetch("SELECT extract(epoch FROM due_at - now()) AS s FROM deliveries ORDER BY seq")
    return [float(row["s"]) for row in rows]


def in_turn(*statuses: int) -> Any:
    """One answer after the other; the last one for ever."""
    left = list(statuses)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# --- what arrives


async def test_an_event_arrives_signed_and_the_log_says_so(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "hangup", receiver.url, apikey="Bearer foo")
    event = samples.event(domain, "hangup")
    async with dispatching(database, clock=lambda: 1700000000.9):
        await samples.publish(database, event)
        await settled(database, "delivered")

    [request] = receiver.requests
    signed = f"{event.event_uuid}.1700000000.".encode() + request.body
    key = base64.b64decode(samples.SECRET.removeprefix("whsec_"))
    assert request.event == event.body
    assert request.headers["Authorization"] == "Bearer foo"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "tongdai/1.2.3"
    assert request.headers["webhook-id"] == str(event.event_uuid)
    assert request.headers["webhook-timestamp"] == "1700000000"
    assert request.headers["webhook-signature"] == (
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    )
    assert await samples.attempts(database) == [(1, 200, "")]


async def test_without_an_apikey_there_is_no_authorization(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await settled(database, "delivered")

    assert "Authorization" not in receiver.requests[0].headers


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_woken_dispatcher_does_not_wait_for_its_poll(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver, *, is_named: bool
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        for n in (1, 2, 3):
            await samples.publish(database, samples.event(domain))
            dispatcher.wake([domain.domain_uuid] if is_named else [])
            await settled(database, *["delivered"] * n)


async def test_a_whole_call_follows_one_wake(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    for name in NAMES:
        await samples.subscribe(database, seal, domain, name, receiver.url)
    call = ids.new()
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        await samples.publish(database, *[samples.event(domain, name, call) for name in NAMES])
        dispatcher.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 4)

    assert receiver.states() == [*NAMES]


async def test_many_more_than_fit_into_a_lane_follow_one_wake(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(1500)])
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake([domain.domain_uuid])
        await until(lambda: len(receiver.requests) == 1500, 60)
        await settled(database, *["delivered"] * 1500)

    assert receiver.busiest <= 8


async def test_more_endpoints_than_fit_into_a_claim_follow_one_wake(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    for n in range(520):
        await samples.subscribe(database, seal, domain, "ringing", f"{receiver.url}/{n}")
    await samples.publish(database, samples.event(domain))
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 520)

    assert len(receiver.requests) == 520


async def test_what_nobody_woke_it_for_is_found(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await settled(database, "delivered")


# --- what fails


async def test_it_is_sent_again_until_it_is_taken(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500, 500, 200)
    times = iter([1000.0, 2000.0, 3000.0, 3000.0])
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    event = samples.event(domain)
    async with dispatching(database, clock=lambda: next(times)):
        await samples.publish(database, event)
        await tried(database, 500)
        assert await waits_s(database) == [pytest.approx(5, abs=4)]
        await samples.pass_time(database, 5)
        await tried(database, 500, 500)
        assert await waits_s(database) == [pytest.approx(300, abs=10)]
        await samples.pass_time(database, 300)
        await settled(database, "delivered")

    assert {request.body for request in receiver.requests} == {receiver.requests[0].body}
    assert [request.headers["webhook-id"] for request in receiver.requests] == [str(event.event_uuid)] * 3
    assert [request.headers["webhook-timestamp"] for request in receiver.requests] == ["1000", "2000", "3000"]
    assert await samples.attempts(database) == [(1, 500, ""), (2, 500, ""), (3, 200, "")]


async def test_after_ten_attempts_it_is_given_up(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500)
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        for attempt in range(1, 10):
            await tried(database, *[500] * attempt)
            await samples.pass_time(database, retry.SCHEDULE_S[attempt - 1])
        await settled(database, "failed")
        await samples.pass_time(database, 1000 * HOUR)

    assert len(receiver.requests) == 10


async def test_429_waits_as_long_as_it_asks_for(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=429, headers={"Retry-After": "90"})
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await tried(database, 429)

        assert await waits_s(database) == [pytest.approx(90, abs=10)]


async def test_an_endpoint_that_hangs_is_a_timeout_in_the_log(
    database: db.Database, domain: directory.Domain, seal: Seal
) -> None:
    async with listening() as hole, dispatching(database, limits=Limits(total_s=0.8)):
        await samples.subscribe(database, seal, domain, "ringing", hole.url)
        await samples.publish(database, samples.event(domain))
        await tried(database, 0)

        assert await samples.attempts(database) == [(1, 0, "no answer in time")]
        assert await waits_s(database) == [pytest.approx(60, abs=10)]


async def test_410_ends_the_subscription_and_all_that_is_due_to_it(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 410 if request.path == "/hook/gone" else 200
    gone = await samples.subscribe(database, seal, domain, "ringing", receiver.url + "/gone")
    await samples.subscribe(database, seal, domain, "hangup", receiver.url)
    await samples.publish(database, *[samples.event(domain, name) for name in ("ringing", "hangup", "ringing")])
    async with dispatching(database, width=1):
        await settled(database, "failed", "delivered", "failed")
        await samples.publish(database, samples.event(domain, "ringing"))

    async with database.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM subscriptions WHERE subscription_uuid = $1", gone)
    assert row
    assert (row["enabled"], row["disabled_reason"]) == (False, "The endpoint answered 410 Gone.")
    assert [request.path for request in receiver.requests].count("/hook/gone") == 1
    assert await samples.states(database) == ["failed", "delivered", "failed"]


async def test_others_are_told_that_a_subscription_was_disabled(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 410 if request.path == "/hook/gone" else 200
    gone = await samples.subscribe(database, seal, domain, "ringing", receiver.url + "/gone")
    await samples.subscribe(database, seal, domain, "endpoint.disabled", receiver.url)
    await samples.publish(database, samples.event(domain, "ringing"))
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake()
        await settled(database, "failed", "delivered")

    notice = msgspec.json.decode(receiver.requests[-1].body, type=events.EndpointDisabled)
    assert (notice.event_domain_uuid, notice.event_name, notice.domain) == (gone, "ringing", domain.name)
    assert (notice.callback_url, notice.disabled_reason) == (receiver.url + "/gone", "The endpoint answered 410 Gone.")
    async with database.connection() as tx:
        logged = await tx.fetch("SELECT seq, name FROM events ORDER BY seq")
    assert [tuple(row) for row in logged] == [(1, "ringing"), (2, "endpoint.disabled")]


async def test_120_hours_of_failures_end_a_subscription(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500)
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await tried(database, 500)
        await samples.pass_time(database, 119 * HOUR)
        await tried(database, 500, 500)
        await samples.pass_time(database, 2 * HOUR)
        await tried(database, 500, 500, 500)
        await samples.pass_time(database, HOUR)
        await settled(database, "failed")

    assert len(receiver.requests) == 3


@pytest.mark.parametrize("apikey", ["a\r\nX-Evil: 1", "khoá", " foo", "a" * 5000])
async def test_an_apikey_that_no_header_holds_fails_alone_and_at_once(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver, apikey: str
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url + "/bad", apikey=apikey)
    await samples.subscribe(database, seal, domain, "hangup", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain, "ringing"), samples.event(domain, "hangup"))
        await settled(database, "failed", "delivered")

    [request] = receiver.requests
    assert "X-Evil" not in request.headers
    assert any(error.startswith("callback_apikey cannot be used") for _, _, error in await samples.attempts(database))


async def test_a_url_that_is_no_longer_allowed_fails_alone(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", "http://169.254.169.254/latest/meta-data/")
    await samples.subscribe(database, seal, domain, "hangup", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain, "ringing"), samples.event(domain, "hangup"))
        await settled(database, "failed", "delivered")


async def test_secrets_of_another_master_key_fail_alone(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, Seal(bytes(32)), domain, "ringing", receiver.url)
    await samples.subscribe(database, seal, domain, "hangup", receiver.url + "/other")
    async with dispatching(database):
        await samples.publish(database, samples.event(domain, "ringing"), samples.event(domain, "hangup"))
        await settled(database, "due", "delivered")
        await until(lambda: samples.attempts(database))

    assert (1, 0, "the subscription's secrets cannot be read") in await samples.attempts(database)
    assert receiver.states() == []


async def test_a_subscription_that_is_deleted_meanwhile_disturbs_nobody(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    is_gone = asyncio.Event()

    async def slowly(_: Received) -> int:
        await is_gone.wait()
        return 500

    receiver.answer = slowly
    deleted = await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with receiving() as other, dispatching(database):
        await samples.subscribe(database, seal, domain, "hangup", other.url)
        await samples.publish(database, samples.event(domain, "ringing"))
        await until(lambda: receiver.requests)
        async with database.connection() as tx:
            await subscriptions.delete(tx, domain.domain_uuid, deleted)
        is_gone.set()
        await samples.publish(database, samples.event(domain, "hangup"))
        await settled(database, "delivered")


# --- order


async def test_a_call_is_told_in_order_though_its_first_event_fails(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500, 200)
    for name in NAMES:
        await samples.subscribe(database, seal, domain, name, receiver.url)
    call = ids.new()
    async with dispatching(database):
        await samples.publish(database, *[samples.event(domain, name, call) for name in NAMES])
        await tried(database, 500)
        await samples.pass_time(database, 5)
        await settled(database, *["delivered"] * 4)

    assert receiver.states() == ["ringing", *NAMES]


async def test_after_half_a_minute_later_events_of_a_call_go_first(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 500 if request.event.state == "ringing" else 200
    for name in NAMES:
        await samples.subscribe(database, seal, domain, name, receiver.url)
    call = ids.new()
    async with dispatching(database):
        await samples.publish(database, *[samples.event(domain, name, call) for name in NAMES])
        await tried(database, 500)
        await samples.pass_time(database, 5)
        await tried(database, 500, 500)
        await samples.pass_time(database, 26)
        await settled(database, "due", *["delivered"] * 3)

    assert receiver.states() == ["ringing", "ringing", "answered", "hangup", "cdr"]


async def test_calls_at_the_same_time_keep_each_their_order(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    for name in NAMES:
        await samples.subscribe(database, seal, domain, name, receiver.url)
    calls = [ids.new() for _ in range(50)]
    async with dispatching(database) as one, dispatching(database) as two:
        for name in NAMES:
            await samples.publish(database, *[samples.event(domain, name, call) for call in calls])
            one.wake()
            two.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 200)

    told = [(request.event.conversation_id, request.event.state) for request in receiver.requests]
    assert len(told) == 200
    assert all([state for call, state in told if call == one_call] == [*NAMES] for one_call in calls)


# --- several, killed, stopped


async def test_two_dispatchers_deliver_each_event_once(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(300)])
    async with dispatching(database), dispatching(database):
        await settled(database, *["delivered"] * 300)

    assert len(receiver.requests) == 300
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 300


async def test_what_a_killed_dispatcher_held_is_delivered_when_its_lease_ends(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    is_dead = asyncio.Event()

    async def hang(_: Received) -> int:
        await is_dead.wait()
        return 200

    receiver.answer = hang
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(3)])
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.webhooks.worker", database.dsn)
    try:
        await until(lambda: receiver.requests, 30)  # one is on its way, two wait in its memory
    finally:
        worker.kill()
        await worker.wait()
    is_dead.set()
    async with dispatching(database):
        await samples.pass_time(database, deliver.LEASE_S - 20)
        await asyncio.sleep(0.1)  # several polls
        assert await samples.states(database) == ["due"] * 3
        await samples.pass_time(database, 21)
        await settled(database, *["delivered"] * 3)

    assert await samples.attempts(database) == [(1, 200, "")] * 3
    assert len(receiver.requests) == 4
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.requests}) == 3


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_dispatcher_that_stops_ends_what_it_sends_and_gives_the_rest_back(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver, *, is_cancelled: bool
) -> None:
    may_answer = asyncio.Event()

    async def hesitate(_: Received) -> int:
        if len(receiver.requests) > 100:
            await may_answer.wait()
        return 200

    receiver.answer = hesitate
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(200)])
    async with Client(Guard(["127.0.0.0/8"]), "1") as client:
        dispatcher = Dispatcher(database, seal, client, poll_s=0.02, width=2)
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: len(receiver.requests) == 102, 30)
        held = sum(len(lane.queue) for lane in dispatcher._lanes.values())
        if is_cancelled:
            running.cancel()
        else:
            dispatcher.stop()
        await until(lambda: not any(lane.queue for lane in dispatcher._lanes.values()))
        may_answer.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    assert held > 0  # it had learnt to claim ahead
    assert len(receiver.requests) == 102
    assert (await samples.states(database)).count("delivered") == 102
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


async def test_a_dispatcher_that_stops_does_not_wait_for_ever(
    database: db.Database, domain: directory.Domain, seal: Seal
) -> None:
    async with listening() as hole:
        await samples.subscribe(database, seal, domain, "ringing", hole.url)
        async with dispatching(database, grace_s=0.1):
            await samples.publish(database, samples.event(domain))
            await until(lambda: hole.connections)

    assert await samples.states(database) == ["due"]
    assert await samples.attempts(database) == []
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


async def test_it_goes_on_when_the_database_comes_back(
    dsn: str, database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    may_answer = asyncio.Event()

    async def wait(_: Received) -> int:
        await may_answer.wait()
        return 200

    receiver.answer = wait
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await until(lambda: receiver.requests)
        await close_doors(database)
        may_answer.set()
        await asyncio.sleep(0.2)  # several rounds in vain
        await open_doors(dsn)
        await settled(database, "delivered")

    assert len(receiver.requests) == 1


async def close_doors(database: db.Database) -> None:
    """Every connection breaks, and nobody is let in."""
    async with database.connection() as tx:
        await tx.execute("ALTER DATABASE webhooks CONNECTION LIMIT 0")
        await tx.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = 'webhooks' AND pid <> pg_backend_pid()
            """
        )
        tx.terminate()


async def open_doors(dsn: str) -> None:
    tx = await db.connect(dsn)
    await tx.execute("ALTER DATABASE webhooks CONNECTION LIMIT -1")
    await tx.close()


async def test_a_claim_that_waited_too_long_is_given_back_unsent(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_SEND_WITHIN_S", -1.0)
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await asyncio.sleep(0.1)  # several rounds

    assert receiver.requests == []
    assert await samples.states(database) == ["due"]
    assert all(wait_s <= 0 for wait_s in await waits_s(database))


# --- lanes


async def test_endpoints_that_hang_delay_nobody(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with listening() as hole, dispatching(database, slots=8, grace_s=0):
        for n in range(3):
            await samples.subscribe(database, seal, domain, "ringing", f"{hole.url}/{n}")
        await samples.publish(database, *[samples.event(domain) for _ in range(100)])
        await until(lambda: len(receiver.requests) == 100, 30)

        assert (await samples.states(database)).count("due") >= 300


async def test_endpoints_that_failed_leave_most_slots_to_the_others(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    async with listening() as hole, dispatching(database, slots=4, grace_s=0):
        for n in range(10):
            await samples.subscribe(database, seal, domain, "ringing", f"{hole.url}/{n}")
        async with database.connection() as tx:
            await tx.execute("UPDATE subscriptions SET failing_since = now()")
        await samples.publish(database, samples.event(domain))
        await until(lambda: hole.connections)
        await samples.subscribe(database, seal, domain, "hangup", receiver.url)
        await samples.publish(database, *[samples.event(domain, "hangup") for _ in range(100)])
        await until(lambda: len(receiver.requests) == 100, 30)

        assert hole.connections == 1


async def test_an_endpoint_has_so_many_slots_and_one_while_it_fails(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    async def slowly(_: Received) -> int:
        await asyncio.sleep(0.01)
        return status

    status, receiver.answer = 200, slowly
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database, width=4):
        await samples.publish(database, *[samples.event(domain) for _ in range(40)])
        await settled(database, *["delivered"] * 40)
        assert receiver.busiest == 4

        status = 500
        await samples.publish(database, *[samples.event(domain) for _ in range(20)])
        await until(lambda: len(receiver.requests) == 50)
        receiver.busiest = 0
        await until(lambda: len(receiver.requests) == 60)
        assert receiver.busiest == 1


async def test_an_endpoint_that_goes_on_failing_is_tried_now_and_then(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500)
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(20)])
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        for tries in (4, 5, 6):  # three failures raise doubts; from then on one try each time it looks
            dispatcher.wake()
            await tried(database, *[500] * tries)

    assert len(receiver.requests) == 6


async def test_an_endpoint_that_recovers_has_all_its_slots_again(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    async def slowly(_: Received) -> int:
        await asyncio.sleep(0.01)
        return status

    status, receiver.answer = 500, slowly
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    async with dispatching(database, width=4):
        await samples.publish(database, *[samples.event(domain) for _ in range(20)])
        await until(lambda: len(receiver.requests) == 20)
        await tried(database, *[500] * 20)
        status, receiver.busiest = 200, 0
        await samples.pass_time(database, 5)
        await settled(database, *["delivered"] * 20)

    assert receiver.busiest == 4
    async with database.connection() as tx:
        assert await tx.fetchval("SELECT failing_since FROM subscriptions") is None


async def test_an_endpoint_has_no_room_before_its_failure_is_known(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    """Its answer may have been 410, and the next delivery nobody's wish."""
    await samples.subscribe(database, seal, domain, "ringing", receiver.url)
    await samples.publish(database, samples.event(domain))
    async with Client(Guard(["127.0.0.0/8"]), "1") as client, database.connection() as tx:
        [delivery] = await deliveries.claim(tx, [domain.domain_uuid], {}, room=1, lease_s=60)
        dispatcher = Dispatcher(database, seal, client)
        dispatcher._found.add(delivery.endpoint)
        dispatcher._outcomes = [deliveries.Outcome(delivery, "failed")]

        assert dispatcher._rooms() == {delivery.endpoint: 0}
        await dispatcher._settle()
        assert dispatcher._rooms() == {delivery.endpoint: None}


# --- metrics


async def test_attempts_and_what_is_owed_are_counted(
    database: db.Database, domain: directory.Domain, seal: Seal, receiver: Receiver
) -> None:
    def metric(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    names = ("delivered", "due", "failed")
    before = [metric("tongdai_delivery_attempts_total", state=name) for name in names]
    ages = metric("tongdai_delivery_age_seconds_count")
    receiver.answer = lambda request: {"ringing": 200, "hangup": 500, "cdr": 410}.get(request.event.state, 200)
    for name in ("ringing", "hangup", "cdr"):
        await samples.subscribe(database, seal, domain, name, f"{receiver.url}/{name}")
    await samples.publish(database, *[samples.event(domain, name) for name in ("ringing", "hangup", "cdr")])
    async with dispatching(database):
        await settled(database, "delivered", "due", "failed")
        await until(lambda: len(receiver.requests) == 3)

    assert [metric("tongdai_delivery_attempts_total", state=name) for name in names] == [n + 1 for n in before]
    assert metric("tongdai_delivery_age_seconds_count") == ages + 1
    assert metric("tongdai_deliveries_owed") == 3  # counted when it started
