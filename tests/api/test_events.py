"""Event subscriptions as the reference has them."""

from typing import Any
from uuid import UUID

import aiohttp
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
            "numbers_as_text": False,
            "accept_redirects": False,
            "callback_headers": {},
            "callback_ca": "",
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


OPTIONS = {
    "numbers_as_text": True,
    "accept_redirects": True,
    "callback_headers": {"x-make-apikey": "abc"},
}


async def test_how_events_are_sent(client: Client) -> None:
    made = (await client.post("/v1/event", HOOK | OPTIONS)).json["data"]
    shown = OPTIONS | {"callback_headers": {"x-make-apikey": "***"}, "callback_ca": ""}
    assert made == made | shown
    assert (await client.get("/v1/event")).json["data"] == [
        {name: value for name, value in made.items() if name != "secret"}
    ]

    changes = {"accept_redirects": False, "callback_headers": {"X-A": "1", "X-B": "2"}}
    changed = await client.ask("PATCH", f"/v1/event/{made['id']}", json=changes)
    assert changed.json == changed.json | {
        "numbers_as_text": True,
        "accept_redirects": False,
        "callback_headers": {"X-A": "***", "X-B": "***"},
    }
    removed = await client.ask("PATCH", f"/v1/event/{made['id']}", json={"callback_headers": {}})
    assert removed.json["callback_headers"] == {}


async def test_forms_have_options_too(client: Client) -> None:
    form = HOOK | {"numbers_as_text": "true", "accept_redirects": "1"}
    made = (await client.ask("POST", "/v1/event", data=form)).json["data"]
    assert (made["numbers_as_text"], made["accept_redirects"]) == (True, True)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Authorization": "x"}, "Authorization is a header of our own"),
        ({"webhook-id": "x"}, "webhook-id is a header of our own"),
        ({"HOST": "x"}, "HOST is a header of our own"),
        ({"Content-Length": "5"}, "Content-Length is a header of our own"),
        ({"X A": "x"}, "a header's name"),
        ({"X-A": "x\r\nY: 1"}, "printable ASCII"),
        ({"x-a": "1", "X-A": "2"}, "a header is given twice"),
        ({f"x-{number}": "1" for number in range(11)}, "at most 10"),
    ],
)
async def test_a_header_replaces_none_of_ours(
    client: Client, headers: dict[str, str], why: str
) -> None:
    refused = await client.post("/v1/event", HOOK | {"callback_headers": headers}, expect=422)
    assert refused.json["field"] == "callback_headers"
    assert why in refused.json["message"]


@pytest.mark.parametrize("pem", ["no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_certificates_are_pem(client: Client, pem: str) -> None:
    refused = await client.post("/v1/event", HOOK | {"callback_ca": pem}, expect=422)
    assert refused.json["field"] == "callback_ca"


ONE_EVENT = {
    "en": "one of ringing, answered, hold, unhold, parked, hangup, cdr, missed, "
    "recording.ready, recording.failed, endpoint.disabled; make one subscription for each event",
    "vi": "một trong ringing, answered, hold, unhold, parked, hangup, cdr, missed, "
    "recording.ready, recording.failed, endpoint.disabled; "
    "hãy tạo một subscription cho từng sự kiện",
}


@pytest.mark.parametrize("language", ONE_EVENT)
@pytest.mark.parametrize(
    "event", [["ringing", "answered"], ["cdr"], [], {"name": "cdr"}, 5, True, "ringing,answered"]
)
async def test_a_subscription_is_to_one_event(
    client: Client, event: object, language: str
) -> None:
    """It has one secret; a list makes no subscription."""
    accept = {"Accept-Language": language}
    made = (await client.post("/v1/event", HOOK)).json["id"]
    asked: dict[str, Any] = {"json": {"event": event}, "headers": accept, "expect": 422}
    refused = [
        await client.post("/v1/event", HOOK | {"event": event}, headers=accept, expect=422),
        await client.ask("PATCH", f"/v1/event/{made}", **asked),
    ]
    for one in refused:
        assert one.json["field"] == "event"
        assert ONE_EVENT[language] in one.json["message"]
    assert (await client.get("/v1/event")).json["total"] == 1


@pytest.mark.parametrize(
    "names", [("event", "event"), ("event[]", "event[]"), ("event[0]", "event[1]")]
)
@pytest.mark.parametrize("is_multipart", [False, True])
async def test_a_form_with_a_list_makes_no_subscription(
    client: Client, names: tuple[str, str], *, is_multipart: bool
) -> None:
    form = aiohttp.FormData(default_to_multipart=is_multipart)
    for name, value in (
        ("callback_url", HOOK["callback_url"]),
        *zip(names, ("cdr", "missed"), strict=True),
    ):
        form.add_field(name, value)
    refused = await client.ask("POST", "/v1/event", data=form, expect=422)
    assert refused.json["field"] == "event"
    assert ONE_EVENT["en"] in refused.json["message"]


async def test_a_name_that_is_given_twice_with_one_value_is_that_value(client: Client) -> None:
    form = aiohttp.FormData()
    for name in ("callback_url", "callback_url"):
        form.add_field(name, HOOK["callback_url"])
    form.add_field("event[]", "cdr")
    made = (await client.ask("POST", "/v1/event", data=form)).json["data"]
    assert (made["callback_url"], made["event"]) == (HOOK["callback_url"], "cdr")


async def test_a_subscription_keeps_its_event_and_url(client: Client) -> None:
    """A client may send back what it read; another event or URL is refused, not passed over."""
    made = (await client.post("/v1/event", HOOK)).json["id"]
    read = (await client.get(f"/v1/event/{made}")).json
    back = {"event": read["event"], "callback_url": read["callback_url"], "numbers_as_text": True}
    changed = (await client.ask("PATCH", f"/v1/event/{made}", json=back)).json
    assert changed == read | {"numbers_as_text": True}
    for field, other in (("event", "cdr"), ("callback_url", "https://other.demo/")):
        refused = await client.ask("PATCH", f"/v1/event/{made}", json={field: other}, expect=422)
        assert refused.json["field"] == field
        assert "make another subscription" in refused.json["message"]


async def test_a_sample_is_of_one_event(client: Client) -> None:
    wrong = {"event": ["ringing", "cdr"]}
    refused = await client.post("/v1/event/trigger", wrong, expect=422)
    assert refused.json["field"] == "event"
    assert (
        "one of ringing, answered, hold, unhold, parked, hangup, cdr, missed"
        in refused.json["message"]
    )
