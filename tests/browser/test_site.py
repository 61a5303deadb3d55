"""The site of documents in headless Chromium, from files alone: words are found without
diacritics.
"""

import subprocess
from pathlib import Path

import pytest

from testbed import chromium
from testbed.chromium import Page
from testbed.until import until

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
FOUND = "[...document.querySelectorAll('#search-results .search a')].map(a => a.innerText)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(["make", "docs", f"SITE={folder}"], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize(
    ("language", "words", "title"),
    [
        ("vi", "may+nhanh", "Sự kiện"),
        ("vi", "máy+nhánh", "Sự kiện"),
        ("en", "subscription", "Events"),
    ],
)
async def test_the_search_finds_pages(
    site: Path, tmp_path: Path, language: str, words: str, title: str
) -> None:
    search = site / language / "search.html"
    async with chromium.opened(
        chromium.fetched(), tmp_path, f"{search.as_uri()}?q={words}"
    ) as page:
        await until(lambda: is_found(page, title), 30, 0.2)


async def is_found(page: Page, title: str) -> bool:
    return title in await page.run(FOUND)
