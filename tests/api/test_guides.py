"""The guides as pages, for whoever reads the page of the API."""

import re
from html import unescape
from posixpath import dirname, normpath

import pytest

from tests.api.conftest import Client

PAGES = [
    "docs/integration.en.md",
    "docs/integration.vi.md",
    "docs/events.md",
    "docs/events.vi.md",
    "docs/errors.md",
    "README.md",
]


@pytest.mark.parametrize(("language", "name"), [("vi", "vi"), ("en", "en"), ("de", "en")])
async def test_the_first_one_is_in_the_readers_language(
    anybody: Client, language: str, name: str
) -> None:
    headers = {"Accept-Language": language}
    answer = await anybody.get("/guides", headers=headers, expect=307)

    assert answer.headers["Location"] == f"/guides/docs/integration.{name}.md"


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_html_and_its_links_lead_somewhere(anybody: Client, page: str) -> None:
    answer = await anybody.get(f"/guides/{page}")
    text = answer.body.decode()

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<table>" in text or page == "README.md"
    links = {unescape(link) for link in re.findall(r'<a href="([^"#]+)', text)}
    inside = {link for link in links if "://" not in link}
    assert inside
    for link in inside:
        await anybody.get(normpath(f"/guides/{dirname(page)}/{link}"))


async def test_headings_have_the_anchors_that_links_name(anybody: Client) -> None:
    text = (await anybody.get("/guides/docs/events.md")).body.decode()
    linked = set(re.findall(r'<a href="#([^"]+)"', text))

    assert linked | {"the-feed"} <= set(re.findall(r'<h\d id="([^"]+)"', text))


async def test_examples_are_text(anybody: Client) -> None:
    answer = await anybody.get("/guides/docs/examples/popup.html")

    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "docs", "docs/../pyproject.toml", "..%2fREADME.md", "data/secret"]
)
async def test_nothing_else_is_served(anybody: Client, name: str) -> None:
    await anybody.get(f"/guides/{name}", expect=404)
