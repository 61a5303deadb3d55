"""Prometheus' own checker takes the alert rules, the configuration and the metrics."""

import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.clients.conftest import ROOT
from tongdai.asterisk import packages

DEPLOY = ROOT / "deploy"
SUITES = ("stable", "testing")


@pytest.fixture(scope="module")
def promtool() -> tuple[str | Path, ...]:
    """The program, of Debian's package, unpacked without root into the user's cache: 220 MB."""
    root = packages.fetch(
        ("prometheus",),
        packages.default_cache(),
        lambda _text, _done, _total: None,
        suites=SUITES,
    )
    return (*root.loader, root.prefix / "bin" / "promtool")


@pytest.mark.parametrize(
    ("what", "file"), [("rules", "prometheus-rules.yml"), ("config", "prometheus.yml")]
)
def test_the_files_are_valid(promtool: tuple[str | Path, ...], what: str, file: str) -> None:
    checked = subprocess.run(
        [*promtool, "check", what, str(DEPLOY / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "10 rules found" in checked.stdout


def test_the_metrics_are_well_formed(
    promtool: tuple[str | Path, ...], demo: dict[str, str]
) -> None:
    with urllib.request.urlopen(f"{demo['API']}/metrics") as answer:  # noqa: S310
        text = answer.read().decode()
    checked = subprocess.run(
        [*promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert "tongdai_http_seconds" in text
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
