"""docs/existing-asterisk.md: its commands make the files that the private Asterisk has."""

import re
import subprocess
from pathlib import Path

import pytest

from tongdai.asterisk import events, node

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "existing-asterisk.md").read_text()
KEPT = "asterisk.conf"


@pytest.fixture(scope="module")
def etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the loop of the page."""
    folder = tmp_path_factory.mktemp("etc")
    [script] = re.findall(r"```sh\n(ETC=.*?\ndone\n)", PAGE, re.DOTALL)
    here = script.replace("ETC=/etc/asterisk", f"ETC={folder}")
    subprocess.run(["bash", "-euc", here], cwd=ROOT, check=True)
    return folder


def templates() -> dict[str, str]:
    """Those of the private Asterisk, by name; a later folder's takes the place of another."""
    folders = (node.COMMON, node.COMMON.parent / "pbx")
    return {path.name: path.read_text() for one in folders for path in one.glob("*.conf")}


def test_every_file_of_the_private_one_is_made(etc: Path) -> None:
    assert {path.name for path in etc.iterdir()} == templates().keys() - {KEPT}


def test_nothing_is_left_to_fill_in(etc: Path) -> None:
    for path in etc.iterdir():
        assert "@{" not in path.read_text(), path.name


def test_lines_without_values_are_those_of_the_private_one(etc: Path) -> None:
    for name, content in templates().items():
        if name != KEPT:
            lines = [line for line in content.splitlines() if "@{" not in line]
            assert {*lines} <= {*(etc / name).read_text().splitlines()}, name


def test_the_variables_of_channels_are_those_that_are_read(etc: Path) -> None:
    assert f"channelvars = {','.join(events.VARIABLES)}" in (etc / "ari.conf").read_text()


def test_the_options_of_asterisk_conf_are_named() -> None:
    section = templates()[KEPT].partition("[options]")[2]
    for option in (
        "live_dangerously",
        "transmit_silence",
        "hide_messaging_ami_events",
        "maxcalls",
    ):
        [line] = [line for line in section.splitlines() if line.startswith(f"{option} =")]
        assert f"`{line}`" in PAGE
