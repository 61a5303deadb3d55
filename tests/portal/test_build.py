"""web/build.py: the portal is built from its sources, once."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB, FILES = ROOT / "web", ROOT / "tongdai" / "portal" / "files"


def build() -> str:
    """What it says."""
    done = subprocess.run(
        [sys.executable, WEB / "build.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()


def test_what_is_built_already_stays() -> None:
    index = (FILES / "index.html").stat().st_mtime_ns

    assert build() == ""
    assert (FILES / "index.html").stat().st_mtime_ns == index


def test_the_page_refers_to_files_that_are_there_and_to_nothing_elsewhere() -> None:
    page = (FILES / "index.html").read_text()

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|https?:", page)
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert len(named) >= 2
    assert all((FILES / name.lstrip("/")).exists() for name in named)
    for style in FILES.glob("assets/*.css"):
        for url in re.findall(r"url\(([^)]+)\)", style.read_text()):
            assert (FILES / url.strip("\"'").lstrip("/")).exists(), url


def test_the_lock_file_names_no_host() -> None:
    text = (WEB / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]

    assert not any("://" in one.get("resolved", "") for one in packages.values())
    fetched = [name for name in packages if name.startswith("node_modules/")]
    assert all("integrity" in packages[name] or packages[name].get("link") for name in fetched)
