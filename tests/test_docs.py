"""The documents are true: what users meet is described, links lead somewhere, examples are quoted
and work.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from chaos import __main__ as chaos
from testbed.until import until
from tests import commands_page, compatibility
from tests.cli.conftest import free_address
from tongdai import errors, settings
from tongdai.api import guides
from tongdai.cli import config
from tongdai.dialects import v1, v3
from tongdai.pbx import cdr, events
from tongdai.webhooks import sign

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
GUIDES = (DOCS / "integration.en.md", DOCS / "integration.vi.md")
OF_BOTH = ("events", "errors", "dialects", "live", "web-phone", "provisioning", "portal")
TWINS = [
    (ROOT / "README.md", ROOT / "README.vi.md"),
    GUIDES,
    *((DOCS / f"{name}.md", DOCS / f"{name}.vi.md") for name in OF_BOTH),
]
# of single commands
COMMANDS = {
    "TONGDAI_SERVER",
    "TONGDAI_PROFILE",
    "TONGDAI_DOMAIN",
    "TONGDAI_URL",
    "TONGDAI_API_KEY",
    "TONGDAI_TOKEN",
}
SETUP = {"SETUP", "WRONG_MASTER_KEY"}  # of the command line, never of the API


def test_the_page_of_settings_is_what_the_code_says() -> None:
    page = config.page(settings.described(settings.Settings()))
    assert (DOCS / "settings.md").read_text() == page + "\n", (
        "make it anew: bin/tongdai config --markdown"
    )


def test_the_page_of_commands_is_what_the_code_says() -> None:
    assert (DOCS / "commands.md").read_text() == commands_page.page(), (
        "make it anew: python -m tests.commands_page"
    )


def test_the_page_of_compatibility_is_what_the_tests_showed() -> None:
    results = compatibility.read()
    assert (DOCS / "compatibility.md").read_text() == compatibility.page(results), (
        "make it anew: python -m tests.compatibility page"
    )
    kept = {
        (test, client, what)
        for client, cells in results.cells.items()
        for what, tests in cells.items()
        for test in tests
    }
    assert kept == set(marked()), "make it anew: python -m tests.compatibility"


def marked() -> Iterator[tuple[str, str, str]]:
    """The tests that show something, each with a client and a feature, as pytest collects them."""
    files = [
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if "mark.shows(" in file.read_text() and file != Path(__file__)
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "shows"]
    said = subprocess.run(
        [*command, "--collect-only", "--shows", *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in said.splitlines():
        if line.startswith("shows\t"):
            _, test, client, what = line.split("\t")
            yield test, client, what


@pytest.mark.parametrize("name", ["errors.md", "errors.vi.md"])
def test_every_error_is_explained_with_its_status(name: str) -> None:
    page = (DOCS / name).read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", page, re.MULTILINE))
    assert told == {
        kind.code: str(kind.status) for kind in errors.kinds() if kind.code not in SETUP
    }


@pytest.mark.parametrize(
    ("name", "heading"),
    [("events.md", "| Key | Meaning |"), ("events.vi.md", "| Khoá | Ý nghĩa |")],
)
def test_every_event_is_explained(name: str, heading: str) -> None:
    page = (DOCS / name).read_text()
    assert re.findall(r"^## `(\w+)`$", page, re.MULTILINE) == list(events.NAMES)
    table = page.partition(heading)[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(
        v1.CallEvent.__struct_fields__
    )
    example = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    assert list(json.loads(example)) == list(v1.CallEvent.__struct_fields__)
    assert msgspec.json.decode(example, type=v1.CallEvent).state == "cdr"


@pytest.mark.parametrize("name", ["dialects.md", "dialects.vi.md"])
def test_every_key_of_version_3_is_shown_in_a_row_of_its_form(name: str) -> None:
    page = (DOCS / name).read_text()
    example = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    assert list(json.loads(example)) == list(v3.CallRow.__struct_fields__)
    row = msgspec.json.decode(example, type=v3.CallRow)
    assert json.loads(msgspec.json.encode(row)) == json.loads(example)
    for status in cdr.STATUSES:
        assert f"`{status.lower()}`" in page
    for key in ("time_ringging", "called_count", "is_encode", "encrypt_method"):
        assert f"`{key}" in page


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_guides_explain_every_event_and_status_and_quote_the_examples(guide: Path) -> None:
    text = guide.read_text()
    for word in (*events.NAMES, *cdr.STATUSES):
        assert f"`{word}`" in text, word
    for name in ("receiver.py", "receiver.mjs", "catch_up.py", "export.py"):
        assert (DOCS / "examples" / name).read_text().strip() in text, name


@pytest.mark.parametrize(("english", "vietnamese"), TWINS, ids=lambda path: path.name)
def test_twins_have_the_same_sections_commands_and_links(english: Path, vietnamese: Path) -> None:
    pages = english.read_text(), vietnamese.read_text()
    shapes = [re.findall(r"^(#+) ", _prose(page), re.MULTILINE) for page in pages]
    commands = [
        [_command(block) for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]
        for page in pages
    ]
    targets = [[re.sub(r"\.(en|vi)\.|#.*", ".", link) for link in _links(page)] for page in pages]
    assert shapes[0] == shapes[1]
    assert commands[0] == commands[1]
    assert targets[0] == targets[1]


@pytest.mark.parametrize("name", OF_BOTH)
def test_twins_have_the_same_rows_and_names(name: str) -> None:
    """What programs read is the same in both languages, in the same order."""
    english, vietnamese = (
        re.findall(r"^ *\|(.*?)\|", _prose((DOCS / f"{name}{twin}.md").read_text()), re.MULTILINE)
        for twin in ("", ".vi")
    )
    assert len(english) == len(vietnamese)
    for one, other in zip(english, vietnamese, strict=True):
        assert re.findall(r"`[^`]+`", one) == re.findall(r"`[^`]+`", other)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page.read_text()):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            assert anchor in set(_anchors(path.read_text())), link


def test_every_setting_and_file_that_pages_name_is_there() -> None:
    variables = {one.variable for one in settings.described(settings.Settings())} | COMMANDS
    for page in PAGES:
        text = page.read_text()
        assert set(re.findall(r"TONGDAI_[A-Z_]+[A-Z]", text)) <= variables, page
        for file in re.findall(
            r"(?<![\w/.])((?:docs|tests|tongdai|bin)/[\w./-]+\.(?:py|md|mjs|html|conf))\b", text
        ):
            assert (ROOT / file).exists(), f"{page}: {file}"


def test_every_file_and_name_of_the_map_is_there() -> None:
    """A name may stand in any file: a row names the file before it."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    folders = ("tongdai", "tests", "testbed", "docs", "deploy", "bench", "chaos", "sdk")
    files = {*map(str, ROOT.glob("*.*")), *map(str, ROOT.glob("web/*.*"))}
    files |= {str(file) for folder in folders for file in (ROOT / folder).rglob("*.*")}
    code = "".join(Path(name).read_text() for name in files if name.endswith((".py", ".sql")))
    quoted = set(re.findall(r"`([^`\s]+)`", page))
    named = {each for each in quoted if re.fullmatch(r"[\w/-]+\.(py|sql|conf|toml|yml|md)", each)}
    assert len(named) > 80
    for each in named:
        assert any(file.endswith(f"/{each}") for file in files) or f'"{each}"' in code, each
    for each in quoted - named:
        if re.fullmatch(r"_?[A-Za-z_]{4,}", each):
            assert re.search(rf"\b{each}\b", code), each


