"""All data of a company is written into a folder, and erased."""

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from testbed import samples
from tests.webhooks import samples as webhooks
from tongdai import errors, ids
from tongdai.admin import company_data
from tongdai.audio import Converted
from tongdai.cli import app
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Domain, Extension
from tongdai.recording_files import LocalFolder
from tongdai.store import cdrs, db, deletion, domains, export, extensions, prompts, trunks, users

PASSWORD = "correct-horse-battery"
HEARD, SOUND = b"RIFF of one call", b"RIFF of a prompt"


@pytest.fixture
def files(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "data" / "recordings")


@pytest.fixture
async def full(
    database: db.Database, domain: Domain, master_key: MasterKey, files: LocalFolder
) -> Domain:
    """The domain with some of everything, and two recordings: one whose file is gone."""
    made = [samples.record(domain.domain_uuid, customer_id="Ánh") for _ in range(2_100)]
    of_legs = {"other_ids": (ids.new(),), "other_sip_call_ids": ("two@phone", "three@phone")}
    made[2] = replace(made[2], **of_legs)
    keys = [f"{domain.domain_uuid}/2026/11/30/{one}.wav" for one in ("heard", "lost")]
    made[:2] = [
        replace(one, recording=samples.recording_of(one, file_key=key))
        for one, key in zip(made, keys, strict=False)
    ]
    path = files.folder / keys[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(HEARD)
    trunk = trunks.Trunk(name="carrier", auth="digest", host="203.0.113.7", username="u")
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, made)
        await users.insert(tx, domain.domain_uuid, master_key, "an", PASSWORD)
        sound = Converted(b"low", SOUND, 1.0)
        await prompts.keep(tx, domain.domain_uuid, "Lời chào", b"file", sound)
        await extensions.insert(tx, domain.domain_uuid, Extension("101"), PASSWORD)
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk, PASSWORD)
    await webhooks.subscribe(database, master_key, domain, "ringing", "https://crm.example.vn/")
    await webhooks.publish(database, webhooks.event(domain))
    return domain


async def test_all_data_is_written_and_no_secret(
    database: db.Database, full: Domain, files: LocalFolder, tmp_path: Path
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        await cdrs.insert_many(tx, [samples.record(other.domain_uuid)])
    folder, shown = tmp_path / "out", list[tuple[str, int]]()

    written = await company_data.write(
        database, files, full.name, folder, lambda what, count: shown.append((what, count))
    )

    found = {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("*.jsonl")
    }
    assert {table: len(rows) for table, rows in found.items()} == {
        table: count for table, count in written.items() if not table.endswith("_files")
    }
    of = {row["domain_uuid"] for rows in found.values() for row in rows}
    assert of == {str(full.domain_uuid)}
    assert len(found["cdrs"]) == 2_100
    assert found["cdrs"][0]["customer_id"] == "Ánh"
    full_tables = {table for table, _ in deletion.TABLES} - {"commands", "api_keys", "attempts"}
    full_tables -= {
        "hotlines",
        "cdr_participants",
        "idempotency_keys",
        "sessions",
        "second_factors",
        "saved_searches",
        "developer_links",
        "prompt_audio",
    }
    full_tables -= {"hours_plans", "callers", "timelines"}
    assert {table for table, rows in found.items() if rows} >= full_tables
    [user], [trunk], [device] = found["users"], found["trunks"], found["devices"]
    assert {user["password_hash"], user["api_key_encrypted"], trunk["password_encrypted"]} == {
        "***"
    }
    assert {device[name] for name in device if name.startswith("digest")} == {"***"}
    assert [one for one in shown if one[0] == "cdrs"] == [("cdrs", 1_000), ("cdrs", 2_000)]
    [copy] = (folder / "recordings").rglob("*.wav")
    assert (copy.read_bytes(), written["recording_files"]) == (HEARD, 1)
    [prompt] = (folder / "prompts").iterdir()
    assert (prompt.name, prompt.read_bytes()) == ("001-Lời chào.wav", SOUND)
    assert folder.stat().st_mode & 0o077 == 0, "only for its owner"


async def test_every_table_of_domains_is_written(database: db.Database) -> None:
    """`calls` is not: what is live becomes a record. The sound of prompts is in files."""
    async with database.connection() as tx:
        tables = {*await export.tables(tx)}
    in_files = {"prompt_audio"}
    assert {table for table, _ in deletion.TABLES} | {"domains", "audit_log"} <= tables | in_files
    assert not {"calls", *in_files} & tables


async def test_a_folder_with_something_in_it_is_refused(
    database: db.Database, full: Domain, files: LocalFolder, tmp_path: Path
) -> None:
    with pytest.raises(errors.SetupError, match="not empty"):
        await company_data.write(database, files, full.name, tmp_path)
    with pytest.raises(errors.NotFound):
        await company_data.write(database, files, "no.example.vn", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_company_is_erased(
    database: db.Database, full: Domain, files: LocalFolder, *, at_once: bool
) -> None:
    await company_data.erase(database, files, full.name, recordings=at_once)

    assert [*files.folder.rglob("*.wav")] == [] or not at_once
    assert (full.domain_uuid in await files.domains()) is not at_once
    async with database.connection() as tx:
        left = await tx.fetch(
            "SELECT before, after FROM audit_log WHERE domain_uuid = $1", full.domain_uuid
        )
        assert left
        assert {(row["before"], row["after"]) for row in left} == {(None, None)}
        with pytest.raises(errors.NotFound):
            await domains.by_name(tx, full.name)


def test_the_command_writes_and_erases(
    database: db.Database, full: Domain, tmp_path: Path
) -> None:
    environ = {name: None for name in os.environ if name.startswith("TONGDAI_")}
    environ |= {"TONGDAI_DSN": database.dsn, "TONGDAI_DATA": str(tmp_path / "data")}  # type: ignore[dict-item]

    def run(*args: str) -> str:
        result = CliRunner().invoke(app, ["domain", *args], env=environ)
        assert result.exit_code == 0, result.output
        return result.stdout

    told = json.loads(run("export-data", full.name, str(tmp_path / "out"), "--json"))
    assert (told["cdrs"], told["recording_files"]) == (2_100, 1)
    run("delete", full.name, "--recordings", "--yes")
    assert [*(tmp_path / "data").rglob("*.wav")] == []
