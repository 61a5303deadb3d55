"""tongdai import: what comes from other systems is applied, and what does not come is told."""

import asyncio
from pathlib import Path

import pytest

from tests import databases
from tests.admin import fusionpbx_5_5_7
from tests.test_cli import SECRET, Cli
from tongdai.store import db, devices, domains

FREEPBX = """\
extension,name,description,tech,secret,outboundcid,ringtimer,voicemail,findmefollow_enabled,\
recording_in_external,recording_out_external,max_contacts,concurrency_limit
101,Nguyễn Thị Ánh,,pjsip,abcdefgh12,"Sales <02873001234>",20,default,,force,force,2,3
102,"Bình <b>",,sip,short,,0,novm,yes,no,never,,
103,Chi,,dahdi,,,,,,,,,
7,Dũng,,pjsip,abcdefgh12,,,,,,,,
"""


@pytest.fixture
def cli(database: db.Database) -> Cli:
    return Cli(TONGDAI_DSN=database.dsn, TONGDAI_SECRET=SECRET)


@pytest.fixture
async def fusionpbx(database: db.Database) -> str:
    """The DSN of a database with FusionPBX's tables."""
    dsn = await databases.renew(database.dsn, "fusionpbx")
    theirs = await db.connect(dsn)
    try:
        await theirs.execute(fusionpbx_5_5_7.SCHEMA + fusionpbx_5_5_7.ROWS)
    finally:
        await theirs.close()
    return dsn


def has_password(cli: Cli, number: str, password: str) -> bool:
    async def asked() -> bool:
        tx = await db.connect(cli.environ["TONGDAI_DSN"])
        try:
            of = (await domains.by_name(tx, cli.domain)).domain_uuid
            return await devices.has_password(tx, of, number, "default", password)
        finally:
            await tx.close()

    return asyncio.run(asked())


def test_a_domain_of_fusionpbx_comes_with_its_passwords(
    cli: Cli, fusionpbx: str, tmp_path: Path
) -> None:
    path = tmp_path / "company.yaml"
    command = ("import", "fusionpbx", fusionpbx, "old.example.vn", "--domain", cli.domain)
    told = cli.json(*command, "--output", str(path))
    assert path.stat().st_mode & 0o077 == 0, "it holds passwords"
    cli("apply", str(path), "--yes")

    extension = cli.json("extension", "show", "101")
    assert (extension["name"], extension["recording"], extension["max_calls"]) == (
        "Nguyễn Thị Ánh", True, 5,
    )  # fmt: skip
    assert extension["hotline"] == "+842873001234"
    assert has_password(cli, "101", "Abcdefgh1-")
    other = cli.json("extension", "show", "102")
    assert (other["name"], other["enabled"], other["ring_timeout_s"]) == ("Bình", False, 300)
    group = cli.json("ring-group", "show", "600")
    assert (group["strategy"], group["members"], group["overflow"], group["timeout_s"]) == (
        "sequential", ["102", "101"], "101", 45,
    )  # fmt: skip
    hotline = cli.json("hotline", "show", "02873001234")
    assert (hotline["destination"], hotline["name"], hotline["is_default"]) == (
        "600", "Tổng đài", True,
    )  # fmt: skip
    assert not cli.json("hotline", "show", "19001919")["enabled"]
    trunk = cli.json("trunk", "show", "viettel")
    assert (trunk["auth"], trunk["host"], trunk["username"]) == (
        "registration", "sip.example.vn:5080", "0900",
    )  # fmt: skip
    assert [(note["thing"], note["why"].partition(":")[0]) for note in told["notes"]] == [
        ("extension reception", "is left out"),
        ("destination 19001919", "its action ivr main is not carried over"),
        ("destination 0", "is left out"),
        ("voicemail boxes", "1 are not carried over"),
        ("call records", "6 are not carried over"),
        ("extension 102", "do not disturb is set on the phone"),
        ("extension 102", "its follow me is not carried over"),
        ("extension 102", "its outbound number 0999 is no hotline that is carried over"),
        ("extension 102", "400 seconds become 300"),
        ("extension 102", "its password is not kept, a new one is made"),
        ("ring group 600", "0912345678 is no extension that is carried over"),
    ]
    assert cli.json("plan", str(path))["changes"] == []


def test_a_dry_run_of_fusionpbx_tells_and_writes_nothing(
    cli: Cli, fusionpbx: str, tmp_path: Path
) -> None:
    path = tmp_path / "company.yaml"
    command = ("import", "fusionpbx", fusionpbx)
    told = cli.json(*command, "old.example.vn", "--dry-run", "--output", str(path))
    assert told["notes"]
    assert "file" not in told
    assert not path.exists()
    assert "there are old.example.vn, other.example.vn" in cli.refuses(
        *command, "nowhere.example.vn", code=3
    )
    assert "it lacks v_domains" in cli.refuses(
        "import", "fusionpbx", cli.environ["TONGDAI_DSN"], "old.example.vn"
    )


def test_extensions_of_freepbx_come_with_their_passwords(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "extensions.csv").write_text(FREEPBX)
    path = tmp_path / "company.yaml"
    command = ("import", "freepbx", str(tmp_path / "extensions.csv"), "--domain", cli.domain)
    told = cli.json(*command, "--output", str(path))
    cli("apply", str(path), "--yes")

    extension = cli.json("extension", "show", "101")
    assert (extension["name"], extension["recording"], extension["max_calls"]) == (
        "Nguyễn Thị Ánh", True, 3,
    )  # fmt: skip
    assert extension["ring_timeout_s"] == 20
    assert has_password(cli, "101", "abcdefgh12")
    other = cli.json("extension", "show", "102")
    assert (other["name"], other["recording"], other["ring_timeout_s"]) == ("Bình b", False, 30)
    assert [note["thing"] for note in told["notes"]] == [
        *("extension 101",) * 2,  # voicemail, outbound number
        *("extension 102",) * 3,  # follow me, name, password
        "extension 103",
        "extension 7",
    ]
    assert "file" not in cli.json(*command, "--dry-run")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("number,name\n101,An\n", "no column extension"),
        ("extension,name\n101,An\n102\n", "line 3"),
        ('extension,name\n101,"An\n', "not CSV"),
    ],
)
def test_what_is_no_export_of_freepbx_is_refused(
    cli: Cli, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "extensions.csv").write_text(text)
    command = ("import", "freepbx", str(tmp_path / "extensions.csv"), "--domain", cli.domain)
    assert why in cli.refuses(*command)
