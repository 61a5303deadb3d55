"""The OpenAPI 3.1 document, generated from the declared operations."""

import inspect
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from tongdai import errors, messages, permissions
from tongdai.api import parameters, problems
from tongdai.api.operations import PUBLIC, Operation, template

_ABOUT = """
The integration API of the **tongdai** PBX: log in, get a token, subscribe to call events, read
call detail records (CDRs) and recordings, make a phone ring by click-to-call.

Every request but login, token and recordings carries `Authorization: Bearer {token}`. Each
operation names the permission that it needs (`x-permission`): the user's level must grant it, and
the scopes of its API key must not leave it out. Unknown query parameters are ignored. Local times
are `YYYY-MM-DD HH:MM:SS` in the domain's time zone. Errors are
`{"status": "fail", "error": "STABLE_CODE", "message": "..."}`, in the language of
`Accept-Language` (`vi` or `en`).
"""
_EVERYWHERE = (errors.Unavailable, errors.TooManyRequests)
_OF_TOKENS = (errors.NotAuthenticated, errors.Forbidden)
_OF_BODIES = (problems.BadRequest, problems.TooLarge, problems.UnsupportedMediaType)
TAGS = (
    "Authentication",
    "Events",
    "CDRs",
    "Click-to-call",
    "Recordings",
    "Extensions",
    "Sandbox",
    "Health",
)
"""The parts of the document, in its order."""
_METHODS = ("get", "post", "put", "patch", "delete")  # in the order of the document
_PLACES = {"path": "path", "query": "query", "fields": "query", "headers": "header"}


class Problem(msgspec.Struct, frozen=True):
    """An error."""

    status: str
    error: str
    message: str
    field: str = ""


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
    return sorted(
        found,
        key=lambda one: (TAGS.index(one.operation.tag), one.path, _METHODS.index(one.method)),
    )


def document(declared: Iterable[Operation], base_url: str) -> dict[str, Any]:
    """The document as plain data."""
    found = entries(declared)
    structs = {struct for one in found for struct in _structs(one.operation)} | {Problem}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for entry in found:
        paths.setdefault(entry.path, {})[entry.method] = _described(entry)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tongdai", "version": "1", "description": _ABOUT.strip()},
        "servers": [{"url": base_url}],
        "tags": [{"name": name} for name in dict.fromkeys(one.operation.tag for one in found)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _described(entry: Entry) -> dict[str, Any]:
    operation = entry.operation
    summary, _, description = inspect.cleandoc(operation.handler.__doc__ or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": _name(entry),
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": description.strip(),
        "parameters": [*_parameters(operation)],
        "responses": _responses(operation, entry.method),
        "security": [] if operation.may == PUBLIC else [{"token": [operation.may]}],
        "x-permission": operation.may,
    }
    if operation.may != PUBLIC:
        levels = [
            level for level in permissions.LEVELS if operation.may in permissions.OF_LEVEL[level]
        ]
        needs = f"Permission `{operation.may}`: {', '.join(levels)}."
        described["description"] = f"{described['description']}\n\n{needs}".strip()
    if body := operation.takes.get("body"):
        described["requestBody"] = {"required": True, "content": _content(body)}
    return described


def _name(entry: Entry) -> str:
    """The handler's name; for a handler of several methods or paths, a name made of these."""
    operation = entry.operation
    if len(operation.methods) * len(operation.paths) == 1:
        return operation.handler.__name__
    return re.sub(r"[^a-z0-9]+", "_", f"{entry.method}{entry.path.lower()}").rstrip("_")


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for taken, place in _PLACES.items():
        if kind := operation.takes.get(taken):
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
    return described | ({"example": parameter.example} if parameter.example else {})


def _responses(operation: Operation, method: str) -> dict[str, Any]:
    described = {
        str(status): {"description": meaning} | ({"content": _content(content)} if content else {})
        for status, (meaning, content) in operation.gives.items()
    }
    fails = operation.fails + _EVERYWHERE + (() if operation.may == PUBLIC else _OF_TOKENS)
    fails += _OF_BODIES if method != "get" else ()
    for status, kinds in groupby(
        sorted(set(fails), key=lambda kind: (kind.status, kind.code)), lambda kind: kind.status
    ):
        described[str(status)] = _problem(list(kinds), operation)
    return described


def _problem(kinds: list[type[errors.TongdaiError]], operation: Operation) -> dict[str, Any]:
    content = _content(Problem)["application/json"]
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
    body = operation.takes.get("body")
    names = [field.encode_name for field in msgspec.structs.fields(body)] if body else []
    names += [one["name"] for one in _parameters(operation)]
    if kind is errors.Conflict and "Idempotency-Key" in names:
        return kind(messages.KEY_USED, field="Idempotency-Key")
    if kind is errors.InvalidPhone:
        return kind(field="phone")
    if kind is errors.Invalid:
        return kind(messages.REQUIRED, field=names[0])
    if kind is errors.Conflict:
        return kind(messages.IN_USE, field=names[0])
    return kind(field=names[0]) if kind is errors.InvalidExtension else kind()


def _content(content: Any) -> dict[str, Any]:
    if isinstance(content, str):
        return {content: {}}
    kinds = content if isinstance(content, tuple) else (content,)
    refs = [
        {"$ref": f"#/components/schemas/{kind.__name__}"}
        for kind in kinds
        if not isinstance(kind, str)
    ]
    others: dict[str, Any] = {kind: {} for kind in kinds if isinstance(kind, str)}
    return {"application/json": {"schema": {"oneOf": refs} if refs[1:] else refs[0]}, **others}


def _structs(operation: Operation) -> Iterator[type]:
    """The structs of the body and of the responses."""
    contents = [operation.takes.get("body"), *(what for _, what in operation.gives.values())]
    for content in contents:
        if content and not isinstance(content, str):
            kinds = content if isinstance(content, tuple) else (content,)
            yield from (kind for kind in kinds if not isinstance(kind, str))
