"""`make docs`: the documents as a site, in both languages, whole, and served by itself alone."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Read(HTMLParser):
    """What a page is named by, links to, and fetches."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.language, self.ids, self.links = "", set[str](), list[str]()
        self.fetched = list[str]()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in FETCHED and FETCHED[tag] in given:
            self.fetched.append(given[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        ["make", "docs", f"SITE={folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Read]:
    return {page: Read(page) for page in site.rglob("*.html") if "_downloads" not in page.parts}


def test_each_page_is_in_its_language_or_in_both(site: Path) -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = {path.relative_to(ROOT).as_posix().removesuffix(".md") for path in documents}
    vietnamese = {name for name in names if name.endswith(".vi")}
    twins = {name.removesuffix(".vi") for name in vietnamese}
    of_english = {name for name in names if name.removesuffix(".en") in twins}

    assert len(vietnamese) >= 6
    assert in_site(site / "en") == names - vietnamese
    assert in_site(site / "vi") == names - of_english


def in_site(folder: Path) -> set[str]:
    found = folder.rglob("*.html")
    names = {page.relative_to(folder).as_posix().removesuffix(".html") for page in found}
    return {name for name in names if not name.startswith("_")} - {"index", "search"}


def test_every_link_leads_to_a_page_of_the_site_and_its_heading(pages: dict[Path, Read]) -> None:
    for page, read in pages.items():
        for link in inside(read.links):
            path, _, anchor = link.partition("#")
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.is_file(), (page, link)
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].ids, (page, link)


def inside(links: list[str]) -> Iterator[str]:
    for link in links:
        if not urlsplit(link).scheme and link != "#":
            yield link


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Read]) -> None:
    for page, read in pages.items():
        for url in read.fetched:
            parts = urlsplit(url)
            assert not parts.netloc, (page, url)
            assert parts.scheme == "data" or (page.parent / unquote(parts.path)).exists(), url
    styles = "".join(one.read_text() for one in site.rglob("*.css"))
    assert "url(http" not in styles
    assert "url(//" not in styles


def test_pages_say_their_language_and_lead_to_the_other(
    site: Path, pages: dict[Path, Read]
) -> None:
    for here, other in (("en", "vi"), ("vi", "en")):
        read = pages[site / here / "docs" / f"errors{'.vi' * (here == 'vi')}.html"]
        assert read.language == here
        there = f"../../{other}/docs/errors{'.vi' * (other == 'vi')}.html"
        assert there in read.links


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(ROOT / "docs", copied / "docs")
    for document in ROOT.glob("*.md"):
        shutil.copyfile(document, copied / document.name)
    wrong = "[a](nowhere.md) [b](settings.md#no-such-heading)"
    (copied / "docs" / "phones.md").write_text(f"# Phones\n\n{wrong}\n")
    command = ["-q", "-n", "-W", "--keep-going", "-c", "docs/site", "-D", "language=en"]
    command += ["-D", "html_favicon="]
    made = subprocess.run(
        [sys.executable, "-m", "sphinx", *command, ".", str(tmp_path / "out")],
        cwd=copied,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode != 0
    assert "'nowhere.md'" in made.stderr
    assert "'no-such-heading'" in made.stderr
