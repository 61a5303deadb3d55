"""The event feed: every event once, in order, without gaps, however it is read and whoever
subscribed.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from testbed.until import until
from tests.api.conftest import Client, Tenant, move_in, serve
from tests.webhooks import samples
from tongdai import api, ids
from tongdai.api import feeds
from tongdai.api.tokens import Tokens
from tongdai.dialects import v1
from tongdai.encryption import MasterKey
from tongdai.pbx import events
from tongdai.store import api_keys, db, feed, outbox, users
from tongdai.store.tenants import Tenants

FEED = "/v1/event/feed"
STREAM = {"Accept": "text/event-stream"}


async def publish(database: db.Database, tenant: Tenant, *names: Any) -> list[events.Event]:
    made = [samples.event(tenant.domain, name) for name in names]
    await samples.publish(database, *made)
    return made


def seqs(page: Any) -> list[int]:
    return [entry["seq"] for entry in page["data"]]


# --- pages


async def test_every_event_is_there_in_order_as_webhooks_deliver_it(
    database: db.Database, tenant: Tenant
) -> None:
    made = await publish(database, tenant, "ringing", "answered", "hangup", "cdr")

    answer = await tenant.client.get(FEED)

    assert [entry["webhook_id"] for entry in answer.json["data"]] == [
        str(event.event_uuid) for event in made
    ]
    assert [entry["event"] for entry in answer.json["data"]] == [
        "ringing",
        "answered",
        "hangup",
        "cdr",
    ]
    assert seqs(answer.json) == [1, 2, 3, 4]
    assert samples.body(made[0]) in answer.body
    assert all(entry["created_at"].endswith("Z") for entry in answer.json["data"])
    assert {name: answer.json[name] for name in ("next", "first_seq", "last_seq")} == {
        "next": 4,
        "first_seq": 1,
        "last_seq": 4,
    }


async def test_one_loop_reads_all(database: db.Database, tenant: Tenant) -> None:
    await publish(database, tenant, *["ringing"] * 25)
    after, read = 0, []
    while True:
        page = (await tenant.client.get(FEED, params={"after": after, "limit": 10})).json
        read += seqs(page)
        after = page["next"]
        if after == page["last_seq"]:
            break

    assert read == list(range(1, 26))
    assert seqs((await tenant.client.get(FEED, params={"after": 25})).json) == []


async def test_a_domain_without_events_has_an_empty_feed(tenant: Tenant) -> None:
    assert (await tenant.client.get(FEED)).json == {
        "data": [],
        "next": 0,
        "first_seq": 1,
        "last_seq": 0,
    }


async def test_only_events_of_a_name(database: db.Database, tenant: Tenant) -> None:
    await publish(database, tenant, *["ringing", "answered", "cdr"] * 3)

    page = (
        await tenant.client.get(
            FEED, params=[("event", "cdr"), ("event", "answered"), ("limit", "3")]
        )
    ).json
    rest = (
        await tenant.client.get(FEED, params={"event": "cdr,answered", "after": page["next"]})
    ).json
    none = (await tenant.client.get(FEED, params={"event": "missed"})).json
    async with database.connection() as tx:
        looked = await feed.read(tx, tenant.domain.domain_uuid, 0, 100, ["missed"], window=5)

    assert (seqs(page), page["next"]) == ([2, 3, 5], 5)
    assert (seqs(rest), rest["next"]) == ([6, 8, 9], 9)
    assert (seqs(none), none["next"]) == ([], 9)
    assert looked == feed.Page([], 5, 9), "it goes on where it stopped looking"


async def test_notices_are_in_the_feed_too(database: db.Database, tenant: Tenant) -> None:
    facts = events.SubscriptionFacts(
        domain=tenant.domain.name,
        subscription_uuid=ids.new(),
        event_name="cdr",
        callback_url="http://crm.example.vn/",
        disabled_reason="Gone.",
        disabled_at=datetime.now(UTC),
    )
    notice = events.disabled(tenant.domain.domain_uuid, facts)
    await publish(database, tenant, "ringing")
    async with database.transaction() as tx:
        await outbox.publish_many(tx, [notice])

    page = (await tenant.client.get(FEED, params={"event": "endpoint.disabled"})).json

    assert [(entry["seq"], entry["body"]["disabled_reason"]) for entry in page["data"]] == [
        (2, "Gone.")
    ]


async def test_what_is_no_longer_kept_is_said_so(database: db.Database, tenant: Tenant) -> None:
    await publish(database, tenant, *["ringing"] * 5)
    async with database.connection() as tx:
        await tx.execute(
            "DELETE FROM events WHERE domain_uuid = $1 AND seq <= 3", tenant.domain.domain_uuid
        )

    for headers in ({}, STREAM):
        gone = (
            await tenant.client.get(FEED, params={"after": 2}, headers=headers, expect=410)
        ).json
        assert {name: gone[name] for name in ("status", "error", "first_seq", "last_seq")} == {
            "status": "fail",
            "error": "EVENTS_GONE",
            "first_seq": 4,
            "last_seq": 5,
        }
    assert seqs((await tenant.client.get(FEED, params={"after": 3})).json) == [4, 5]
    assert seqs((await tenant.client.get(FEED)).json) == [4, 5]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        ("after=9223372036854775807", "after"),
        ("after=1", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("wait=0.5", "wait"),
        ("wait=61", "wait"),
        ("event=create", "event"),
        ("event=ringing,x", "event"),
    ],
)
async def test_what_is_wrong_is_named(client: Client, query: str, field: str) -> None:
    assert field == (await client.get(f"{FEED}?{query}", expect=422)).json["field"]
    assert field == (await client.get(f"{FEED}?{query}", headers=STREAM, expect=422)).json["field"]


async def test_without_a_token_there_is_nothing(anybody: Client) -> None:
    for headers in ({}, STREAM):
        await anybody.get(FEED, headers=headers, expect=401)
    await anybody.post("/v1/event/trigger", {"event": "cdr"}, expect=401)


# --- long polls


async def test_a_long_poll_answers_when_there_is_an_event(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with impatient(deps, tenant) as (own, client):
        waiting = asyncio.create_task(client.get(FEED, params={"after": 0, "wait": 60}))
        await until(lambda: own._topics)
        await publish(database, tenant, "ringing")
        page = (await waiting).json
    assert (seqs(page), page["next"]) == ([1], 1)


async def test_a_long_poll_in_vain_is_empty_and_one_that_was_left_ends(
    deps: api.Deps, tenant: Tenant
) -> None:
    async with impatient(deps, tenant) as (own, client):
        assert seqs((await client.get(FEED, params={"wait": 1})).json) == []
        waiting = asyncio.create_task(client.get(FEED, params={"wait": 60}))
        await until(lambda: own._topics)
        waiting.cancel()
        await until(lambda: not own._topics)


# --- streams


class Listener:
    """A stream that is open; `blocks` are what came of it so far."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.blocks: list[dict[str, str]] = []
        self.is_over = False

    async def listen(self) -> None:
        block: dict[str, str] = {}
        async for line in self.answer.content:
            if text := line.decode().removesuffix("\n"):
                name, _, value = text.partition(":")
                block[name] = value.removeprefix(" ")
            else:
                self.blocks.append(block)
                block = {}
        self.is_over = True

    @property
    def events(self) -> list[dict[str, str]]:
        return [block for block in self.blocks if "data" in block]

    @property
    def ids(self) -> list[int]:
        return [int(block["id"]) for block in self.events]


