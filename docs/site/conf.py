"""The pages of this repository as a site, by Sphinx: one a language, without a CDN (`make docs`).

A page `X.md` or `X.en.md` with a twin `X.vi.md` is in the English site alone, its twin in the
Vietnamese one; a page without a twin is in both.
"""

import re
import sys
import unicodedata
from functools import cache
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx import search
from sphinx.application import Sphinx
from sphinx.config import Config

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from contents import CONTENTS, FIRST  # noqa: E402, beside this file

project = html_title = "tongdai"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
highlight_language = "text"
locale_dirs = [str(HERE / "locale")]
templates_path = ["templates"]
html_theme = "furo"
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}
html_favicon = "../../tongdai/api/favicon.svg"
html_show_copyright = html_copy_source = html_use_index = False
html_additional_pages = {"index": "to-the-first-page.html"}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "languages.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
suppress_warnings = [
    "misc.highlighting_failure",  # JSON with "..." in it
    "myst.header",  # headings may begin at any level
    "toc.not_included",  # decisions: their own page lists them
]
FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)#\s:]+)(?:#[^)\s]*)?\)")


class Vietnamese(search.SearchLanguage):
    """Words are found with and without diacritics: most people type none in a search."""

    lang, language_name = "vi", "Vietnamese"
    js_stemmer_code = r"""
var Stemmer = function () {
  this.stemWord = (word) =>
    word.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/\u0111/g, "d");
};
"""

    def stem(self, word: str) -> str:
        letters = unicodedata.normalize("NFD", word.lower())
        return "".join(one for one in letters if not unicodedata.combining(one)).replace("đ", "d")


def setup(app: Sphinx) -> None:
    search.languages["vi"] = Vietnamese
    app.add_lexer("mermaid", TextLexer)
    app.connect("config-inited", choose_pages)
    app.connect("source-read", adapt)
    app.connect("html-page-context", name_other_language)


@cache
def twins() -> dict[str, str]:
    """The Vietnamese page of each English one that has one; names are without `.md`."""
    found = {}
    for path in [*ROOT.glob("*.vi.md"), *ROOT.glob("docs/**/*.vi.md")]:
        name = path.relative_to(ROOT).as_posix().removesuffix(".vi.md")
        english = f"{name}.en" if (ROOT / f"{name}.en.md").exists() else name
        found[english] = f"{name}.vi"
    return found


def english_of() -> dict[str, str]:
    return {vietnamese: english for english, vietnamese in twins().items()}


def choose_pages(_app: Sphinx, config: Config) -> None:
    """Those of the documents that are of this language, or of none."""
    config.root_doc = FIRST[config.language]
    of_the_other = twins() if config.language == "vi" else english_of()
    folders = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "docs"]
    config.exclude_patterns += [*folders, *(f"{name}.md" for name in of_the_other)]


def adapt(app: Sphinx, page: str, source: list[str]) -> None:
    """Links lead to pages of this language, and the first page has the contents besides."""
    is_vietnamese = app.config.language == "vi"
    parts = FENCED.split(source[0])
    parts[::2] = [
        linked(page, text, twins() if is_vietnamese else english_of()) for text in parts[::2]
    ]
    source[0] = "".join(parts)
    if page == app.config.root_doc:
        source[0] += "".join(
            tree(titles, pages, app.config.language) for titles, pages in CONTENTS
        )


def linked(page: str, text: str, there: dict[str, str]) -> str:
    """Links to a page of the other language lead to its twin of `there`, those to the page's own
    twin are left out, and a link to a folder is none.
    """

    def changed(link: re.Match[str]) -> str:
        words, target = link.groups()
        name = normpath(f"{dirname(page)}/{target}".lstrip("/")).removesuffix(".md")
        if (ROOT / name).is_dir():
            return words
        if there.get(name) == page:
            return ""
        if name in there:
            return f"[{words}]({relpath(there[name], dirname(page) or '.')}.md)"
        return link[0]

    return LINK.sub(changed, text)


def tree(titles: dict[str, str], pages: dict[str, str], language: str) -> str:
    """A part of the sidebar, unseen in the text."""
    lines = "\n".join(entry(name, title, language) for name, title in pages.items())
    return f"\n\n```{{toctree}}\n:hidden:\n:caption: {titles[language]}\n\n{lines}\n```\n"


def entry(name: str, title: str, language: str) -> str:
    if language == "en" or not title:
        return f"/{name if language == 'en' else twins()[name]}"
    return f"{title} <{name}>".replace("<", "</")


def name_other_language(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """The page in the other language, or that language's first page."""
    other, there = ("en", english_of()) if app.config.language == "vi" else ("vi", twins())
    name = there.get(page) or (page if page in app.env.found_docs else FIRST[other])
    context["in_the_other_language"] = f"{'../' * (page.count('/') + 1)}{other}/{name}.html"
