"""What each route says about itself, and the OpenAPI 3.1 document made of it."""

import inspect
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tongdai import errors
from tongdai.api import problems

_ABOUT = """
The integration API of the **tongdai** PBX: log in, get a token, subscribe to call events, read call detail records
(CDRs) and recordings, make a phone ring by click-to-call.

Every request but login, token and recordings carries `Authorization: Bearer {token}`. Unknown query parameters are
ignored. Local times are `YYYY-MM-DD HH:MM:SS` in the domain's time zone. Errors are
`{"status": "fail", "error": "STABLE_CODE", "message": "..."}`, in the language of `Accept-Language` (`vi` or `en`).
"""
_EVERYWHERE = (errors.Unavailable, errors.TooManyRequests)
_METHODS = ("get", "post", "delete")  # as they are listed
_OF_BODIES = (problems.BadRequest, problems.TooLarge, problems.UnsupportedMediaType)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong."""

    status: str
    error: str
    message: str
    field: str = ""


class Parameter(msgspec.Struct, frozen=True):
    """One value in the query, the path or a header."""

    name: str
    description: str
    example: str = ""
    place: str = "query"
    is_needed: bool = False
    kind: Any = str  # a type, as narrow as what is taken
    choices: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a route takes and gives; its handler's docstring is the summary and, after an empty
    line, the rest.
    """

    tag: str
    # by status: what it means; a struct, a media type, several, or None
    gives: Mapping[int, tuple[str, Any]]
    takes: type | None = None  # the body
    parameters: tuple[Parameter, ...] = ()
    fails: tuple[type[errors.TongdaiError], ...] = ()
    is_public: bool = False
    is_hot: bool = False  # asked often, by a path without parameters: see straight


def says(**about: Any) -> dict[str, Operation]:
    """For `opt=` of a handler."""
    return {"operation": Operation(**about)}


def every(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler, Operation]]:
    """Path (with {names}), method, handler and operation of every documented route."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if isinstance(operation := handler.opt.get("operation"), Operation):
                    for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"}):
                        yield _template(route), method.lower(), handler, operation


def document(app: Litestar, base_url: str) -> dict[str, Any]:
    """The OpenAPI document of all documented routes, as plain data, in an order that is always the
    same.
    """
    found = list(every(app))
    tags = list(dict.fromkeys(operation.tag for *_, operation in found))
    found.sort(key=lambda one: (tags.index(one[3].tag), one[0], _METHODS.index(one[1])))
    structs = {struct for *_, operation in found for struct in _structs(operation)} | {Problem}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for path, method, handler, operation in found:
        name = (
            handler.fn.__name__
            if sum(handler is one for _, _, one, _ in found) == 1
            else _slug(method, path)
        )
        paths.setdefault(path, {})[method] = _operation(name, method, handler, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tongdai", "version": "1", "description": _ABOUT.strip()},
        "servers": [{"url": base_url}],
        "tags": [{"name": name} for name in tags],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(
    name: str, method: str, handler: HTTPRouteHandler, operation: Operation
) -> dict[str, Any]:
    summary, _, description = inspect.cleandoc(handler.fn.__doc__ or "").partition("\n")
    told: dict[str, Any] = {
        "operationId": name,
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": description.strip(),
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": _responses(operation, method),
        "security": [] if operation.is_public else [{"token": []}],
    }
    if operation.takes and method != "get":
        told["requestBody"] = {"required": True, "content": _content(operation.takes)}
    return told


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = msgspec.json.schema(parameter.kind) | (
        {"enum": list(parameter.choices)} if parameter.choices else {}
    )
    told = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.is_needed or parameter.place == "path",
        "schema": schema,
    }
    return told | ({"example": parameter.example} if parameter.example else {})


def _responses(operation: Operation, method: str) -> dict[str, Any]:
    told = {
        str(status): {"description": meaning} | ({"content": _content(content)} if content else {})
        for status, (meaning, content) in operation.gives.items()
    }
    fails = (
        operation.fails + _EVERYWHERE + (() if operation.is_public else (errors.NotAuthenticated,))
    )
    fails += _OF_BODIES if method == "post" else ()
    for status, kinds in groupby(
        sorted(set(fails), key=lambda kind: (kind.status, kind.code)), lambda kind: kind.status
    ):
        told[str(status)] = _problem(list(kinds), operation)
    return told


def _problem(kinds: list[type[errors.TongdaiError]], operation: Operation) -> dict[str, Any]:
    content = _content(Problem)["application/json"]
    examples = {
        kind.code: {"value": problems.told(_example(kind, operation), "en")} for kind in kinds
    }
    described = ", ".join(f"`{kind.code}`" for kind in kinds)
    return {
        "description": described,
        "content": {"application/json": content | {"examples": examples}},
    }


def _example(kind: type[errors.TongdaiError], operation: Operation) -> errors.TongdaiError:
    """One of that kind, as a client of the operation may meet it."""
    names = (
        [field.name for field in msgspec.structs.fields(operation.takes)]
        if operation.takes
        else []
    )
    names += [parameter.name for parameter in operation.parameters]
    if kind is errors.Conflict and "Idempotency-Key" in names:
        return kind("used before for another request", field="Idempotency-Key")
    if kind is errors.InvalidPhone:
        return kind(field="phone")
    why = {
        errors.Invalid: "is required",
        errors.InvalidExtension: "",
        errors.Conflict: "is in use",
    }.get(kind)
    return kind() if why is None else kind(why, field=names[0])


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
    """The structs that go in and come out."""
    contents = [operation.takes, *(content for _, content in operation.gives.values())]
    for content in contents:
        if content and not isinstance(content, str):
            kinds = content if isinstance(content, tuple) else (content,)
            yield from (kind for kind in kinds if not isinstance(kind, str))


def _slug(method: str, path: str) -> str:
    """A name for one of several operations of a handler."""
    return re.sub(r"[^a-z0-9]+", "_", f"{method}{path.lower()}").rstrip("_")


def _template(route: HTTPRoute) -> str:
    return "/" + "/".join(
        f"{{{part.name}}}" if not isinstance(part, str) else part for part in route.path_components
    )
