"""The OpenAPI 3.1 document, generated from the declared operations and the catalogue of events."""

import inspect
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tongdai import errors, messages, permissions
from tongdai.api import parameters, problems, schemas
from tongdai.api.operations import PUBLIC, Operation, template
from tongdai.pbx import events

_ABOUT = """
The integration API of the **tongdai** PBX: log in, get a token, subscribe to call events, read
call detail records (CDRs) and recordings, make a phone ring by click-to-call.

Every request but login, token and recordings carries `Authorization: Bearer {token}`. Each
operation names the permission that it needs (`x-permission`): the user's level must grant it, and
the scopes of its API key must not leave it out. An operator of the installation names the domain
that a request is for: `?domain=sales.example.vn`. Unknown query parameters are ignored.
Local times are `YYYY-MM-DD HH:MM:SS` in the domain's time zone. Errors are
`{"status": "fail", "error": "STABLE_CODE", "message": "..."}`, in the language of
`Accept-Language` (`vi` or `en`).
"""
_LICENCE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
_EVERYWHERE = (errors.Unavailable, errors.TooManyRequests)
_OF_TOKENS = (errors.NotAuthenticated, errors.Forbidden)
_OF_BODIES = (problems.BadRequest, problems.TooLarge, problems.UnsupportedMediaType)
_WEBHOOKS = "Webhooks"
TAGS = {
    "Authentication": "A user name and password give an API key; an API key gives a token.",
    "Events": "Subscriptions to call events, the log of their deliveries, and the event feed.",
    "CDRs": "Call detail records.",
    "Reports": "What calls came to, by day, hour, queue, extension.",
    "Click-to-call": "An extension's phone rings, then the number is called.",
    "Live calls": "Calls that go on now: seen, steered, and hung up.",
    "Browser phones": "Phones in a page: credentials that expire, tokens, calls, STUN and TURN.",
    "Recordings": "Recordings of calls, by their public URLs.",
    "Extensions": "Extensions of the domain, as version 3 of the family's API has them.",
    "Sessions": "Signing in as people do, in pages of this server: a cookie in place of a token.",
    "API keys": "API keys of programs: several for a user, beside the one that log-in shows.",
    "Administration": "The configuration of the domain, and the log of its changes.",
    "Provisioning": "Links by which phones and softphones fetch the file with their account.",
    "Sandbox": "Simulated customers, where the operator has them on.",
    "Health": "Liveness, readiness and metrics, for the operator.",
    _WEBHOOKS: "What is posted to the `callback_url` of a subscription, by event.",
}
"""The parts of the document, in its order."""
_METHODS = ("get", "post", "put", "patch", "delete")  # in the order of the document
_PLACES = {"path": "path", "query": "query", "fields": "query", "headers": "header"}


class Problem(msgspec.Struct, frozen=True):
    """An error."""

    status: Literal["fail"]
    error: Annotated[str, Meta(description="A stable code.")]
    message: Annotated[str, Meta(description="For people, in their language.")]
    field: Annotated[str | UnsetType, Meta(description="The parameter that is wrong.")] = UNSET
    errors: Annotated[
        list[problems.WrongLine] | UnsetType, Meta(description="Of many: each wrong line.")
    ] = UNSET
    call_id: Annotated[
        UUID | UnsetType, Meta(description="Of click-to-call: the call that was placed first.")
    ] = UNSET
    first_seq: Annotated[
        int | UnsetType, Meta(description="Of the feed: the oldest event that is kept.")
    ] = UNSET
    last_seq: Annotated[int | UnsetType, Meta(description="Of the feed: the newest event.")] = (
        UNSET
    )


class DeliveryHeaders(
    msgspec.Struct,
    frozen=True,
    rename={
        "id": "webhook-id",
        "timestamp": "webhook-timestamp",
        "signature": "webhook-signature",
    },
):
    """The headers of Standard Webhooks."""

    id: Annotated[UUID, Meta(description="The event's: the same whenever it is sent again.")]
    timestamp: Annotated[int, Meta(description="Unix time of this attempt.")]
    signature: Annotated[
        str,
        Meta(
            description="`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; after the "
            "secret was replaced two of them, with a space between."
        ),
    ]


class Entry(NamedTuple):
    """One method of one path."""

    path: str
    method: str
    operation: Operation


def entries(declared: Iterable[Operation]) -> list[Entry]:
    """Every documented method of every path, in the document's order: by tag, path and method."""
    found = [
        Entry(template(path), method.lower(), one)
        for one in declared
        if one.tag
        for path in one.paths
        for method in one.methods
    ]
    tags = [*TAGS]
    return sorted(
        found,
        key=lambda one: (tags.index(one.operation.tag), one.path, _METHODS.index(one.method)),
    )


