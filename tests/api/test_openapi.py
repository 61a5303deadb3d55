"""The OpenAPI document tells generated clients everything: names, types, events, bodies."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from tests.api.conftest import Client
from tongdai import api, dialects, ids
from tongdai.api import openapi
from tongdai.dialects import v1
from tongdai.pbx import events, samples

URL = "http://pbx.example.vn"
DOCUMENT: Any = msgspec.to_builtins(openapi.document(api.OPERATIONS, URL))
OPERATIONS = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for operation in path.values()
}


def validator(reference: dict[str, str]) -> Any:
    """Of a schema of the document."""
    return jsonschema_rs.validator_for(
        reference | {"components": DOCUMENT["components"]}, validate_formats=True
    )


def published(name: str) -> Any:
    """The body of an event of that name, as subscribers get it."""
    domain = (ids.new(), "demo.example.vn")
    sample = samples.Sample(call_uuid=ids.new(), at=datetime.now(UTC))
    of_recording = next((known for known in events.OF_RECORDINGS if known == name), None)
    if of_recording:
        event = samples.of_recording(*domain, of_recording, sample)
    elif name == events.DISABLED:
        url = "https://crm.example.vn/"
        event = samples.notice(*domain, ids.new(), url, datetime.now(UTC))
    else:
        event = samples.sample(*domain, _call_event(name), sample)
    return msgspec.json.decode(dialects.event_of("v1", event))


def _call_event(name: str) -> events.EventName:
    return next(known for known in events.NAMES if known == name)


def _of_nouns(*nouns: str) -> list[str]:
    verbs = ("list", "create", "get", "update", "delete")
    return [f"{verb}{noun}" + ("s" if verb == "list" else "") for noun in nouns for verb in verbs]


def test_operations_have_these_names() -> None:
    """Generated clients have methods of these names: a name stays."""
    assert [*OPERATIONS] == [
        *("login", "getToken", "getTokenV3"),
        *("listSubscriptions", "createSubscription", "readFeed", "getOutstanding"),
        *("triggerEvent", "getSubscription", "changeSubscription", "deleteSubscription"),
        "listDeliveries",
        *("getDelivery", "disableSubscription", "enableSubscription", "resendEvents"),
        *("rotateSecret", "testSubscription"),
        *("listCdrs", "getCdr", "listSavedSearches", "saveSearch", "deleteSavedSearch"),
        *("listCdrsV3", "getCdrV3", "getReport"),
        *("click2callByGet", "click2call", "click2callAsyncByGet", "click2callAsync"),
        *("listCalls", "getCall", "endCall", "sendDigits", "holdCall", "muteCall"),
        *("parkCall", "playPrompt", "recordCall", "getTimeline", "transferCall"),
        *("unholdCall", "unmuteCall", "readLive"),
        *("listPhoneCalls", "createPhoneCredentials", "createPhoneToken", "turn"),
        *("getRecording", "deleteRecording", "getRecordingLink"),
        *("listExtensionsV3", "createExtensionV3", "getExtensionV3", "updateExtensionV3"),
        *("listDeveloperLinks", "createDeveloperLink", "deleteDeveloperLink"),
        "forgetSecondFactor",
        *("showSecondFactor", "proposeSecondFactor", "setSecondFactor", "removeSecondFactor"),
        *("showAccount", "signIn", "signOut", "openDeveloperLink"),
        *("listSessions", "signOutEverywhere", "endSession"),
        *("listApiKeys", "createApiKey", "getApiKey", "updateApiKey", "deleteApiKey"),
        "rotateApiKey",
        *(
            "listAudit",
            "listBans",
            "liftBan",
            "listCallers",
            "createCaller",
            "writeCallers",
            "getCaller",
            "updateCaller",
            "deleteCaller",
            "searchCdrs",
            "exportCompany",
            "applyCompany",
            "planCompany",
        ),
        *_of_nouns("Device", "Domain"),
        *("listExtensions", "createExtension", "bulkCreateExtensions", "exportExtensions"),
        *("importExtensions", "getExtension", "updateExtension", "deleteExtension"),
        "listFailingSubscriptions",
        "listFeatureCodes",
        *_of_nouns("Hotline", "HoursPlan"),
        "readLiveOfAll",
        *_of_nouns("Menu", "Operator"),
        *("listPhones", "dropPhones"),
        *("listPrompts", "getPrompt", "deletePrompt", "hearPrompt", "uploadPrompt"),
        *_of_nouns("Queue", "RingGroup"),
        "findRoute",
        *_of_nouns("Trunk"),
        "tryTrunk",
        *_of_nouns("User"),
        *("getSoftphoneFile", "getPhoneFile"),
        *("getProvisioningLink", "createProvisioningLink", "deleteProvisioningLink"),
        *("sandboxInbound", "healthz", "metrics", "readyz"),
    ]


@pytest.mark.parametrize("name", events.ALL)
def test_every_event_is_a_webhook_with_the_schema_of_its_body(name: str) -> None:
    posted = DOCUMENT["webhooks"][name]["post"]
    own = posted["requestBody"]["content"]["application/json"]["schema"]
    body = published(name)

    validator(own).validate(body)
    validator({"$ref": "#/components/schemas/Event"}).validate(body)
    assert not validator(own).is_valid(body | {"state": "another"})
    assert not validator(own).is_valid({key: body[key] for key in [*body][1:]})
    assert posted["operationId"] == "on" + "".join(map(str.title, name.split(".")))
    headers = [one["name"] for one in posted["parameters"]]
    assert headers == ["webhook-id", "webhook-timestamp", "webhook-signature"]


def test_there_is_no_other_webhook() -> None:
    assert tuple(DOCUMENT["webhooks"]) == events.ALL
    assert tuple(v1.EVENTS) == events.ALL
    assert tuple(events.MEANINGS) == events.ALL


@pytest.mark.parametrize("name", events.ALL)
def test_an_event_is_rendered_as_its_struct(name: str) -> None:
    keys = msgspec.structs.fields(v1.EVENTS[name])

    assert [*published(name)] == [key.encode_name for key in keys]


@pytest.mark.parametrize("struct", ["FeedEvent", "DeliveryDetail", "Tested"])
def test_bodies_in_responses_are_typed_as_the_union_of_all_events(struct: str) -> None:
    body = DOCUMENT["components"]["schemas"][struct]["properties"]["body"]

    assert body["$ref"] == "#/components/schemas/Event"
    union = DOCUMENT["components"]["schemas"]["Event"]
    assert tuple(union["discriminator"]["mapping"]) == events.ALL
    assert len(union["oneOf"]) == len(events.ALL)


def test_filters_that_may_be_repeated_are_arrays() -> None:
    repeated = {
        one["name"]: one for one in OPERATIONS["listCdrs"]["parameters"] if one.get("explode")
    }

    assert repeated.keys() == {
        "duration", "extension", "recordingfile", "status", "phone", "hotline", "direction",
    }  # fmt: skip
    assert {one["schema"]["type"] for one in repeated.values()} == {"array"}
    assert {one["style"] for one in repeated.values()} == {"form"}
    assert repeated["direction"]["schema"]["items"]["enum"] == [
        *("local", "inbound", "outbound", "1", "2", "3")
    ]
    assert repeated["duration"]["schema"]["items"]["type"] == "integer"


def test_a_posted_call_is_described_as_json_and_as_a_form() -> None:
    content = OPERATIONS["click2call"]["requestBody"]["content"]
    json = validator(content["application/json"]["schema"])
    form = validator(content["application/x-www-form-urlencoded"]["schema"])
    named = [one["name"] for one in OPERATIONS["click2call"]["parameters"]]

    assert named == ["Idempotency-Key"]
    assert json.is_valid({"ext": 201, "phone": "0900000002", "auto_answer": True})
    assert json.is_valid({"ext": "201", "phone": 900000002, "customer_id": None})
    assert form.is_valid({"ext": "201", "phone": "0900000002", "customer_id": "KH-7"})
    for wrong in ({"ext": "201"}, {"ext": ["201"], "phone": "1"}, "201"):
        assert not json.is_valid(wrong)


def test_recordings_are_bytes() -> None:
    for status in ("200", "206"):
        content = OPERATIONS["getRecording"]["responses"][status]["content"]
        assert content == {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}


def test_every_moment_is_one() -> None:
    """A struct's field of the type `Utc` is; one of the plain type would be any text."""
    schemas = DOCUMENT["components"]["schemas"]
    moments = {
        (struct, name)
        for struct, schema in schemas.items()
        for name, described in schema.get("properties", {}).items()
        for kind in (described, *described.get("anyOf", ()))
        if kind.get("format") == "date-time"
    }

    assert {("FeedEvent", "created_at"), ("Subscription", "failing_since")} <= moments
    assert {
        (struct, name)
        for struct, schema in schemas.items()
        for name in schema.get("properties", {})
        if name.endswith(("_at", "_since", "_until"))
    } <= moments


