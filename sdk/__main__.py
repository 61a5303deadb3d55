"""Builds the packages for programs that use the API, from the OpenAPI document: `make sdk`, into
sdk/dist. The generators are those of tests/clients.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from testbed import clients
from tongdai import __version__, api
from tongdai.api import openapi

HERE = Path(__file__).parent
CONFIG = HERE.parent / "docs" / "examples" / "openapi-python-client.yaml"


async def build(into: Path) -> tuple[Path, Path]:
    """The wheel for Python and the package for Node.js, in that folder, which is made."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        described = openapi.document(api.OPERATIONS, "https://pbx.example.vn")
        document.write_bytes(msgspec.json.encode(described))
        wheel = await _python(document, Path(folder) / "python", into)
        return wheel, await _typescript(document, Path(folder) / "typescript", into)


async def _python(document: Path, folder: Path, into: Path) -> Path:
    tools = await asyncio.to_thread(clients.generator)
    shutil.copytree(HERE / "python", folder)
    package = folder / "tongdai_client"
    python = tools.folder / "bin" / "python"
    generate = ("-m", "openapi_python_client", "generate", "--path", document, "--meta", "none")
    await tools.run(python, *generate, "--output-path", package, "--config", CONFIG, cwd=folder)
    (folder / "login.py").rename(package / "login.py")
    (package / "py.typed").touch()
    _versioned(folder / "pyproject.toml")
    wheel = ("-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", into, folder)
    await tools.run(sys.executable, *wheel, cwd=folder)
    return into / f"tongdai_client-{__version__}-py3-none-any.whl"


async def _typescript(document: Path, folder: Path, into: Path) -> Path:
    tools = await asyncio.to_thread(clients.node)
    shutil.copytree(HERE / "typescript", folder)
    (folder / "node_modules").symlink_to(tools.folder / "node_modules")
    await tools.run("openapi-typescript", document, "-o", "src/schema.ts", cwd=folder)
    _versioned(folder / "package.json")
    await tools.run("tsc", "--project", "tsconfig.json", cwd=folder)
    npm = clients.NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    await tools.run("node", npm, "pack", "--pack-destination", into.absolute(), cwd=folder)
    return into / f"tongdai-client-{__version__}.tgz"


def _versioned(file: Path) -> None:
    """It has the version of tongdai."""
    file.write_text(file.read_text().replace("0.0.0", __version__, 1))


if __name__ == "__main__":
    print(*asyncio.run(build(HERE / "dist")), sep="\n")  # noqa: T201
