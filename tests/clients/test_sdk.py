"""The packages of sdk/: built from the OpenAPI document, installed, and used as their READMEs say,
against a running system.
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from sdk.__main__ import build
from testbed.clients import Programs
from testbed.company import log_in
from testbed.instance import Instance
from tests.clients.conftest import HERE, ROOT
from tongdai import ids

SDK = ROOT / "sdk"


@pytest.fixture(scope="module")
async def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the package for Node.js."""
    return await build(tmp_path_factory.mktemp("sdk"))


@pytest.fixture
async def crm(demo: dict[str, str], pbx: Instance) -> dict[str, str]:
    """What the READMEs read from the environment."""
    api = await log_in(demo["API"], demo["USERNAME"], demo["PASSWORD"])
    wish = {"username": "admin", "name": str(ids.new()), "scopes": ["cdr:read"]}
    made = await api.post("/v1/admin/api-keys", **wish)
    assert made.status == 200, made
    return {"API": demo["API"], "API_KEY": made.json["api_key"]}


def quick_starts(readme: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme.read_text(), re.DOTALL)


async def test_the_python_package_works_as_its_readme_says(
    generator: Programs, packages: tuple[Path, Path], tmp_path: Path, crm: dict[str, str]
) -> None:
    wheel, _ = packages
    installed, python = tmp_path / "installed", generator.folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index")
    await generator.run(*pip, "--target", installed, wheel, cwd=tmp_path)
    environ = crm | {"PYTHONPATH": str(installed), "MYPYPATH": str(installed)}
    programs = quick_starts(SDK / "python" / "README.md", "python")
    assert len(programs) == 2, "with and without asyncio"
    for at, program in enumerate(programs):
        file = tmp_path / f"quick_start_{at}.py"
        file.write_text(program)
        mypy = (sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent")
        await generator.run(
            *mypy, "--python-executable", python, file, cwd=tmp_path, environ=environ
        )
        said = await generator.run(python, file, cwd=tmp_path, environ=environ)
        assert re.search(r"^\d+ calls$", said, re.MULTILINE)
    assert (installed / "tongdai_client" / "py.typed").exists()


async def test_a_wrong_api_key_is_named(
    generator: Programs, packages: tuple[Path, Path], tmp_path: Path, crm: dict[str, str]
) -> None:
    wheel, _ = packages
    python, program = generator.folder / "bin" / "python", tmp_path / "wrong.py"
    program.write_text(quick_starts(SDK / "python" / "README.md", "python")[0])
    environ = crm | {"API_KEY": "wrong", "PYTHONPATH": str(wheel)}
    said = await generator.run(python, program, cwd=tmp_path, environ=environ, fails=True)
    assert "LoginRefused: Unknown user, wrong password or wrong API key." in said


async def test_the_typescript_package_works_as_its_readme_says(
    node: Programs, packages: tuple[Path, Path], tmp_path: Path, crm: dict[str, str]
) -> None:
    _, tarball = packages
    modules = tmp_path / "node_modules"
    (modules / "@tongdai").mkdir(parents=True)
    for name in ("openapi-fetch", "openapi-typescript-helpers", "@types", "undici-types"):
        (modules / name).symlink_to(node.folder / "node_modules" / name)
    await asyncio.to_thread(shutil.unpack_archive, tarball, tmp_path, filter="data")
    (tmp_path / "package").rename(modules / "@tongdai" / "client")
    (program,) = quick_starts(SDK / "typescript" / "README.md", "ts")
    (tmp_path / "main.ts").write_text(program)
    for name in ("tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    await node.run("tsc", "--project", "tsconfig.json", cwd=tmp_path)
    said = await node.run("node", "built/main.js", cwd=tmp_path, environ=crm)
    assert re.search(r"^\d+ calls$", said, re.MULTILINE)
    wrong = crm | {"API_KEY": "wrong"}
    said = await node.run("node", "built/main.js", cwd=tmp_path, environ=wrong, fails=True)
    assert "tongdai: Unknown user, wrong password or wrong API key." in said


def test_nothing_that_is_made_is_committed() -> None:
    kept = {path.relative_to(SDK).parts[0] for path in SDK.rglob("*.py") if path.is_file()}
    assert kept <= {"__init__.py", "__main__.py", "python", "dist"}
    assert os.fspath(SDK / "dist").removeprefix(f"{ROOT}/") in (ROOT / ".gitignore").read_text()
