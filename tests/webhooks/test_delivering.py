"""The dispatcher, from the published event to the receiver's socket and into the log."""

import asyncio
import base64
import hashlib
import hmac

import msgspec
import pytest
import structlog
from aiohttp import web

from testbed.receivers import Received, Receiver, listening, receiving
from testbed.until import until
from tests.webhooks import samples
from tests.webhooks.dispatching import (
    HOUR,
    NAMES,
    NEVER_S,
    dispatching,
    in_turn,
    settled,
    tried,
    waits_s,
)
from tongdai import ids
from tongdai.dialects import v1
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, subscriptions
from tongdai.webhooks import retry
from tongdai.webhooks.client import Limits

# --- what arrives


async def test_an_event_arrives_signed_and_the_log_says_so(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(
        database, master_key, domain, "hangup", receiver.url, apikey="Bearer foo"
    )
    event = samples.event(domain, "hangup")
    async with dispatching(database, clock=lambda: 1700000000.9):
        await samples.publish(database, event)
        await settled(database, "delivered")

    [request] = receiver.requests
    signed = f"{event.event_uuid}.1700000000.".encode() + request.body
    key = base64.b64decode(samples.SECRET.removeprefix("whsec_"))
    assert request.body == samples.body(event)
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
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await settled(database, "delivered")

    assert "Authorization" not in receiver.requests[0].headers


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_woken_dispatcher_does_not_wait_for_its_poll(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    *,
    is_named: bool,
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        for n in (1, 2, 3):
            await samples.publish(database, samples.event(domain))
            dispatcher.wake([domain.domain_uuid] if is_named else [])
            await settled(database, *["delivered"] * n)


async def test_a_whole_call_follows_one_wake(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    for name in NAMES:
        await samples.subscribe(database, master_key, domain, name, receiver.url)
    call = ids.new()
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        await samples.publish(database, *[samples.event(domain, name, call) for name in NAMES])
        dispatcher.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 4)

    assert receiver.states() == [*NAMES]


async def test_many_more_than_an_endpoint_has_credit_for_follow_one_wake(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    await samples.publish(database, *[samples.event(domain) for _ in range(1500)])
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake([domain.domain_uuid])
        await until(lambda: len(receiver.requests) == 1500, 60)
        await settled(database, *["delivered"] * 1500)

    assert receiver.busiest <= 8


async def test_more_endpoints_than_fit_into_a_claim_follow_one_wake(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    for n in range(520):
        await samples.subscribe(database, master_key, domain, "ringing", f"{receiver.url}/{n}")
    await samples.publish(database, samples.event(domain))
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 520)

    assert len(receiver.requests) == 520


async def test_what_nobody_woke_it_for_is_found(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await settled(database, "delivered")


# --- what fails


async def test_it_is_sent_again_until_it_is_taken(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500, 500, 200)
    times = iter([1000.0, 2000.0, 3000.0, 3000.0])
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
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
    assert [request.headers["webhook-id"] for request in receiver.requests] == [
        str(event.event_uuid)
    ] * 3
    assert [request.headers["webhook-timestamp"] for request in receiver.requests] == [
        "1000",
        "2000",
        "3000",
    ]
    assert await samples.attempts(database) == [(1, 500, ""), (2, 500, ""), (3, 200, "")]


async def test_after_ten_attempts_it_is_given_up(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500)
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        for attempt in range(1, 10):
            await tried(database, *[500] * attempt)
            await samples.pass_time(database, retry.SCHEDULE_S[attempt - 1])
        await settled(database, "failed")
        await samples.pass_time(database, 1000 * HOUR)

    assert len(receiver.requests) == 10


async def test_429_waits_as_long_as_it_asks_for(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda _: web.Response(status=429, headers={"Retry-After": "90"})
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await tried(database, 429)

        assert await waits_s(database) == [pytest.approx(90, abs=10)]


async def test_an_endpoint_that_hangs_is_a_timeout_in_the_log(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    async with listening() as hole, dispatching(database, limits=Limits(total_s=0.8)):
        await samples.subscribe(database, master_key, domain, "ringing", hole.url)
        await samples.publish(database, samples.event(domain))
        await tried(database, 0)

        assert await samples.attempts(database) == [(1, 0, "no answer in time")]
        assert await waits_s(database) == [pytest.approx(60, abs=10)]


async def test_410_ends_the_subscription_and_all_that_is_due_to_it(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 410 if request.path == "/hook/gone" else 200
    gone = await samples.subscribe(database, master_key, domain, "ringing", receiver.url + "/gone")
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    await samples.publish(
        database, *[samples.event(domain, name) for name in ("ringing", "hangup", "ringing")]
    )
    async with dispatching(database, concurrency=1):
        await settled(database, "failed", "delivered", "failed")
        await samples.publish(database, samples.event(domain, "ringing"))

    async with database.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM subscriptions WHERE subscription_uuid = $1", gone)
    assert row
    assert (row["enabled"], row["disabled_reason"]) == (False, "The endpoint answered 410 Gone.")
    assert [request.path for request in receiver.requests].count("/hook/gone") == 1
    assert await samples.states(database) == ["failed", "delivered", "failed"]


async def test_others_are_told_that_a_subscription_was_disabled(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 410 if request.path == "/hook/gone" else 200
    gone = await samples.subscribe(database, master_key, domain, "ringing", receiver.url + "/gone")
    await samples.subscribe(database, master_key, domain, "endpoint.disabled", receiver.url)
    await samples.publish(database, samples.event(domain, "ringing"))
    async with dispatching(database, poll_s=NEVER_S) as dispatcher:
        dispatcher.wake()
        await settled(database, "failed", "delivered")

    notice = msgspec.json.decode(receiver.requests[-1].body, type=v1.EndpointDisabled)
    assert (notice.event_domain_uuid, notice.event_name, notice.domain) == (
        gone,
        "ringing",
        domain.name,
    )
    assert (notice.callback_url, notice.disabled_reason) == (
        receiver.url + "/gone",
        "The endpoint answered 410 Gone.",
    )
    async with database.connection() as tx:
        logged = await tx.fetch("SELECT seq, name FROM events ORDER BY seq")
    assert [tuple(row) for row in logged] == [(1, "ringing"), (2, "endpoint.disabled")]


async def test_120_hours_of_failures_end_a_subscription(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500)
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
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
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    apikey: str,
) -> None:
    await samples.subscribe(
        database, master_key, domain, "ringing", receiver.url + "/bad", apikey=apikey
    )
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    async with dispatching(database):
        await samples.publish(
            database, samples.event(domain, "ringing"), samples.event(domain, "hangup")
        )
        await settled(database, "failed", "delivered")

    [request] = receiver.requests
    assert "X-Evil" not in request.headers
    assert any(
        error.startswith("callback_apikey cannot be used")
        for _, _, error in await samples.attempts(database)
    )


async def test_a_url_that_is_no_longer_allowed_fails_alone(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(
        database, master_key, domain, "ringing", "http://169.254.169.254/latest/meta-data/"
    )
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    async with dispatching(database):
        await samples.publish(
            database, samples.event(domain, "ringing"), samples.event(domain, "hangup")
        )
        await settled(database, "failed", "delivered")


async def test_secrets_of_another_master_key_fail_alone(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, MasterKey(bytes(32)), domain, "ringing", receiver.url)
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url + "/other")
    async with dispatching(database):
        await samples.publish(
            database, samples.event(domain, "ringing"), samples.event(domain, "hangup")
        )
        await settled(database, "due", "delivered")
        await until(lambda: samples.attempts(database))

    assert (1, 0, "the subscription's secrets cannot be read") in await samples.attempts(database)
    assert receiver.states() == []


async def test_a_dialect_of_a_newer_version_waits_for_a_dispatcher_of_it(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    event = samples.event(domain, "ringing")

    async def speak(dialect: str) -> None:
        async with database.connection() as tx:
            await tx.execute(
                "UPDATE subscriptions SET dialect = $2 WHERE domain_uuid = $1",
                domain.domain_uuid,
                dialect,
            )

    await speak("v9")
    async with dispatching(database) as dispatcher:
        await samples.publish(database, event)
        await tried(database, 0)
        await speak("v1")
        await samples.pass_time(database, 100)
        dispatcher.wake()
        await settled(database, "delivered")

    assert await samples.attempts(database) == [
        (1, 0, "the event was published by a newer version"),
        (2, 200, ""),
    ]
    assert [request.body for request in receiver.requests] == [samples.body(event)]


async def test_a_subscription_that_is_deleted_meanwhile_disturbs_nobody(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    is_gone = asyncio.Event()

    async def slowly(_: Received) -> int:
        await is_gone.wait()
        return 500

    receiver.answer = slowly
    deleted = await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with receiving() as other, dispatching(database):
        await samples.subscribe(database, master_key, domain, "hangup", other.url)
        await samples.publish(database, samples.event(domain, "ringing"))
        await until(lambda: receiver.requests)
        async with database.connection() as tx:
            await subscriptions.delete(tx, domain.domain_uuid, deleted)
        is_gone.set()
        await samples.publish(database, samples.event(domain, "hangup"))
        await settled(database, "delivered")


# --- order


async def test_a_call_is_told_in_order_though_its_first_event_fails(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = in_turn(500, 200)
    for name in NAMES:
        await samples.subscribe(database, master_key, domain, name, receiver.url)
    call = ids.new()
    async with dispatching(database):
        await samples.publish(database, *[samples.event(domain, name, call) for name in NAMES])
        await tried(database, 500)
        await samples.pass_time(database, 5)
        await settled(database, *["delivered"] * 4)

    assert receiver.states() == ["ringing", *NAMES]


async def test_after_half_a_minute_later_events_of_a_call_go_first(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 500 if request.event.state == "ringing" else 200
    for name in NAMES:
        await samples.subscribe(database, master_key, domain, name, receiver.url)
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
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    for name in NAMES:
        await samples.subscribe(database, master_key, domain, name, receiver.url)
    calls = [ids.new() for _ in range(50)]
    async with dispatching(database) as one, dispatching(database) as two:
        for name in NAMES:
            await samples.publish(database, *[samples.event(domain, name, call) for call in calls])
            one.wake()
            two.wake([domain.domain_uuid])
        await settled(database, *["delivered"] * 200)

    told = [(request.event.conversation_id, request.event.state) for request in receiver.requests]
    assert len(told) == 200
    assert all(
        [state for call, state in told if call == one_call] == [*NAMES] for one_call in calls
    )


# --- options of a subscription


async def test_a_subscription_has_options(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    """Numbers as text, signed as they are sent; further headers; the URL byte for byte; a 302
    after which nothing comes again.
    """
    receiver.answer = lambda _: web.Response(status=302, headers={"Location": "/elsewhere"})
    query = "?sig=a%2Fb%2Bc%3D%3D&sp=%2Ftriggers%2Frun&e=%c3%A9"
    options = subscriptions.Options(
        numbers_as_text=True, accept_redirects=True, callback_headers={"x-make-apikey": "abc"}
    )
    async with database.transaction() as tx:
        made = await subscriptions.insert(
            tx,
            domain.domain_uuid,
            master_key,
            event_name="hangup",
            callback_url=receiver.url + query,
            callback_apikey="Bearer foo",
            options=options,
        )
    event = samples.event(domain, "hangup")
    async with dispatching(database):
        await samples.publish(database, event)
        await settled(database, "delivered")

    [request] = receiver.requests
    assert request.target == f"/hook{query}"
    body = msgspec.json.decode(request.body)
    assert (body["duration"], body["billsec"]) == ("0", "0")
    assert request.headers["x-make-apikey"] == "abc"
    assert request.headers["Authorization"] == "Bearer foo"
    signed = f"{event.event_uuid}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{digest}"


async def test_without_the_option_a_redirect_is_a_failure(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 302
    await samples.subscribe(database, master_key, domain, "ringing", receiver.url)
    async with dispatching(database):
        await samples.publish(database, samples.event(domain))
        await tried(database, 302)


async def test_a_subscription_that_fails_is_logged_once_and_again_when_it_recovers(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    await samples.subscribe(database, master_key, domain, "ringing", f"{receiver.url}?key=secret")
    with structlog.testing.capture_logs() as logs:
        async with dispatching(database) as dispatcher:
            for statuses in ([500], [500, 500]):
                await samples.publish(database, samples.event(domain))
                dispatcher.wake([])
                await tried(database, *statuses)
            receiver.answer = lambda _: 200
            await samples.pass_time(database, HOUR)
            dispatcher.wake([])
            await settled(database, "delivered", "delivered")
    lines = [dict(line) for line in logs if line["event"].startswith("subscription.")]
    who = {"domain": domain.name, "callback_url": receiver.url}
    assert [line["event"] for line in lines] == ["subscription.failing", "subscription.recovered"]
    assert lines[0] == lines[0] | who | {"status": 500, "log_level": "warning"}
    assert lines[1] == lines[1] | who
