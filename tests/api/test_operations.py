"""The OpenAPI document and the page that shows it."""

import re
from typing import Any

import pytest

from tests.api.conftest import Client
from tongdai import api
from tongdai.api import guides, pages
from tongdai.api.operations import template

UNDOCUMENTED = {
    *("/favicon.ico", "/schema", "/schema/openapi.json", "/schema/{name}"),
    *("/guides", "/guides/{name}"),
}


@pytest.fixture
async def document(anybody: Client) -> Any:
    return (await anybody.get("/schema/openapi.json")).json


def test_every_route_is_documented(document: Any) -> None:
    declared = (*api.OPERATIONS, *pages.operations(()), *guides.OPERATIONS)
    paths = {template(path) for one in declared for path in one.paths}

    assert paths - document["paths"].keys() == UNDOCUMENTED


async def test_it_is_openapi_3_1_with_all_of_the_reference(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for method, path in (
        ("post", "/v1/auth"),
        ("post", "/v1/auth/token"),
        ("get", "/v1/event"),
        ("post", "/v1/event"),
        ("delete", "/v1/event/{id}"),
        ("get", "/v1/cdr"),
        ("get", "/v1/cdr/{id}"),
        ("get", "/v1/click2call"),
    ):
        operation = document["paths"][path][method]
        assert operation["summary"]
        assert "200" in operation["responses"]


async def test_they_are_in_order(document: Any) -> None:
    paths = list(document["paths"])
    assert paths[:4] == ["/v1/auth", "/v1/auth/token", "/v3/auth/token", "/v1/event"]
    assert paths.index("/v1/click2call") < paths.index("/v1/click2call/async")
    assert list(document["paths"]["/recordings/{token}"]) == ["get", "delete"]


@pytest.mark.parametrize(
    ("path", "method", "status", "code", "field"),
    [
        ("/v1/auth", "post", "422", "INVALID_FIELD", "username"),
        ("/v1/cdr", "get", "422", "INVALID_PHONE", "phone"),
        ("/v1/click2call", "get", "422", "INVALID_EXTENSION", "ext"),
        ("/v1/click2call", "get", "409", "CONFLICT", "Idempotency-Key"),
        ("/recordings/{token}", "delete", "409", "CONFLICT", "token"),
    ],
)
async def test_examples_of_errors_blame_what_is_there(
    document: Any, *, path: str, method: str, status: str, code: str, field: str
) -> None:
    content = document["paths"][path][method]["responses"][status]["content"]["application/json"]

    assert content["examples"][code]["value"]["field"] == field


async def test_operations_are_named_once_and_their_references_lead_somewhere(
    document: Any,
) -> None:
    named = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(named)) == len(named)

    for reference in _references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    return (
        [found for value in node for found in _references(value)] if isinstance(node, list) else []
    )


async def test_path_parameters_are_those_of_the_path(document: Any) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            told = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path))


async def test_all_but_the_public_ask_for_a_token(document: Any, anybody: Client) -> None:
    public = {
        (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation["security"]
    }
    assert public == {
        ("post", "/v1/auth"),
        ("post", "/v1/auth/token"),
        ("post", "/v3/auth/token"),
        ("post", "/v1/session"),
        ("post", "/v1/session/link"),
        ("get", "/recordings/{token}"),
        ("get", "/provisioning/{form}/{secret}"),
        ("get", "/provisioning/{form}/{secret}/{file}"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    }
    for path, methods in document["paths"].items():
        for method in set(methods) - {
            method for method, public_path in public if public_path == path
        }:
            await anybody.ask(method.upper(), path.replace("{id}", "x"), expect=401)


async def test_the_page_needs_nothing_from_elsewhere(anybody: Client) -> None:
    page = await anybody.get("/schema/")

    assert page.headers["Content-Type"].startswith("text/html")
    text = page.body.decode()
    assert "//" not in re.sub(r"<!doctype.*?>", "", text)
    for name in re.findall(r'(?:href|src)="([^"]+)"', text):
        assert len((await anybody.get(name)).body) > (10_000 if "swagger" in name else 100)
    script = (await anybody.get("/schema/swagger-ui.js")).body
    assert b"isOAS31" in script  # this Swagger UI reads OpenAPI 3.1
    await anybody.get("/schema/..%2f__init__.py", expect=404)
