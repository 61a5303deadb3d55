"""The guides of this repository as pages: Markdown as HTML, examples as plain text.

Where tongdai was installed without its repository there are none.
"""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from posixpath import dirname, normpath

from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import Struct
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.requests import Request

_REPOSITORY = Path(__file__).parents[2]
_SERVED = ("*.md", "docs/**/*.md", "docs/examples/*")
_FIRST = "docs/integration.{language}.md"
_PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/favicon.ico">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
pre {{ background: #f5f5f5; padding: .8em; overflow-x: auto }}
code {{ font-size: 90% }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
td, th {{ border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }}
</style>
{body}
</html>
"""


class OfGuide(Struct, frozen=True):
    name: str


@operation("GET", "/guides", may=PUBLIC, gives={})
async def first_guide(request: Request) -> ASGIApp:
    """Redirects to the guide for integrators, in the language of `Accept-Language`."""
    name = _FIRST.format(language=request.language)
    return RedirectResponse(f"/guides/{name}", status_code=307)


@operation("GET", "/guides/{name:path}", may=PUBLIC, gives={})
async def guide(path: OfGuide) -> ASGIApp:
    """One page. Its links lead to pages that are served too."""
    file = _files().get(path.name)
    if file is None:
        raise errors.NotFound
    if file.suffix != ".md":
        return PlainTextResponse(file.read_text())
    return HTMLResponse(_rendered(path.name))


@cache
def _files() -> Mapping[str, Path]:
    """The files that are served, by their names in the repository."""
    found = (file for pattern in _SERVED for file in _REPOSITORY.glob(pattern))
    return {file.relative_to(_REPOSITORY).as_posix(): file for file in found if file.is_file()}


@cache
def _rendered(name: str) -> str:
    reader = MarkdownIt("commonmark").enable("table")
    tokens = reader.parse(_files()[name].read_text())
    title = name
    for opened, inside in pairwise(tokens):
        if opened.type == "heading_open":
            opened.attrSet("id", anchor(inside.content))
            title = inside.content if opened.tag == "h1" else title
        for token in inside.children or ():
            _keep_served(token, dirname(name))
    return _PAGE.format(
        language="vi" if ".vi." in name else "en",
        title=escape(title),
        body=reader.renderer.render(tokens, reader.options, {}),
    )


def anchor(heading: str) -> str:
    """The fragment by which links name a heading, as the usual renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _keep_served(token: Token, folder: str) -> None:
    """A link to a file that is not served is none."""
    target = str(token.attrGet("href") or "") if token.type == "link_open" else ""
    file = target.partition("#")[0]
    if file and "://" not in file and normpath(f"{folder}/{file}".lstrip("/")) not in _files():
        token.attrs.pop("href")


OPERATIONS = (first_guide, guide)
