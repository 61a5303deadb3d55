"""Pages about the API: its OpenAPI document, and Swagger UI to read and try it, served from
here.
"""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import openapi
from tongdai.api.operations import PUBLIC, Operation, operation
from tongdai.api.requests import Request

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tongdai API</title>
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="/schema/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/schema/swagger-ui.js"></script>
<script>
SwaggerUIBundle({
  url: "/schema/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true
});
</script>
</html>
"""
_ICON = (Path(__file__).parent / "favicon.svg").read_bytes()
_FILES = {
    "swagger-ui.css": ("swagger_style.css", "text/css; charset=utf-8"),
    "swagger-ui.js": ("swagger_bundle.js", "text/javascript; charset=utf-8"),
}


class OfFile(msgspec.Struct, frozen=True):
    name: str


@operation("GET", "/favicon.ico", may=PUBLIC, gives={})
async def favicon() -> ASGIApp:
    """The icon that browsers ask for."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(_ICON, headers=headers, media_type="image/svg+xml")


@operation("GET", "/schema", may=PUBLIC, gives={})
async def schema() -> ASGIApp:
    """The readable page."""
    return HTMLResponse(_PAGE)


@operation("GET", "/schema/{name}", may=PUBLIC, gives={})
async def schema_file(path: OfFile) -> ASGIApp:
    """Swagger UI's own files."""
    file, media_type = _FILES.get(path.name, ("", ""))
    if not file:
        raise errors.NotFound
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(_bundled(file), headers=headers, media_type=media_type)


def operations(described: Iterable[Operation]) -> tuple[Operation, ...]:
    """The pages about these operations. None of them is in the OpenAPI document."""

    @cache
    def encoded(base_url: str) -> bytes:
        return msgspec.json.encode(openapi.document(described, base_url))

    @operation("GET", "/schema/openapi.json", may=PUBLIC, gives={})
    async def document(request: Request) -> ASGIApp:
        """OpenAPI 3.1; made by the first request for it."""
        body = encoded(request.context.deps.base_url)
        return Response(body, media_type="application/json")

    return (favicon, schema, document, schema_file)


@cache
def _bundled(name: str) -> bytes:
    """A file of the package `offapi`, found without importing it: an import would read all its
    files into memory.
    """
    spec = find_spec("offapi")
    if spec is None or spec.origin is None:
        raise errors.NotFound
    return (Path(spec.origin).parent / name).read_bytes()