def document(declared: Iterable[Operation], base_url: str) -> dict[str, Any]:
    """The document as plain data."""
    found = entries(declared)
    paths: dict[str, dict[str, Any]] = {}
    for entry in found:
        paths.setdefault(entry.path, {})[entry.method] = _described(entry)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tongdai",
            "version": "1",
            "description": _ABOUT.strip(),
            "contact": {"name": "The operator of this server", "url": base_url},
            "license": _LICENCE,
        },
        "externalDocs": {
            "description": "Guides, in English and Vietnamese",
            "url": f"{base_url}/guides",
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name)} for name in events.ALL},
        "components": {
            "schemas": _components(one.operation for one in found),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _components(operations: Iterable[Operation]) -> dict[str, Any]:
    requests, responses, fields = set[type](), set[type]((Problem,)), set[type]()
    for one in operations:
        requests |= {one.takes["body"]} if "body" in one.takes else set()
        fields |= {one.takes["fields"]} if "fields" in one.takes else set()
        for _, content in one.gives.values():
            kinds = content if isinstance(content, tuple) else (content,)
            responses |= {kind for kind in kinds if isinstance(kind, type)}
    return schemas.components(requests, responses, fields)


def _described(entry: Entry) -> dict[str, Any]:
    operation = entry.operation
    summary, _, description = inspect.cleandoc(operation.handler.__doc__ or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": _name(entry),
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": description.strip() or summary,
        "parameters": [*_parameters(entry)],
        "responses": _responses(operation, entry.method),
        "security": [] if operation.may == PUBLIC else [{"token": []}],
        "x-permission": operation.may,
    }
    if operation.may != PUBLIC:
        levels = permissions.holders(operation.may)
        needs = f"Permission `{operation.may}`: {', '.join(levels)}."
        described["description"] = f"{described['description']}\n\n{needs}".strip()
    if body := operation.takes.get("body"):
        described["requestBody"] = schemas.body(body)
    if operation.reads:
        content = {operation.reads: {"schema": {"type": "string"}}}
        described["requestBody"] = {"required": True, "content": content}
    if _is_posted(entry):
        described["requestBody"] = schemas.fields(operation.takes["fields"])
    return described


def _webhook(name: str) -> dict[str, Any]:
    """The POST of an event to a subscription's URL."""
    return {
        "operationId": _camel(f"on.{name}"),
        "tags": [_WEBHOOKS],
        "summary": events.MEANINGS[name].rstrip("."),
        "description": "Answer with 2xx within 15 seconds; anything else is tried again. "
        "`Authorization` is the subscription's `callback_apikey`.",
        "parameters": [_parameter(one, "header") for one in parameters.of(DeliveryHeaders)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schemas.event(name)}},
        },
        "responses": {
            "2XX": {"description": "The event is accepted."},
            "410": {"description": "The subscription is disabled at once."},
            "default": {"description": "The event is sent again later."},
        },
        "security": [],
    }


def _name(entry: Entry) -> str:
    """The handler's name in camel case, which is stable. Of a handler with several paths, another
    path adds its last part; of one with several methods, GET is named.
    """
    operation = entry.operation
    paths = [template(path) for path in operation.paths]
    place = paths.index(entry.path)
    of_path = entry.path.rpartition("/")[2].capitalize() if place else ""
    of_method = "ByGet" if entry.method == "get" and len(operation.methods) > 1 else ""
    return f"{_camel(operation.handler.__name__)}{of_path}{of_method}"


def _camel(name: str) -> str:
    first, *others = name.replace(".", "_").split("_")
    return first + "".join(part.capitalize() for part in others)


def _is_posted(entry: Entry) -> bool:
    """Whether the operation's fields are in a body, and not in the query."""
    return "fields" in entry.operation.takes and entry.method != "get"


def _parameters(entry: Entry) -> Iterator[dict[str, Any]]:
    for taken, place in _PLACES.items():
        if taken == "fields" and _is_posted(entry):
            continue
        if kind := entry.operation.takes.get(taken):
            for parameter in parameters.of(kind):
                yield _parameter(parameter, place)


def _parameter(parameter: parameters.Parameter, place: str) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": parameter.schema,
    }
    if parameter.is_many:
        described |= {"style": "form", "explode": True}  # name=a&name=b
    return described | ({} if parameter.example is None else {"example": parameter.example})


def _responses(operation: Operation, method: str) -> dict[str, Any]:
    fails = operation.fails + _EVERYWHERE + (() if operation.may == PUBLIC else _OF_TOKENS)
    fails += _OF_BODIES if method != "get" else ()
    described: dict[str, Any] = {}
    for status, kinds in groupby(
        sorted(set(fails), key=lambda kind: (kind.status, kind.code)), lambda kind: kind.status
    ):
        described[str(status)] = _problem(list(kinds), operation)
    for status, (meaning, content) in operation.gives.items():
        answer = {"content": schemas.response(content)} if content else {}
        described[str(status)] = {"description": meaning} | answer
    return dict(sorted(described.items()))


def _problem(kinds: list[type[errors.TongdaiError]], operation: Operation) -> dict[str, Any]:
    content = schemas.response(Problem)["application/json"]
    examples = {
        kind.code: {"value": problems.body(_example(kind, operation), "en")} for kind in kinds
    }
    described = ", ".join(f"`{kind.code}`" for kind in kinds)
    return {
        "description": described,
        "content": {"application/json": content | {"examples": examples}},
    }


def _example(kind: type[errors.TongdaiError], operation: Operation) -> errors.TongdaiError:
    """An error of that kind, as a client of the operation may get it."""
    names = [*_fields(operation)]
    if kind is errors.Conflict and "Idempotency-Key" in names:
        return kind(messages.KEY_USED, field="Idempotency-Key")
    if kind is errors.InvalidPhone:
        return kind(field="phone")
    if kind is errors.Invalid:
        return kind(messages.REQUIRED, field=names[0])
    if kind is errors.Conflict:
        return kind(messages.IN_USE, field=names[0])
    return kind(field=names[0]) if kind is errors.InvalidExtension else kind()


def _fields(operation: Operation) -> Iterator[str]:
    """The names in the body, and those of the parameters."""
    if operation.reads:
        yield "file"
    if body := operation.takes.get("body"):
        yield from (field.encode_name for field in msgspec.structs.fields(body))
    for taken in _PLACES:
        if kind := operation.takes.get(taken):
            yield from (parameter.name for parameter in parameters.of(kind))
