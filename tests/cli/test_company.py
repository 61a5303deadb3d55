"""tongdai plan, apply, export."""

import re
from pathlib import Path

import pytest

from tests.test_cli import SECRET, Cli
from tongdai.store import db

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "company.yaml"


@pytest.fixture
def cli(database: db.Database) -> Cli:
    return Cli(TONGDAI_DSN=database.dsn, TONGDAI_SECRET=SECRET)


@pytest.fixture
def file(cli: Cli, tmp_path: Path) -> Path:
    """The example of the documents, for a domain of its own; it is applied."""
    path = tmp_path / "company.yaml"
    path.write_text(EXAMPLE.read_text().replace("sales.example.vn", cli.domain))
    told = cli("apply", str(path), "--yes")
    assert "+ extension 101\n" in told
    assert f"{cli.domain}: 10 to create, 0 to change, 0 to delete." in told
    assert re.search(r"extension +101 +\S{24}", told), "the new password is shown"
    assert "a-password" not in told
    return path


def test_the_page_quotes_the_example() -> None:
    page = EXAMPLE.parents[1] / "company-files.md"
    assert f"```yaml\n{EXAMPLE.read_text()}```" in page.read_text()


def test_a_file_is_applied_once(cli: Cli, file: Path) -> None:
    assert cli("apply", str(file), "--yes").startswith(f"{cli.domain} is as the file says.")
    assert cli.json("plan", str(file), "--check") == {"domain": cli.domain, "changes": []}
    assert cli.json("extension", "show", "101")["devices"] == ["default", "webrtc"]


def test_drift_is_told_and_mended(cli: Cli, file: Path) -> None:
    cli("extension", "update", "102", "--name", "Ai đó")
    cli("queue", "delete", "700", code=1)

    told = cli("plan", str(file))
    assert re.search(r"~ extension 102  \(changed .*\+07:00 by cli:\w+\)\n", told)
    assert "    name: Ai đó -> Trần Văn Bình\n" in told
    cli("plan", str(file), "--check", code=1)
    cli("apply", str(file), given="n\n", code=1)
    assert cli.json("extension", "show", "102")["name"] == "Ai đó"
    cli("apply", str(file), given="y\n")
    assert cli.json("extension", "show", "102")["name"] == "Trần Văn Bình"


def test_an_export_is_applied_again(cli: Cli, file: Path, tmp_path: Path) -> None:
    text = cli("export")
    cli("export", "--output", str(tmp_path / "again.yaml"))
    assert (tmp_path / "again.yaml").read_text() == text
    assert "a-password" not in text
    assert cli.json("plan", "-", given=text)["changes"] == []
    assert "takes --yes" in cli("apply", "-", given=text.replace("Kinh doanh", "Sales"), code=2)
    cli("apply", "-", "--yes", given=text.replace("Kinh doanh", "Sales"))
    assert cli.json("ring-group", "show", "600")["name"] == "Sales"


def test_an_earlier_moment_comes_back(cli: Cli, file: Path) -> None:
    (made, *_) = cli.json("audit", "--noun", "queue")
    cli("ring-group", "update", "600", "--overflow", "")
    cli("queue", "delete", "700")

    before = cli("export", "--at", made["at"])
    cli("apply", "-", "--yes", given=before)

    assert cli.json("queue", "show", "700")["agents"] == ["102"]
    assert cli.json("ring-group", "show", "600")["overflow"] == "700"
    assert "since" in cli.refuses("export", "--at", "2020-01-01")


def test_what_is_wrong_is_refused_by_path_and_line(cli: Cli, file: Path) -> None:
    file.write_text(file.read_text().replace("members: [101, 102]", "members: [101, 109]"))
    assert cli.refuses("plan", str(file)) == (
        "ring_groups[0].members: no such extension: 109 (line 37)"
    )
    assert "cannot be read" in cli("plan", "/nowhere.yaml", code=2)


def test_companies_that_a_carrier_cannot_tell_apart_are_warned_of(
    cli: Cli, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        f"tongdai: 1\ndomain: {{name: other-{cli.domain}}}\n"
        "trunks: [{name: mine, auth: ip, host: 203.0.113.7}]\n"
        "hotlines: [{number: 19001919, trunk: mine}]\n"
    )
    told = cli.aside("apply", str(other), "--yes")
    assert "both companies have the hotline 19001919: its calls are refused" in told