def test_what_is_promised_under_faults_names_tests_and_scenarios_that_are_there() -> None:
    page = (DOCS / "reliability.md").read_text()
    tests = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", page)
    for name, path in tests:
        assert f"def {name}(" in (DOCS / path).read_text(), name
    assert sorted(re.findall(r"\| `(\w+)`, \[test_", page)) == sorted(chaos.ALL)
    assert len(tests) == len(chaos.ALL)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """docs/examples/receiver.py, with one secret, and its URL."""
    (tmp_path / "secrets.txt").write_text(SECRET + "\n")
    address = free_address()
    command = [sys.executable, str(DOCS / "examples" / "receiver.py"), address.rpartition(":")[2]]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield f"http://{address}/", process
        process.kill()


SECRET = "whsec_EBCRloEOwhqKNHv5izXw8H9RLfL7BPAdHga+S+vp35k="
EVENT = UUID("12daad56-9cf5-54a5-b9a4-d060f034a656")


async def test_the_receiver_of_the_guide_takes_what_is_genuine_once(
    receiver: tuple[str, "subprocess.Popen[str]"],
) -> None:
    url, process = receiver
    body = re.findall(r"```json\n(.*?)```", (DOCS / "events.md").read_text(), re.DOTALL)[
        0
    ].encode()
    now = int(time.time())
    good = sign.headers(EVENT, now, body, [sign.key(SECRET)])

    await until(lambda: _posted(url, {}, body))
    assert _posted(url, {}, body) == 401
    assert _posted(url, good, body.replace(b'"201"', b'"202"')) == 401
    assert _posted(url, sign.headers(EVENT, now - 900, body, [sign.key(SECRET)]), body) == 401
    assert [_posted(url, good, body), _posted(url, good, body)] == [204, 204]
    process.kill()
    said, _ = process.communicate()
    assert said.count("cdr 019adb1c-9c3e-7a41-ad09-ae9e087f2d31 0900000001 -> 201 http://") == 1


@pytest.mark.parametrize("api_key", ["", "a key"])
def test_the_popup_ends_in_a_line_where_it_cannot_begin(api_key: str, tmp_path: Path) -> None:
    """Without a key, or at the port of the receiver."""
    (tmp_path / "secrets.txt").write_text(SECRET + "\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = {"API": "http://127.0.0.1:9", "API_KEY": api_key} if api_key else {}
        environ = {"PATH": os.environ["PATH"], **given}
        asked = [sys.executable, str(DOCS / "examples" / "popup.py"), port]
        run = subprocess.run(
            asked, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
    assert run.returncode == 1
    assert run.stderr.startswith(f"port {port}:" if api_key else "usage: API=")
    assert run.stderr.count("\n") == 1, run.stderr


def _posted(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def _prose(page: str) -> str:
    return re.sub(r"```.*?```", "", page, flags=re.DOTALL)


def _command(block: str) -> str:
    """Without comments, and without what a translation may differ in."""
    return re.sub(r"\s*#.*| -H \"Accept-Language: \w+\"|\s+$", "", block, flags=re.MULTILINE)


def _links(page: str) -> list[str]:
    """Targets within the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", _prose(page))
    return [link for link in found if not re.match(r"https?:", link)]


def _anchors(page: str) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE):
        yield guides.anchor(heading)
