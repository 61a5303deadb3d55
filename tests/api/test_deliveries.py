"""The outcomes of deliveries, sending them again, tests, secrets: asked as a CRM would."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from testbed.receivers import Receiver, receiving
from testbed.until import until
from tests.api.conftest import Client, Tenant, serve
from tests.store.deliveries.rounds import claim_in, never
from tests.webhooks import samples
from tongdai import api, messages
from tongdai.encryption import MasterKey
from tongdai.pbx import events
from tongdai.store import db, deliveries, delivery_outcomes
from tongdai.webhooks import client as posting
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.guard import Guard
from tongdai.webhooks.trial import Trial


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def hook(tenant: Tenant, receiver: Receiver) -> dict[str, Any]:
    """A subscription to `hangup`, with its secret."""
    made = (
        await tenant.client.post("/v1/event", {"callback_url": receiver.url, "event": "hangup"})
    ).json
    data: dict[str, Any] = made["data"]
    return data


async def publish(database: db.Database, tenant: Tenant, count: int = 1) -> list[str]:
    made: list[events.Event] = [samples.event(tenant.domain, "hangup") for _ in range(count)]
    await samples.publish(database, *made)
    return [str(event.event_uuid) for event in made]


async def settle(database: db.Database, tenant: Tenant, *statuses: int) -> None:
    """The deliveries that are due end so, in their order."""
    async with database.transaction() as tx:
        claimed = await claim_in(tx, tenant.domain.domain_uuid, 50)
        outcomes = [
            deliveries.Outcome(
                delivery,
                "delivered" if status == 200 else "failed",
                0,
                deliveries.Attempt(
                    datetime.now(UTC), status, 12, "" if status else "no answer in time"
                ),
            )
            for delivery, status in zip(claimed, statuses, strict=True)
        ]
        await delivery_outcomes.record(tx, outcomes, never)


@asynccontextmanager
async def delivering(
    database: db.Database, master_key: MasterKey, tenant: Tenant
) -> AsyncIterator[None]:
    """The tenant's due deliveries are sent meanwhile; those that other tests left are not."""
    async with database.connection() as tx:
        await tx.execute(
            "DELETE FROM deliveries WHERE domain_uuid <> $1", tenant.domain.domain_uuid
        )
    async with posting.Client(Guard(["127.0.0.0/8"]), "1") as client:
        dispatcher = Dispatcher(database, master_key, client, poll_s=0.02)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield
        finally:
            dispatcher.stop()
            await running


async def test_the_log_tells_of_each_delivery_and_each_attempt(
    database: db.Database, tenant: Tenant, hook: dict[str, Any]
) -> None:
    taken, lost, due = await publish(database, tenant, 3)
    async with database.connection() as tx:
        later = """
        UPDATE deliveries SET due_at = now() + interval '1 h' WHERE seq = 3 AND domain_uuid = $1
        """
        await tx.execute(later, tenant.domain.domain_uuid)
    await settle(database, tenant, 200, 0)

    page = (await tenant.client.get(f"/v1/event/{hook['id']}/deliveries?limit=2")).json
    rest = (
        await tenant.client.get(f"/v1/event/{hook['id']}/deliveries?limit=2&before={page['next']}")
    ).json
    one = (await tenant.client.get(f"/v1/event/{hook['id']}/deliveries/{lost}")).json

    assert [(told["webhook_id"], told["state"]) for told in page["data"] + rest["data"]] == [
        (due, "due"),
        (lost, "failed"),
        (taken, "delivered"),
    ]
    assert rest["next"] is None
    assert [told["next_attempt_at"] is None for told in page["data"]] == [False, True]
    assert one["data"] == page["data"][1]
    assert [
        (made["status"], made["latency_ms"], made["error"], made["url"])
        for made in one["attempts"]
    ] == [(0, 12, "no answer in time", None)]
    assert one["body"]["state"] == "hangup"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=failed", 1),
        ("state=delivered", 1),
        ("state=due", 0),
        ("since=2026-01-01", 2),
        ("until=2026-01-01", 0),
    ],
)
async def test_the_list_is_narrowed(
    database: db.Database, tenant: Tenant, hook: dict[str, Any], query: str, count: int
) -> None:
    await publish(database, tenant, 2)
    await settle(database, tenant, 200, 500)

    assert (
        len((await tenant.client.get(f"/v1/event/{hook['id']}/deliveries?{query}")).json["data"])
        == count
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("since=yesterday", "since"),
        ("until=x", "until"),
        ("limit=0", "limit"),
        ("before=x", "before"),
    ],
)
async def test_what_is_wrong_with_a_question_is_named(
    tenant: Tenant, hook: dict[str, Any], query: str, field: str
) -> None:
    answer = await tenant.client.get(f"/v1/event/{hook['id']}/deliveries?{query}", expect=422)

    assert answer.json["field"] == field