@asynccontextmanager
async def listening(client: Client, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    """A stream that has begun."""
    own = {"Authorization": f"Bearer {client.token}", **STREAM, **headers}
    async with client._session.get(f"{FEED}?{query}", headers=own) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        listener = Listener(answer)
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.blocks)
        assert listener.blocks[0].keys() == {"retry", "id"}
        yield listener
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stream_has_what_comes_from_now_on(database: db.Database, tenant: Tenant) -> None:
    await publish(database, tenant, "ringing")
    async with listening(tenant.client) as listener:
        [made] = await publish(database, tenant, "answered")
        await until(lambda: listener.events)
        assert listener.events == [
            {
                "id": "2",
                "event": "answered",
                "webhook-id": str(made.event_uuid),
                "data": samples.body(made).decode(),
            }
        ]


async def test_a_stream_goes_on_where_it_was_broken_off(
    database: db.Database, tenant: Tenant
) -> None:
    await publish(database, tenant, *["ringing"] * 250)
    async with listening(tenant.client, "after=0") as listener:
        await until(lambda: len(listener.events) == 250)
        assert listener.ids == list(range(1, 251))
    async with listening(tenant.client, "after=0", **{"Last-Event-ID": "248"}) as again:
        await publish(database, tenant, "cdr")
        await until(lambda: len(again.events) == 3)
        assert again.ids == [249, 250, 251]


