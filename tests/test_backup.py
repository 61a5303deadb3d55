"""Backups: of an own PostgreSQL and of the embedded one, further ones into the same folder, and
what a restore refuses. The whole system: tests/e2e/test_backup.py.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from testbed import samples
from tests import databases
from tongdai import backup, encryption, errors, ids, services
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Extension
from tongdai.settings import Settings
from tongdai.store import cdrs, db, domains, dump, extensions, migrate, recordings, server, users

SECRET = "a master key of thirty-two characters or more"
PASSWORD = "correct-horse-battery"
NAME = "backed.example.vn"


def quiet(_what: str, _count: int) -> None:
    pass


def installed(data: Path, dsn: str = "") -> Settings:
    """The settings of an installation with that data folder, whose master key is SECRET."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "secret").write_text(SECRET)
    return replace(Settings(), data=data, dsn=dsn)


async def fill(database: db.Database, data: Path, *heard: str) -> None:
    """A company with a user, an extension and calls, whose recordings have these names."""
    async with database.transaction() as tx:
        domain = await domains.insert(tx, NAME)
        key = MasterKey(SECRET.encode())
        await users.insert(tx, domain.domain_uuid, key, "an", PASSWORD)
        await extensions.insert(tx, domain.domain_uuid, Extension("101", "Ánh"), PASSWORD)
        for name in heard:
            await record(tx, domain.domain_uuid, data, name)


async def record(tx: db.Tx, domain_uuid: object, data: Path, name: str) -> None:
    made = samples.record(domain_uuid)  # type: ignore[arg-type]
    key = f"{domain_uuid}/2026/11/30/{name}.wav"
    recording = samples.recording_of(made, file_key=key, token=f"{name}{ids.new()}")
    path = data / "recordings" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    await cdrs.insert_many(tx, [replace(made, recording=recording)])


async def check(dsn: str) -> None:
    """That company is there."""
    database = db.Database(dsn, size=1)
    await database.open()
    try:
        key = MasterKey(SECRET.encode())
        account = await users.login(database, key, "an", NAME, PASSWORD)
        assert account.api_key
        async with database.connection() as tx:
            domain = await domains.by_name(tx, NAME)
            extension = await extensions.get(tx, domain.domain_uuid, "101")
            assert extension.name == "Ánh"
            assert await tx.fetchval("SELECT count(*) FROM cdrs") == 2
    finally:
        await database.close()
    assert await migrate.pending(dsn) == []


def heard(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.rglob("*.wav")}


@pytest.fixture
async def own(dsn: str) -> AsyncIterator[db.Database]:
    async with databases.own(dsn, "backed") as database:
        yield database


@pytest.fixture
async def empty(dsn: str) -> AsyncIterator[str]:
    """A DSN to a new, empty database."""
    async with databases.own(dsn, "restored") as database:
        async with database.connection() as tx:
            await tx.execute("DROP SCHEMA public CASCADE")
            await tx.execute("CREATE SCHEMA public")
        yield database.dsn


async def test_an_own_postgresql_is_backed_up_and_restored_into_another(
    own: db.Database, empty: str, tmp_path: Path
) -> None:
    before = installed(tmp_path / "before", own.dsn)
    await fill(own, before.data, "a", "b")

    about = await backup.make(before, tmp_path / "backup", quiet)
    assert (about.recordings, about.schema) == (2, [*migrate.checksums()][-1])
    after = replace(Settings(), data=tmp_path / "after", dsn=empty)
    assert await backup.restore(after, tmp_path / "backup", quiet) == about

    await check(empty)
    assert heard(after.data / "recordings") == {"a": "a", "b": "b"}
    assert (after.data / "secret").read_text() == SECRET
    assert not (after.data / services.UNFINISHED).exists()


async def test_the_embedded_postgresql_is_started_for_a_backup(tmp_path: Path) -> None:
    before = installed(tmp_path / "before")
    running = await server.start(before.data / "postgres", {"fsync": "off"})
    try:
        await migrate.apply(running.dsn)
        database = db.Database(running.dsn, size=1)
        await database.open()
        await fill(database, before.data, "a", "b")
        await database.close()
    finally:
        await running.stop()

    await backup.make(before, tmp_path / "backup", quiet)
    after = replace(Settings(), data=tmp_path / "after")
    await backup.restore(after, tmp_path / "backup", quiet)

    running = await server.start(after.data / "postgres", {"fsync": "off"})
    try:
        assert not running.adopted, "it was stopped again"
        await check(running.dsn)
    finally:
        await running.stop()