async def test_what_failed_is_sent_again_as_it_was(
    database: db.Database,
    tenant: Tenant,
    master_key: MasterKey,
    hook: dict[str, Any],
    receiver: Receiver,
) -> None:
    lost = await publish(database, tenant, 3)
    await settle(database, tenant, 500, 200, 500)
    resend = f"/v1/event/{hook['id']}/resend"
    before = (await tenant.client.get(f"/v1/event/{hook['id']}/deliveries/{lost[0]}")).json

    assert (await tenant.client.post(resend, {"state": "failed"})).json == {
        "resent": 2,
        "next": None,
    }
    async with delivering(database, master_key, tenant):
        await until(lambda: len(receiver.requests) == 2)

        async def are_taken() -> bool:
            return (
                len(
                    (
                        await tenant.client.get(
                            f"/v1/event/{hook['id']}/deliveries?state=delivered"
                        )
                    ).json["data"]
                )
                == 3
            )

        await until(are_taken)
    again = (await tenant.client.get(f"/v1/event/{hook['id']}/deliveries/{lost[0]}")).json

    assert sorted(request.headers["webhook-id"] for request in receiver.requests) == sorted(
        [lost[0], lost[2]]
    )
    assert again["body"] == before["body"]
    assert [made["status"] for made in again["attempts"]] == [500, 200]


async def test_one_is_sent_to_another_url_if_asked(
    database: db.Database,
    tenant: Tenant,
    master_key: MasterKey,
    hook: dict[str, Any],
    receiver: Receiver,
) -> None:
    [event] = await publish(database, tenant)
    await settle(database, tenant, 200)
    elsewhere = f"{receiver.url}/elsewhere"

    await tenant.client.post(
        f"/v1/event/{hook['id']}/resend", {"webhook_id": event, "url": elsewhere}
    )
    async with delivering(database, master_key, tenant):
        await until(lambda: receiver.requests)

    [request] = receiver.requests
    assert (request.path, request.headers["webhook-id"]) == ("/hook/elsewhere", event)
    told = (await tenant.client.get(f"/v1/event/{hook['id']}/deliveries/{event}")).json
    assert [made["url"] for made in told["attempts"]] == [None, elsewhere]


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({}, 422, "state"),
        ({"until": "2026-11-20"}, 422, "state"),
        ({"state": "due"}, 422, "state"),
        ({"since": "soon"}, 422, "since"),
        ({"webhook_id": "x"}, 422, "webhook_id"),
        ({"state": "failed", "url": "ftp://crm.example.vn/"}, 422, "url"),
        ({"state": "failed", "url": ""}, 422, "url"),
    ],
)
async def test_what_is_wrong_with_a_wish_is_named(
    tenant: Tenant, hook: dict[str, Any], wish: dict[str, str], status: int, field: str
) -> None:
    answer = await tenant.client.post(f"/v1/event/{hook['id']}/resend", wish, expect=status)

    assert answer.json["field"] == field


async def test_a_disabled_subscription_is_enabled_and_gets_what_it_missed(
    database: db.Database, tenant: Tenant, hook: dict[str, Any]
) -> None:
    client, path = tenant.client, f"/v1/event/{hook['id']}"
    disabled = (await client.post(f"{path}/disable")).json
    await publish(database, tenant)
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "Disabled by hand.")
    assert (await client.post(f"{path}/resend", {"state": "unsent"}, expect=409)).json[
        "error"
    ] == "CONFLICT"

    async with database.connection() as tx:
        await tx.execute(
            "UPDATE subscriptions SET failing_since = now() WHERE subscription_uuid = $1",
            hook["id"],
        )
    enabled = (await client.post(f"{path}/enable")).json

    assert (enabled["enabled"], enabled["disabled_reason"], enabled["failing_since"]) == (
        True,
        "",
        None,
    )
    assert (
        enabled == (await client.get(path)).json == (await client.get("/v1/event")).json["data"][0]
    )
    assert (await client.post(f"{path}/resend", {"state": "unsent"})).json["resent"] == 1