def test_trying_an_operation_sends_what_it_needs_and_nothing_more() -> None:
    """An example of an optional filter would make a first try answer nothing."""
    for operation in OPERATIONS.values():
        for one in operation["parameters"]:
            assert one["required"] or not {"example", "examples"} & {*one, *one["schema"]}
    called = OPERATIONS["click2call"]["requestBody"]["content"]["application/json"]["example"]
    asked = {
        one["name"]: one.get("example") for one in OPERATIONS["click2callByGet"]["parameters"]
    }
    assert called == {"ext": "201", "phone": "0900000002"}, "they are the sandbox's"
    assert called == {name: value for name, value in asked.items() if value}


def test_examples_of_numbers_are_numbers() -> None:
    for schema in _schemas(DOCUMENT):
        for example in schema.get("examples", ()) if "type" in schema else ():
            kind = {key: schema[key] for key in ("type", "items") if key in schema}
            named = {"components": DOCUMENT["components"]}
            assert jsonschema_rs.is_valid(kind | named, example), schema


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _schemas(child)


def test_every_field_of_a_response_is_required_unless_it_may_be_absent() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert "customer_id" in schemas["RingingEvent"]["required"]
    assert "token_type" in schemas["Token"]["required"]
    assert "secret" not in schemas["Subscription"]["required"]
    assert "offset" not in schemas["Page"]["required"]
    assert schemas["Problem"]["required"] == ["status", "error", "message"]


