"""The API described: its OpenAPI document, and Swagger UI to read and try it, served from here."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from litestar import MediaType, Response, get
from litestar.response import Redirect
from litestar.types import ASGIApp

from tongdai import errors
from tongdai.api import answers, context, operations

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tongdai API</title>
<link rel="stylesheet" href="/schema/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/schema/swagger-ui.js"></script>
<script>
SwaggerUIBundle({url: "/schema/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true});
</script>
</html>
"""
_FILES = {
    "swagger-ui.css": ("swagger_style.css", "text/css; charset=utf-8"),
    "swagger-ui.js": ("swagger_bundle.js", "text/javascript; charset=utf-8"),
}


@get("/", status_code=307)
async def landing() -> Redirect:
    """To what people want to see first."""
    return Redirect("/schema", status_code=307)


@get("/schema", media_type=MediaType.HTML)
async def schema() -> str:
    """The readable page."""
    return _PAGE


@get("/schema/openapi.json")
async def openapi(request: context.Ask) -> ASGIApp:
    """OpenAPI 3.1."""
    return answers.json(operations.document(request.app, context.of(request).deps.base_url))


@get("/schema/{name:str}")
async def schema_file(request: context.Ask) -> Response[bytes]:
    """Swagger UI's own files."""
    file, media_type = _FILES.get(request.path_params["name"], ("", ""))
    if not file:
        raise errors.NotFound
    return Response(
        _bundled(file),
        headers={"Content-Type": media_type, "Cache-Control": "public, max-age=86400"},
    )


@cache
def _bundled(name: str) -> bytes:
    """A file of the package `offapi`, found without importing it: that would read all its files
    into memory.
    """
    spec = find_spec("offapi")
    if spec is None or spec.origin is None:
        raise errors.NotFound
    return (Path(spec.origin).parent / name).read_bytes()


HANDLERS = [landing, schema, openapi, schema_file]