async def test_a_new_secret_and_the_one_before_both_sign_for_a_day(
    database: db.Database,
    tenant: Tenant,
    master_key: MasterKey,
    hook: dict[str, Any],
    receiver: Receiver,
) -> None:
    rotated = (await tenant.client.post(f"/v1/event/{hook['id']}/rotate_secret")).json
    left = datetime.fromisoformat(rotated["previous_secret_until"]) - datetime.now(UTC)
    assert 23.9 < left.total_seconds() / 3600 <= 24
    assert "secret" not in (await tenant.client.get(f"/v1/event/{hook['id']}")).json

    async with delivering(database, master_key, tenant):
        await publish(database, tenant)
        await until(lambda: len(receiver.requests) == 1)
        async with database.connection() as tx:
            over = """
            UPDATE subscriptions SET previous_secret_until = now() WHERE subscription_uuid = $1
            """
            await tx.execute(over, hook["id"])
        await publish(database, tenant)
        await until(lambda: len(receiver.requests) == 2)

    both, later = receiver.requests
    assert both.headers["webhook-signature"].split(" ") == [
        signed(both, rotated["secret"]),
        signed(both, hook["secret"]),
    ]
    assert later.headers["webhook-signature"] == signed(later, rotated["secret"])


def signed(request: Any, secret: str) -> str:
    """By the words of Standard Webhooks, not by our code."""
    text = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
        + request.body
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()


@pytest.fixture
async def tester(deps: api.Deps, tenant: Tenant) -> AsyncIterator[Client]:
    """The tenant's admin, at an API that really posts."""
    async with posting.Client(Guard(["127.0.0.0/8"]), "1", posting.Limits(total_s=0.5)) as client:
        async for url in serve(msgspec.structs.replace(deps, trial=Trial(client))):
            async with aiohttp.ClientSession(url) as session:
                yield Client(session, tenant.client.token)


async def test_a_test_event_says_what_the_endpoint_said(
    tester: Client, hook: dict[str, Any], receiver: Receiver
) -> None:
    receiver.answer = lambda _: 503
    told = (await tester.post(f"/v1/event/{hook['id']}/test")).json

    [request] = receiver.requests
    assert (told["taken"], told["status"], told["error"]) == (False, 503, "")
    assert request.headers["webhook-id"] == told["webhook_id"]
    assert request.headers["webhook-signature"] == signed(request, hook["secret"])
    assert msgspec.json.decode(request.body) == told["body"]
    assert (told["body"]["state"], told["body"]["customer_id"]) == ("hangup", "test")
    assert (await tester.get(f"/v1/event/{hook['id']}/deliveries")).json["data"] == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1024/", "http://10.255.0.1/", "http://no-such-host.invalid/"]
)
async def test_why_there_was_no_connection_is_not_told(tester: Client, target: str) -> None:
    made = (await tester.post("/v1/event", {"callback_url": target, "event": "cdr"})).json
    told = (await tester.post(f"/v1/event/{made['id']}/test")).json

    assert (told["taken"], told["status"]) == (False, 0)
    assert told["error"] in (
        "no connection",
        f"the URL cannot be called: {messages.ADDRESS_REFUSED}",
    )


@pytest.mark.parametrize(("event", "expect"), [("endpoint.disabled", 200), ("create", 422)])
async def test_each_event_that_there_is_can_be_tested(
    tester: Client, receiver: Receiver, event: str, expect: int
) -> None:
    made = (await tester.post("/v1/event", {"callback_url": receiver.url, "event": event})).json
    told = (await tester.post(f"/v1/event/{made['id']}/test", expect=expect)).json

    assert told.get("body", {}).get("state") == (event if expect == 200 else None)
