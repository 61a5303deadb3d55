"""Clients that others' generators make of the OpenAPI document: they compile under strict types,
and work against a running system, by the commands of the guide.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from testbed.clients import Programs
from testbed.company import Api, log_in
from testbed.instance import Instance
from tests.clients.conftest import HERE, ROOT
from tongdai import ids
from tongdai.sandbox import actors

GUIDE = ROOT / "docs" / "integration.en.md"


def command(tool: str, demo: dict[str, str]) -> list[str]:
    """The command of the guide that generates a client by this tool, without what fetches it."""
    found = re.search(
        rf"^(?:npx|pipx run) ({re.escape(tool)} .*)$", GUIDE.read_text(), re.MULTILINE
    )
    assert found, f"{GUIDE} has no command for {tool}"
    words = shlex.split(found[1].replace("$API", demo["API"]))
    return [str(ROOT / word) if word.startswith("docs/") else word for word in words]


async def typescript(node: Programs, workshop: Path, tool: str, **environ: str) -> str:
    """The output of the client of tests/clients/, which uses the generated code."""
    folder = HERE / tool.removeprefix("@").partition("/")[0]
    for file in (folder / "main.ts", HERE / "tsconfig.json", HERE / "package.json"):
        shutil.copy(file, workshop)
    name, *arguments = command(tool, environ)
    await node.run(name.rpartition("/")[2], *arguments, cwd=workshop)
    await node.run("tsc", "--project", "tsconfig.json", cwd=workshop)
    return await node.run("node", "built/main.js", cwd=workshop, environ=environ)


async def test_openapi_typescript(
    node: Programs, workshop: Path, demo: dict[str, str], pbx: Instance
) -> None:
    async def crm(**environ: str) -> str:
        return await typescript(node, workshop, "openapi-typescript", **environ)

    await works(crm, demo)


async def test_hey_api(
    node: Programs, workshop: Path, demo: dict[str, str], pbx: Instance
) -> None:
    async def crm(**environ: str) -> str:
        return await typescript(node, workshop, "@hey-api/openapi-ts", **environ)

    await works(crm, demo)


async def test_openapi_python_client(
    generator: Programs, tmp_path: Path, demo: dict[str, str], pbx: Instance
) -> None:
    async def crm(**environ: str) -> str:
        shutil.copy(HERE / "python" / "main.py", tmp_path)
        python = generator.folder / "bin" / "python"
        name, *arguments = command("openapi-python-client", environ)
        said = await generator.run(python, "-m", _module(name), *arguments, cwd=tmp_path)
        assert "Warning" not in said, said
        mypy = (sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent")
        await generator.run(*mypy, "--python-executable", python, "main.py", cwd=tmp_path)
        return await generator.run(python, "main.py", cwd=tmp_path, environ=environ)

    await works(crm, demo)


async def works(crm: Callable[..., Awaitable[str]], demo: dict[str, str]) -> None:
    """The CRM logs in, subscribes, calls, follows its call in the feed, reads its record and its
    recording, and understands errors.
    """
    customer_id = f"crm-{ids.new()}"
    said: dict[str, Any] = msgspec.json.decode(await crm(CUSTOMER_ID=customer_id, **demo))
    api = await log_in(demo["API"], demo["USERNAME"], demo["PASSWORD"])
    record = await api.cdr(said["call_id"])

    secret, *listed = said["subscription"]
    assert secret.startswith("whsec_")
    assert listed == ["endpoint.disabled"], "listed once, and no more when it is deleted"
    assert said["states"] == ["ringing", "answered", "hangup", "cdr"]
    assert (record["customer_id"], record["extension"]) == (
        customer_id,
        actors.ROBOTS["answers"].number,
    )
    assert (said["record"], said["customer_id"]) == (record["call_id"], customer_id)
    assert said["call_id"] in said["listed"]
    assert set(said["extensions"]) <= {"201", "202"}
    assert said["nobody"] == 0, "every value of the filter arrives"
    assert said["recording"] == "RIFF"
    assert said["bytes"] == await _size(api, record["recording_url"])
    assert said["missing"] == "NOT_FOUND"
    assert said["refused"] == ["INVALID_PHONE", "phone"]


def _module(name: str) -> str:
    """A folder that has been renamed has no scripts."""
    return name.replace("-", "_")


async def _size(api: Api, url: str) -> int:
    return int((await api.ask("HEAD", url, {})).headers["content-length"])