async def test_a_further_backup_copies_what_is_new_and_removes_what_is_deleted(
    own: db.Database, tmp_path: Path
) -> None:
    before, folder = installed(tmp_path / "data", own.dsn), tmp_path / "backup"
    await fill(own, before.data, "a", "b")
    await backup.make(before, folder, quiet)
    [kept] = folder.rglob("b.wav")
    was = kept.stat().st_ino
    async with own.transaction() as tx:
        domain = await domains.by_name(tx, NAME)
        token = await tx.fetchval("SELECT token FROM recordings WHERE token LIKE 'a%'")
        await recordings.delete(tx, domain.domain_uuid, token)
        await record(tx, domain.domain_uuid, before.data, "c")

    about = await backup.make(before, folder, quiet)

    assert heard(folder) == {"b": "b", "c": "c"}
    assert about.recordings == 2
    assert kept.stat().st_ino == was, "it is not copied again"
    assert [path.name for path in folder.rglob("*.part")] == []


async def test_a_backup_that_fails_leaves_the_one_before(
    own: db.Database, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = installed(tmp_path / "data", own.dsn), tmp_path / "backup"
    await fill(own, before.data, "a", "b")
    about = await backup.make(before, folder, quiet)

    async def fail(*_given: object) -> bool:
        raise OSError("No space left on device")

    monkeypatch.setattr(backup, "_copy", fail)
    with pytest.raises(OSError, match="No space"):
        await backup.make(before, folder, quiet)
    monkeypatch.undo()

    assert backup.read(folder) == about
    after = replace(Settings(), data=tmp_path / "after", dsn=empty)
    await backup.restore(after, folder, quiet)
    await check(empty)


async def test_a_restore_refuses_what_is_in_use(own: db.Database, tmp_path: Path) -> None:
    before, folder = installed(tmp_path / "data", own.dsn), tmp_path / "backup"
    await fill(own, before.data, "a")
    await backup.make(before, folder, quiet)

    with pytest.raises(errors.SetupError, match="is in use, it has recordings, secret"):
        await backup.restore(before, folder, quiet)
    assert heard(before.data) == {"a": "a"}

    after = replace(Settings(), data=tmp_path / "after", dsn=own.dsn)
    with pytest.raises(errors.SetupError, match="database is not empty"):
        await backup.restore(after, folder, quiet)
    assert {path.name for path in after.data.iterdir()} == {"lock"}, "nothing is left"


async def test_a_restore_refuses_another_master_key_and_a_newer_backup(
    own: db.Database, tmp_path: Path
) -> None:
    before, folder = installed(tmp_path / "data", own.dsn), tmp_path / "backup"
    about = await backup.make(before, folder, quiet)
    other = replace(Settings(), data=tmp_path / "after", secret="another key" * 4)
    with pytest.raises(errors.SetupError, match="not the master key of the backup"):
        await backup.restore(other, folder, quiet)

    newer = replace(about, schema="9999_later.sql", version="9.0")
    (folder / backup.ABOUT).write_bytes(msgspec.json.encode(newer))
    with pytest.raises(errors.SetupError, match=r"of tongdai 9\.0, which is newer"):
        await backup.restore(other, folder, quiet)
    with pytest.raises(errors.SetupError, match="holds no backup"):
        await backup.restore(other, tmp_path / "nothing", quiet)


async def test_a_restore_that_was_cut_off_is_not_started(tmp_path: Path) -> None:
    (tmp_path / services.UNFINISHED).touch()
    with pytest.raises(errors.SetupError, match="interrupted"), services.locked(tmp_path):
        pass


async def test_a_folder_with_other_things_is_refused(own: db.Database, tmp_path: Path) -> None:
    before = installed(tmp_path / "data", own.dsn)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").touch()
    with pytest.raises(errors.SetupError, match="other things"):
        await backup.make(before, tmp_path / "home", quiet)


async def test_settings_come_too_but_not_the_name_of_the_database(
    own: db.Database, empty: str, tmp_path: Path
) -> None:
    before = installed(tmp_path / "data", own.dsn)
    (before.data / "settings").write_text(f"TONGDAI_SIP=0.0.0.0\nTONGDAI_DSN={own.dsn}\n")
    await backup.make(before, tmp_path / "backup", quiet)
    after = replace(Settings(), data=tmp_path / "after", dsn=empty)
    await backup.restore(after, tmp_path / "backup", quiet)

    assert (after.data / "settings").read_text() == "TONGDAI_SIP=0.0.0.0\n"


async def test_only_its_owner_reads_a_backup(own: db.Database, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    await backup.make(installed(tmp_path / "data", own.dsn), folder, quiet)

    assert folder.stat().st_mode & 0o077 == 0
    assert encryption.load("", folder / backup.SECRET)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://tongdai:p%40ss@db.example.vn:5432/tongdai?sslmode=require",
        "postgresql://tongdai@db.example.vn:5432/tongdai?sslmode=require&password=p%40ss",
    ],
)
def test_no_process_list_shows_the_password(dsn: str) -> None:
    public, password = dump._without_password(dsn)
    assert password == "p@ss"
    assert public == "postgresql://tongdai@db.example.vn:5432/tongdai?sslmode=require"


async def test_what_pg_dump_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.SetupError, match=r"pg_dump refuses: .*connection"):
        await dump.write("postgresql://nobody@127.0.0.1:1/none", tmp_path / "dump")
