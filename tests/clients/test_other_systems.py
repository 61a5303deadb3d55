"""The command line can be installed on Windows and macOS: each package that it needs there has a
wheel, with the hashes of the lock file.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.clients.conftest import ROOT

SYSTEMS = {
    "win_amd64": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    "macosx_11_0_arm64": {"sys_platform": "darwin", "platform_system": "Darwin"},
}
PYTHON = "3.12"


def needed(environment: dict[str, str]) -> str:
    """The lines of the lock file for a system, without their markers."""
    lock = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in lock.splitlines() if "==" in line]
    return "\n".join(
        re.sub(r" ;.*?(?= --hash)", "", line) for line in lines if is_for(line, environment)
    )


def is_for(line: str, environment: dict[str, str]) -> bool:
    marker = Requirement(line.partition(" --hash")[0].strip()).marker
    return marker is None or marker.evaluate(environment)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_package_has_a_wheel(system: str, tmp_path: Path) -> None:
    minor = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.1"}
    text = needed(SYSTEMS[system] | minor)
    (tmp_path / "requirements.txt").write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    options = ["--require-hashes", "--only-binary", ":all:", "--target", str(tmp_path / "target")]
    system_of = ["--platform", system, "--python-version", PYTHON]
    tried = subprocess.run(
        [*pip, *options, *system_of, "--requirement", str(tmp_path / "requirements.txt")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, tried.stderr
    assert "aiohttp==" in text
    assert "uvloop" not in text
    assert "asyncpg" not in text
