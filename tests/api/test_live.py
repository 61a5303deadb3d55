"""Live state over the API, with an engine in the test's hands: the state once, as a stream, after
an interruption, and for listeners that do not listen.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant, move_in, serve
from tests.api.test_admin_accounts import logged_in
from tests.api.test_permissions import user
from tongdai import api, errors, ids
from tongdai.api import boards, live_overview
from tongdai.encryption import MasterKey
from tongdai.store import db, live_state, operators
from tongdai.store.live_state import Key, Row

__all__ = ["PASSWORD"]

A, B = ("calls", "a"), ("queues", "700")
WAIT_S = 20.0


async def begin(database: db.Database, tenant: Tenant, **calls: str) -> None:
    """An engine publishes these calls, each with a state."""
    async with database.transaction() as tx:
        await live_state.begin(tx, tenant.domain.domain_uuid, rendered(calls))


async def change(database: db.Database, tenant: Tenant, *gone: str, **calls: str) -> None:
    async with database.transaction() as tx:
        await live_state.change(
            tx, tenant.domain.domain_uuid, rendered(calls), [("calls", name) for name in gone]
        )


def rendered(calls: dict[str, str]) -> dict[Key, str]:
    return {("calls", name): f'{{"id":"{name}","state":"{it}"}}' for name, it in calls.items()}


class Listener:
    """A stream of live state, as a browser reads it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.last_id = ""

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event, and its data."""
        async with asyncio.timeout(WAIT_S):
            while True:
                lines = await self._paragraph()
                self.last_id = lines.get("id", self.last_id)
                if "data" in lines:
                    return lines["event"], msgspec.json.decode(lines["data"])

    async def comment(self) -> None:
        """Nothing but a comment has come."""
        async with asyncio.timeout(WAIT_S):
            assert await self._paragraph() == {"": ""}

    async def _paragraph(self) -> dict[str, str]:
        lines: dict[str, str] = {}
        while line := (await self._answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(":")
            lines[name] = value.strip()
        return lines

    def stops_reading(self) -> None:
        connection = self._answer.connection
        assert connection
        assert connection.transport
        connection.transport.pause_reading()

    async def ends(self) -> bool:
        """Whether the stream ends, whatever comes before."""
        async with asyncio.timeout(WAIT_S):
            while await self._answer.content.read(1024):
                pass
        return True


@asynccontextmanager
async def listening(
    client: Client, last_id: str = "", path: str = "/v1/live"
) -> AsyncIterator[Listener]:
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/event-stream"}
    headers |= {"Last-Event-ID": last_id} if last_id else {}
    async with client._session.get(path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Listener(answer)


async def test_the_state_once(tenant: Tenant, database: db.Database) -> None:
    await begin(database, tenant, a="ringing")
    told = (await tenant.client.get("/v1/live")).json

    assert told["calls"] == [{"id": "a", "state": "ringing"}]
    assert [told[kind] for kind in ("queues", "agents", "registrations", "trunks")] == [[]] * 4


async def test_a_stream_begins_with_all_and_goes_on_with_changes(
    tenant: Tenant, database: db.Database
) -> None:
    await begin(database, tenant, a="ringing")
    async with listening(tenant.client) as listener:
        name, state = await listener.event()
        assert (name, state["calls"]) == ("state", [{"id": "a", "state": "ringing"}])
        await change(database, tenant, a="talking", b="ringing")
        name, changes = await listener.event()
        assert name == "changes"
        assert sorted(call["id"] for call in changes["calls"]) == ["a", "b"]
        assert "queues" not in changes
        await change(database, tenant, "a")
        name, changes = await listener.event()
        assert (name, changes["gone"]) == ("changes", {"calls": ["a"]})
        assert listener.last_id == str(changes["seq"])


async def test_a_listener_that_comes_back_gets_what_it_missed(
    tenant: Tenant, database: db.Database
) -> None:
    await begin(database, tenant, a="ringing", b="ringing", c="ringing")
    async with listening(tenant.client) as listener:
        await listener.event()
        last_id = listener.last_id
    await change(database, tenant, "c", a="talking")
    async with listening(tenant.client, last_id) as listener:
        name, changes = await listener.event()
        assert (name, changes["calls"], changes["gone"]) == (
            "changes",
            [{"id": "a", "state": "talking"}],
            {"calls": ["c"]},
        )


async def test_after_a_new_beginning_everything_is_told_again(
    tenant: Tenant, database: db.Database
) -> None:
    """Another engine publishes; to a listener that is there, and one that comes back."""
    await begin(database, tenant, a="ringing")
    async with listening(tenant.client) as listener:
        await listener.event()
        last_id = listener.last_id
        await begin(database, tenant, b="talking")
        name, state = await listener.event()
        assert (name, state["calls"]) == ("state", [{"id": "b", "state": "talking"}])
    async with listening(tenant.client, last_id) as listener:
        name, state = await listener.event()
        assert (name, len(state["calls"])) == ("state", 1)


async def test_a_position_that_is_not_ours(tenant: Tenant, database: db.Database) -> None:
    await begin(database, tenant, a="ringing")
    async with listening(tenant.client, str(2**62)) as listener:
        assert (await listener.event())[0] == "state"
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "abc"}
    refused = await tenant.client.get("/v1/live", headers=headers, expect=422)
    assert refused.json["field"] == "Last-Event-ID"


async def test_without_an_engine_it_is_503(
    tenant: Tenant, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "_BEGIN_S", 0.2)
    for headers in ({}, {"Accept": "text/event-stream"}):
        refused = await tenant.client.get("/v1/live", headers=headers, expect=503)
        assert refused.json["error"] == "SWITCH_DOWN"


async def test_what_a_dead_engine_published_is_not_told(
    tenant: Tenant, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(database, tenant, a="ringing")
    async with database.connection() as tx:
        await tx.execute(
            "UPDATE live_state SET changed_at = now() - interval '1 hour' WHERE domain_uuid = $1",
            tenant.domain.domain_uuid,
        )
    monkeypatch.setattr(boards, "_BEGIN_S", 0.2)
    await tenant.client.get("/v1/live", expect=503)


async def test_listeners_leave_when_no_engine_publishes_any_more(
    tenant: Tenant, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "RENEW_S", 0.1)
    await begin(database, tenant, a="ringing")
    async with listening(tenant.client) as listener:
        await listener.event()
        async with database.transaction() as tx:
            await live_state.end(tx, tenant.domain.domain_uuid)
        assert await listener.ends()


async def test_an_agents_token_listens_until_its_account_is_disabled(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    await begin(database, tenant, a="ringing")
    agent = await user(tenant, database, master_key, level="agent")
    async with listening(agent) as listener:
        await listener.event()
        async with database.transaction() as tx:
            await tx.execute(
                "DELETE FROM users WHERE domain_uuid = $1 AND username <> 'foo'",
                tenant.domain.domain_uuid,
            )

        async def goes_on() -> None:
            while True:
                await change(database, tenant, a="talking")
                await asyncio.sleep(0.2)

        changing = asyncio.create_task(goes_on())
        try:
            assert await listener.ends()
        finally:
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)


async def test_a_domain_has_so_many_listeners(deps: api.Deps, tenant: Tenant) -> None:
    """The one too many is refused; when one leaves there is a place."""
    made = boards.Boards(deps.database, heartbeat_s=15, most=1)
    domain_uuid = tenant.domain.domain_uuid
    made._boards[domain_uuid] = board = boards.Board()
    board.is_complete.set()
    async with made.listening(domain_uuid):
        with pytest.raises(errors.TooManyRequests):
            async with made.listening(domain_uuid):
                pass
    made._boards[domain_uuid] = board
    async with made.listening(domain_uuid):
        pass


async def test_an_overview_that_is_refused_leaves_no_listener(deps: api.Deps) -> None:
    """One domain has as many as it may, the other one is not published yet."""
    made = boards.Boards(deps.database, heartbeat_s=15, most=1)
    full, silent = ids.new(), ids.new()
    made._boards[full] = board = boards.Board()
    board.is_complete.set()
    request: Any = SimpleNamespace(context=SimpleNamespace(boards=made))
    async with made.listening(full):
        with pytest.raises(errors.TooManyRequests):
            async with live_overview._boards(request, {"silent": silent, "full": full}):
                pass
        assert made._boards.keys() == {full}
        assert board.listeners == 1


async def test_a_reader_that_takes_nothing_is_cut(
    deps: api.Deps, tenant: Tenant, database: db.Database
) -> None:
    """Its lease ends with it."""
    impatient = replace(deps, timing=replace(deps.timing, reader_s=0.3))
    domain_uuid, body = tenant.domain.domain_uuid, "x" * 200_000
    await begin(database, tenant, a="ringing")

    async def is_left() -> bool:
        async with database.transaction() as tx:
            things = {("calls", str(n)): f'"{body}"' for n in range(20)}
            await live_state.change(tx, domain_uuid, things, ())
            return not await tx.fetchval(
                "SELECT count(*) FROM live_leases WHERE domain_uuid = $1", domain_uuid
            )

    async with (
        asynccontextmanager(serve)(impatient) as url,
        aiohttp.ClientSession(url) as session,
        listening(Client(session, tenant.client.token)) as listener,
    ):
        await listener.event()
        listener.stops_reading()
        await until(is_left, WAIT_S)


async def test_a_silent_stream_has_comments_and_a_stop_ends_it(
    deps: api.Deps, tenant: Tenant, database: db.Database
) -> None:
    feeds = api.Feeds(deps.database, deps.tenants)
    timing = replace(deps.timing, heartbeat_s=0.05)
    await begin(database, tenant, a="ringing")
    async with (
        asynccontextmanager(serve)(replace(deps, feeds=feeds, timing=timing)) as url,
        aiohttp.ClientSession(url) as session,
        listening(Client(session, tenant.client.token)) as listener,
    ):
        await listener.event()
        await listener.comment()
        feeds.close()
        assert await listener.ends()


# --- boards


def row(seq: int, kind: str, name: str, body: str | None) -> Row:
    return Row(ids.new(), kind, name, seq, body)


def test_listeners_at_one_position_share_the_text() -> None:
    board = boards.Board()
    board.take([row(1, "domain", "", "0"), row(2, *A, "{}")], 0.0)

    assert board.text(1) is board.text(1)
    assert b'"calls":[{}]' in board.text(1)
    assert board.text(2) == b'id: 2\nevent: changes\ndata: {"seq":2}\n\n'


def test_what_has_been_gone_for_long_is_not_told_any_more() -> None:
    board = boards.Board()
    board.take([row(1, "domain", "", "0"), row(2, *A, "{}"), row(3, *B, "{}")], 0.0)
    board.take([row(4, *A, None)], 1.0)
    assert b'"gone":{"calls":["a"]}' in board.text(3)
    board.take([row(5, *B, '{"n":1}')], 1.0 + live_state.GONE_S + 1)

    assert board.text(3).startswith(b"id: 5\nevent: state")
    assert board.text(4) == b'id: 5\nevent: changes\ndata: {"seq":5,"queues":[{"n":1}]}\n\n'


def test_an_engine_that_forgot_what_was_gone_says_so() -> None:
    board = boards.Board()
    board.take([row(1, "domain", "", "7"), row(9, *B, "{}")], 0.0)

    assert b"event: state" in board.text(6)
    assert b"event: changes" in board.text(7)


async def test_an_operator_sees_all_domains_in_one_stream(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    """Each event names its domain; a domain that no engine publishes is left out."""
    async with database.connection() as tx:
        await tx.execute("TRUNCATE live_state")  # what other tests have published
    session = tenant.client._session
    second = await move_in(database, master_key, session)
    await move_in(database, master_key, session)
    await begin(database, tenant, a="ringing")
    await begin(database, second, b="talking")
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    client = await logged_in(Client(session), made.api_key)
    names = {tenant.domain.name: "a", second.domain.name: "b"}
    published = [tenant.domain.domain_uuid, second.domain.domain_uuid]
    touching = asyncio.create_task(touched(database, published))
    try:
        await _reads_all(client, names, database, second)
        await tenant.client.get("/v1/admin/live", expect=403)
        only = await client.get(f"/v1/admin/live?domain={second.domain.name}")
        assert [one["domain"] for one in only.json["domains"]] == [second.domain.name]
    finally:
        touching.cancel()
        await asyncio.gather(touching, return_exceptions=True)


async def touched(database: db.Database, published: list[UUID]) -> None:
    """Their engine confirms what it has published, until cancelled."""
    while True:
        async with database.transaction() as tx:
            await live_state.touch(tx, published)
        await asyncio.sleep(1)


async def _reads_all(
    client: Client, names: dict[str, str], database: db.Database, second: Tenant
) -> None:
    once = (await client.get("/v1/admin/live")).json["domains"]
    told = {one["domain"]: one["calls"] for one in once}
    assert {name: [call["id"] for call in told[name]] for name in names} == {
        name: [id] for name, id in names.items()
    }

    async with listening(client, path="/v1/admin/live") as listener:
        seen = set[str]()
        while seen < names.keys():
            name, state = await listener.event()
            assert name == "state"
            seen.add(state["domain"])
        await change(database, second, "b", c="ringing")
        while True:
            name, changed = await listener.event()
            if (name, changed["domain"]) == ("changes", second.domain.name):
                break
        assert changed["calls"] == [{"id": "c", "state": "ringing"}]
        assert changed["gone"] == {"calls": ["b"]}
        assert listener.last_id == "", "nobody goes on from one of many positions"