def test_it_names_its_licence_its_contact_and_its_parts() -> None:
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert DOCUMENT["info"]["contact"]["url"] == URL
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    used = {tag for one in OPERATIONS.values() for tag in one["tags"]}
    assert used | {"Webhooks"} == {tag["name"] for tag in DOCUMENT["tags"]}


def test_readiness_says_what_is_missing() -> None:
    content = OPERATIONS["readyz"]["responses"]["503"]["content"]["application/json"]

    assert content["schema"]["$ref"].endswith("/Ready")


async def test_it_is_made_once(anybody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await anybody.get("/schema/openapi.json")
    monkeypatch.delattr(openapi, "document")
    second = await anybody.get("/schema/openapi.json")

    assert first.json["paths"].keys() == DOCUMENT["paths"].keys()
    assert first.body == second.body


async def test_there_is_an_icon(anybody: Client) -> None:
    icon = await anybody.get("/favicon.ico")

    assert icon.headers["Content-Type"] == "image/svg+xml"
    assert icon.body.startswith(b"<svg")


@pytest.mark.parametrize("value", [["0900000002"], {"number": "0900000002"}, []])
async def test_a_value_that_is_no_text_is_refused(client: Client, value: Any) -> None:
    answer = await client.post("/v1/click2call", {"ext": "101", "phone": value}, expect=422)

    assert (answer.json["field"], answer.json["message"]) == ("phone", "phone: a text is needed")


async def test_an_unknown_name_may_have_any_value(client: Client) -> None:
    body = {"ext": "101", "phone": "x", "tags": ["a"], "more": {"b": 1}}
    answer = await client.post("/v1/click2call", body, expect=422)

    assert answer.json["error"] == "INVALID_PHONE"


async def test_no_body_is_a_body_without_fields(client: Client) -> None:
    nothing = await client.ask("POST", "/v1/event/trigger", expect=422)

    assert nothing.json["field"] == "event"