async def test_a_stream_of_some_names(database: db.Database, tenant: Tenant) -> None:
    async with listening(tenant.client, "event=cdr") as listener:
        await publish(database, tenant, "ringing", "cdr", "ringing", "cdr")
        await until(lambda: len(listener.events) == 2)
        assert listener.ids == [2, 4]


async def test_of_another_domain_a_stream_hears_nothing(
    database: db.Database, tenant: Tenant, master_key: MasterKey, session: aiohttp.ClientSession
) -> None:
    other = await move_in(database, master_key, session)
    async with listening(tenant.client) as mine, listening(other.client) as theirs:
        [one] = await publish(database, tenant, "ringing")
        [two] = await publish(database, other, "ringing")
        await until(lambda: mine.events and theirs.events)
        assert [event["webhook-id"] for event in mine.events] == [str(one.event_uuid)]
        assert [event["webhook-id"] for event in theirs.events] == [str(two.event_uuid)]


async def test_many_streams_share_connections_and_statements(
    database: db.Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = feed.read

    async def counted(*asked: Any) -> feed.Page:
        nonlocal reads
        reads += 1
        return await read(*asked)

    async with _streams(tenant, 40) as listeners:
        await until(lambda: all(listener.blocks for listener in listeners))
        monkeypatch.setattr(feed, "read", counted)
        await publish(database, tenant, "ringing")
        await until(lambda: all(listener.events for listener in listeners))
        assert {tuple(listener.ids) for listener in listeners} == {(1,)}
    assert reads <= 10, (
        "once for the event, and once to see that there is no more, with room for a poll between"
    )


@asynccontextmanager
async def _streams(tenant: Tenant, count: int) -> AsyncIterator[list[Listener]]:
    async with asyncio.TaskGroup() as group:
        opened: list[Listener] = []
        end = asyncio.Event()

        async def one() -> None:
            async with listening(tenant.client) as listener:
                opened.append(listener)
                await end.wait()

        for _ in range(count):
            group.create_task(one())
        await until(lambda: len(opened) == count)
        yield opened
        end.set()


async def test_who_publishes_in_this_process_wakes_listeners(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    own = feeds.Feeds(deps.database, deps.tenants, poll_s=3600)
    async with impatient(deps, tenant, feeds=own) as (_, client), listening(client) as listener:
        # it has polled
        await until(lambda: all(topic.last_seq == 0 for topic in own._topics.values()))
        await publish(database, tenant, "ringing")
        own.wake([tenant.domain.domain_uuid])
        await until(lambda: listener.events)


# --- the ends of streams: an API of its own, that is impatient


@asynccontextmanager
async def impatient(
    deps: api.Deps, tenant: Tenant, **changes: Any
) -> AsyncIterator[tuple[feeds.Feeds, Client]]:
    """An API with a short heartbeat and room for two listeners a domain, and the tenant's client
    of it.
    """
    own = feeds.Feeds(
        deps.database, changes.get("tenants", deps.tenants), most=2, heartbeat_s=0.05
    )
    changes = {"feeds": own, **changes}
    async for url in serve(msgspec.structs.replace(deps, **changes)):
        async with aiohttp.ClientSession(url) as session:
            yield own, Client(session, tenant.client.token)


async def test_heartbeats_say_how_far_it_has_looked(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with impatient(deps, tenant) as (_, client), listening(client, "event=cdr") as listener:
        await publish(database, tenant, "ringing", "hangup")
        await until(lambda: listener.blocks[-1].get("id") == "2")
        assert listener.blocks[-1] == {"": "", "id": "2"}
        assert listener.events == []


async def test_a_domain_has_so_many_listeners_and_no_more(deps: api.Deps, tenant: Tenant) -> None:
    async with impatient(deps, tenant) as (_, client):
        async with listening(client), listening(client):
            for headers in (STREAM, {}):
                refused = await client.get(FEED, params={"wait": 1}, headers=headers, expect=429)
                assert refused.headers["Retry-After"] == "5"
            await client.get(FEED)
        await until(lambda: _is_free(client))


async def _is_free(client: Client) -> bool:
    return (await client.get(FEED, params={"wait": 1}, expect=None)).status == 200


async def test_a_stream_is_one_request_however_much_it_tells(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with (
        impatient(deps, tenant, domain_rate=1) as (_, client),
        listening(client) as listener,
    ):
        for count in range(1, 6):
            await publish(database, tenant, "ringing")
            await heard(listener, count)


async def heard(listener: Listener, count: int) -> None:
    await until(lambda: len(listener.events) == count)


async def test_a_stream_ends_with_its_token(
    deps: api.Deps, tenant: Tenant, master_key: MasterKey
) -> None:
    async with deps.database.connection() as tx:
        account = await users.by_api_key(tx, master_key, tenant.api_key)
    async with impatient(deps, tenant) as (_, client):
        client.token, expires = Tokens(master_key, 2).issue(
            tenant.domain.domain_uuid, account.user_uuid, 1
        )
        async with listening(client) as listener:
            await until(lambda: listener.is_over)
            assert time.time() >= expires
        await client.get(FEED, headers=STREAM, expect=401)


async def test_a_stream_ends_with_its_account(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with impatient(deps, tenant) as (_, client), listening(client) as listener:
        async with database.connection() as tx:
            await tx.execute(
                "UPDATE users SET enabled = false WHERE domain_uuid = $1",
                tenant.domain.domain_uuid,
            )
        await until(lambda: listener.is_over)


async def test_streams_and_long_polls_end_when_the_api_key_loses_the_permission(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with impatient(deps, tenant) as (own, client), listening(client) as listener:
        waiting = asyncio.create_task(client.get(FEED, params={"wait": 60}, expect=403))
        await until(lambda: sum(topic.listeners for topic in own._topics.values()) == 2)
        async with database.transaction() as tx:
            await api_keys.set_scopes(tx, tenant.domain.domain_uuid, "foo", ("cdr:read",))
        await until(lambda: listener.is_over)
        await publish(database, tenant, "ringing")
        assert "event:read" in (await waiting).json["message"]
        assert listener.events == []


async def test_streams_and_long_polls_tell_nothing_more_when_the_api_key_is_rotated(
    database: db.Database, deps: api.Deps, tenant: Tenant, master_key: MasterKey
) -> None:
    async with impatient(deps, tenant) as (own, client), listening(client) as listener:
        waiting = asyncio.create_task(client.get(FEED, params={"wait": 60}, expect=401))
        await until(lambda: sum(topic.listeners for topic in own._topics.values()) == 2)
        async with database.transaction() as tx:
            await api_keys.rotate(tx, tenant.domain.domain_uuid, master_key, "foo")
        await until(lambda: listener.is_over)
        await publish(database, tenant, "ringing")
        assert "API key" in (await waiting).json["message"]
        assert listener.events == []


async def test_streams_and_long_polls_end_when_we_stop(deps: api.Deps, tenant: Tenant) -> None:
    async with impatient(deps, tenant) as (own, client), listening(client) as listener:
        waiting = asyncio.create_task(client.get(FEED, params={"wait": 60}))
        await until(lambda: sum(topic.listeners for topic in own._topics.values()) == 2)
        own.close()
        await until(lambda: listener.is_over)
        assert (await waiting).json["data"] == []
        assert own._topics == {}


async def test_a_reader_that_takes_nothing_is_read_nothing_for(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    """The events for it stay in the database; after a while its connection is closed."""
    quick = msgspec.structs.replace(deps, timing=api.Timing(reader_s=0.5))
    big = [samples.event(tenant.domain) for _ in range(20_000)]
    await samples.publish(database, *big)
    async with impatient(quick, tenant) as (own, client):
        host, port = client._session._base_url.host, client._session._base_url.port  # type: ignore[union-attr]
        _, writer = await asyncio.open_connection(host, port, limit=1)
        lines = [
            f"GET {FEED}?after=0 HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {client.token}",
        ]
        writer.write("\r\n".join([*lines, "Accept: text/event-stream", "", ""]).encode())
        await until(lambda: own._topics)
        await until(lambda: not own._topics)
        writer.transport.abort()


async def test_a_stream_outlives_a_database_that_is_away(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    quick = msgspec.structs.replace(deps, timing=api.Timing(away_s=0.01))
    own = Tenants(database.dsn, size=1, patience_s=0.05)
    await own.open()
    async with impatient(quick, tenant, tenants=own) as (_, client), listening(client) as listener:
        tx = await own._database._take(None)  # nobody else gets a connection
        await publish(database, tenant, "ringing")
        beats = len(listener.blocks)
        await until(lambda: len(listener.blocks) > beats)
        assert listener.events == []
        own._database._give(tx)
        await until(lambda: listener.events)
    await own.close()


# --- the guide's loop


async def test_the_loop_of_the_guide_reads_every_event_once(
    database: db.Database, tenant: Tenant, url: str, tmp_path: Path
) -> None:
    """Also after a day away, and after so long that the oldest are no longer kept."""

    async def told() -> list[str]:
        example = Path(__file__).parents[2] / "docs" / "examples" / "catch_up.py"
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, str(example)),
            cwd=tmp_path,
            env={"API": url, "TOKEN": tenant.client.token},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await running.communicate()
        assert running.returncode == 0
        return [line.split()[0] for line in said.decode().splitlines()]

    await publish(database, tenant, *["ringing"] * 1001, "cdr")
    assert await told() == [*["ringing"] * 1001, "cdr"]
    assert await told() == []
    await publish(database, tenant, "answered", "hangup")
    assert await told() == ["answered", "hangup"]
    await publish(database, tenant, "ringing", "answered", "hangup")
    async with database.connection() as tx:
        await tx.execute(
            "DELETE FROM events WHERE domain_uuid = $1 AND seq <= 1005", tenant.domain.domain_uuid
        )
    assert await told() == ["what", "answered", "hangup"]


# --- samples


@pytest.mark.parametrize("name", events.NAMES)
async def test_a_sample_is_published_as_a_test(
    database: db.Database, tenant: Tenant, master_key: MasterKey, name: events.EventName
) -> None:
    await samples.subscribe(
        database, master_key, tenant.domain, name, "http://crm.example.vn/hook"
    )

    told = (await tenant.client.post("/v1/event/trigger", {"event": name})).json

    body = msgspec.convert(told["body"], v1.CallEvent)
    assert (told["seq"], told["event"], body.state, body.customer_id) == (1, name, name, "test")
    assert (body.domain, body.sip_call_id) == (tenant.domain.name, f"test-{body.call_id}")
    assert (await tenant.client.get(FEED)).json["data"] == [told]
    async with database.connection() as tx:
        assert await tx.fetchval(
            "SELECT count(*) FROM deliveries WHERE domain_uuid = $1", tenant.domain.domain_uuid
        )


async def test_a_sample_of_no_event_is_refused(tenant: Tenant) -> None:
    assert (await tenant.client.post("/v1/event/trigger", {"event": "create"}, expect=422)).json[
        "field"
    ] == "event"
    assert (await tenant.client.get(FEED)).json["last_seq"] == 0


async def test_samples_are_for_admins(database: db.Database, tenant: Tenant) -> None:
    async with database.connection() as tx:
        await tx.execute(
            "UPDATE users SET level = 'agent' WHERE domain_uuid = $1", tenant.domain.domain_uuid
        )

    async def refused() -> bool:
        return (
            await tenant.client.post("/v1/event/trigger", {"event": "cdr"}, expect=None)
        ).status == 403

    await until(refused)
