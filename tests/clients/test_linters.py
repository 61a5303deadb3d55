"""The OpenAPI document is clean by the rules that others wrote."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from testbed.clients import Programs
from tests.clients.conftest import HERE

SPECTRAL = (
    "spectral",
    "lint",
    "--fail-severity",
    "hint",
    "--ruleset",
    ".spectral.yaml",
    "--format",
    "json",
)
REDOCLY = ("redocly", "lint", "--config", "redocly.yaml", "--format", "json")


@pytest.fixture
def rules(workshop: Path) -> Path:
    for name in (".spectral.yaml", "redocly.yaml"):
        shutil.copy(HERE / name, workshop)
    return workshop


def spoil(document: Path) -> None:
    """A filter has an example that it does not allow, and a part has no description."""
    described: Any = msgspec.json.decode(document.read_bytes())
    described["paths"]["/v1/cdr"]["get"]["parameters"][0]["example"] = 7
    del described["tags"][0]["description"]
    document.write_bytes(msgspec.json.encode(described))


async def test_spectral_finds_nothing(node: Programs, rules: Path, document: Path) -> None:
    found = await node.run(*SPECTRAL, document.name, cwd=rules)
    assert found.startswith("[]"), found

    spoil(document)
    found = await node.run(*SPECTRAL, document.name, cwd=rules, fails=True)
    assert "oas3-valid-media-example" in found


async def test_redocly_finds_nothing(node: Programs, rules: Path, document: Path) -> None:
    found = msgspec.json.decode(await node.run(*REDOCLY, document.name, cwd=rules))
    assert found["problems"] == []
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}

    spoil(document)
    found = msgspec.json.decode(await node.run(*REDOCLY, document.name, cwd=rules))
    assert {one["ruleId"] for one in found["problems"]} == {
        "no-invalid-parameter-examples",
        "tag-description",
    }
