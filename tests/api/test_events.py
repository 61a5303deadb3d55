"""Event subscriptions as the reference has them."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Client, Tenant

HOOK = {"callback_url": "https://webhook.demo/", "callback_apikey": "foo", "event": "hangup"}


async def test_creating_listing_and_deleting(tenant: Tenant) -> None:
    client = tenant.client
    answer = await client.post("/v1/event", HOOK)
    created = answer.json
    listed = (await client.get("/v1/event")).json["data"]

    assert answer.headers["Cache-Control"] == "no-store"
    assert created["created"] is True
    assert created["id"] == created["data"]["id"] == created["data"]["event_domain_uuid"]
    assert created["data"]["secret"].startswith("whsec_")
    assert [
        {
            "event_domain_uuid": created["id"],
            "domain_uuid": str(tenant.domain.domain_uuid),
            "domain_name": tenant.domain.name,
            "event_name": "hangup",
            "callback_url": "https://webhook.demo/",
            "callback_apikey": "foo",
            "id": created["id"],
            "event": "hangup",
            "enabled": True,
            "disabled_reason": "",
            "failing_since": None,
            "previous_secret_until": None,
        }
    ] == listed
    assert (await client.ask("DELETE", f"/v1/event/{created['id']}")).json == {"deleted": True}
    assert (await client.get("/v1/event/")).json == {"data": [], "total": 0}
    await client.ask("DELETE", f"/v1/event/{created['id']}", expect=404)


async def test_several_subscriptions_to_one_event_are_fine(client: Client) -> None:
    ids = [(await client.post("/v1/event", HOOK)).json["id"] for _ in range(2)]

    assert ids == [one["id"] for one in (await client.get("/v1/event")).json["data"]]


async def test_a_domain_has_so_many_subscriptions_at_most(client: Client) -> None:
    for _ in range(100):
        await client.post("/v1/event", HOOK)

    refused = await client.post("/v1/event", HOOK, expect=409)
    assert "100 subscriptions" in refused.json["message"]

    [first, *_] = (await client.get("/v1/event")).json["data"]
    await client.ask("DELETE", f"/v1/event/{first['id']}")
    await client.post("/v1/event", HOOK)


async def test_an_unknown_event_is_taken_with_a_warning(client: Client) -> None:
    """The reference's own example says `create`."""
    answer = (await client.post("/v1/event", HOOK | {"event": "create"})).json

    assert answer["created"] is True
    assert answer["warning"] == "There is no event 'create': it will never be posted."
    assert UUID(answer["id"])

    answer = (
        await client.post(
            "/v1/event", HOOK | {"event": "create"}, headers={"Accept-Language": "vi"}
        )
    ).json
    assert answer["warning"] == "Không có sự kiện 'create': sẽ không bao giờ được gửi."


@pytest.mark.parametrize(
    "event", ["ringing", "answered", "hangup", "cdr", "missed", "endpoint.disabled"]
)
async def test_known_events_come_without_warning(client: Client, event: str) -> None:
    assert "warning" not in (await client.post("/v1/event", HOOK | {"event": event})).json


@pytest.mark.parametrize(
    "apikey", [None, "", "foo", "Bearer abc.def==", "Basic Zm9v", "~ !", "x" * 1024]
)
async def test_the_callback_apikey_is_kept_as_it_is(client: Client, apikey: str | None) -> None:
    await client.post("/v1/event", HOOK | {"callback_apikey": apikey})

    assert (apikey or "") == (await client.get("/v1/event")).json["data"][0]["callback_apikey"]


async def test_the_callback_apikey_may_be_left_out(client: Client) -> None:
    await client.post("/v1/event", {"callback_url": "https://webhook.demo/", "event": "cdr"})

    assert (await client.get("/v1/event")).json["data"][0]["callback_apikey"] == ""


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"callback_url": "ftp://webhook.demo/"}, "callback_url"),
        ({"callback_url": "http://me:secret@webhook.demo/"}, "callback_url"),
        ({"callback_url": ""}, "callback_url"),
        ({"callback_url": 5}, "callback_url"),
        ({"callback_apikey": "a\r\nX-Evil: 1"}, "callback_apikey"),
        ({"callback_apikey": " foo"}, "callback_apikey"),
        ({"callback_apikey": "foo "}, "callback_apikey"),
        ({"callback_apikey": "ngày"}, "callback_apikey"),
        ({"callback_apikey": "x" * 1025}, "callback_apikey"),
        ({"callback_apikey": "a\0b"}, "callback_apikey"),
        ({"event": ""}, "event"),
        ({"event": "x" * 65}, "event"),
        ({"event": None}, "event"),
    ],
)
async def test_what_is_wrong_is_named(client: Client, wrong: dict[str, Any], field: str) -> None:
    answer = await client.post("/v1/event", HOOK | wrong, expect=422)

    assert field == answer.json["field"]
    assert (await client.get("/v1/event")).json == {"data": [], "total": 0}


@pytest.mark.parametrize("missing", ["callback_url", "event"])
async def test_what_is_missing_is_named(client: Client, missing: str) -> None:
    answer = await client.post(
        "/v1/event", {key: value for key, value in HOOK.items() if key != missing}, expect=422
    )

    assert missing == answer.json["field"]


@pytest.mark.parametrize("name", ["101", "x", "%00", "eeeeeeee-1111-2222-3333-eeeeeeee"])
async def test_what_was_never_there_cannot_be_deleted(client: Client, name: str) -> None:
    answer = await client.ask("DELETE", f"/v1/event/{name}", expect=404)

    assert answer.json["error"] == "NOT_FOUND"
