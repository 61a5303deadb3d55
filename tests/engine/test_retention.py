"""Recordings go when their domain's time for them is over, and not before; in batches that read no
more than they change.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from testbed import samples
from tests import databases
from tests.explained import Explained, blocks_read, rows_read
from tongdai import ids, recording_files
from tongdai.engine import retention
from tongdai.pbx.directory import Domain
from tongdai.pbx.recording import Recording
from tongdai.recording_files import LocalFolder
from tongdai.store import cdrs, db, domains, recordings


@pytest.fixture
async def database(database: db.Database) -> db.Database:
    """Of this test alone: housekeeping looks at all domains alike."""
    return await databases.emptied(database)


@pytest.fixture
def files(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


async def tidy(database: db.Database, files: LocalFolder) -> int:
    """The number of deleted files."""
    await retention.expire(database, 0)
    return await retention.delete_files(database, files, 0)


async def test_recordings_past_their_time_are_gone_and_the_record_says_so(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    async with database.transaction() as tx:
        await domains.update(tx, replace(domain, recording_days=30))
    old = await _recorded(database, domain, files, days=31)
    fresh = await _recorded(database, domain, files, days=29)

    assert await tidy(database, files) == 1

    async with database.connection() as tx:
        gone = await recordings.by_token(tx, old.token)
        assert (gone.status, gone.file_key) == ("deleted", None)
        assert await recordings.by_token(tx, fresh.token) == fresh
    assert _left(files) == [fresh.file_key]


async def test_a_domain_that_names_no_time_keeps_its_recordings(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    old = await _recorded(database, domain, files, days=3650)

    assert await tidy(database, files) == 0
    assert _left(files) == [old.file_key]


async def test_the_file_of_a_deleted_recording_goes_once(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    deleted = await _recorded(database, domain, files, days=1)
    kept = await _recorded(database, domain, files, days=1)
    async with database.transaction() as tx:
        await recordings.delete(tx, domain.domain_uuid, deleted.token)

    assert await tidy(database, files) == 1
    assert _left(files) == [kept.file_key]
    assert await tidy(database, files) == 0


async def test_a_file_that_cannot_be_removed_is_tried_again_and_stops_no_other(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    stuck = await _recorded(database, domain, files, days=1)
    other = await _recorded(database, domain, files, days=1)
    path = files.folder / str(stuck.file_key)
    path.unlink()
    path.mkdir()  # unlink(2) refuses a directory
    async with database.transaction() as tx:
        for each in (stuck, other):
            await recordings.delete(tx, domain.domain_uuid, each.token)

    assert await tidy(database, files) == 1
    path.rmdir()
    path.write_bytes(b"RIFF")
    assert await tidy(database, files) == 1
    assert _left(files) == []


class Deleting(LocalFolder):
    """Files whose domain is deleted in the moment when they go."""

    def __init__(self, folder: Path, database: db.Database, domain: Domain) -> None:
        super().__init__(folder)
        self._database, self._domain = database, domain

    async def delete(self, keys: Any) -> set[str]:
        async with self._database.transaction() as tx:
            await domains.delete(tx, self._domain.domain_uuid)
        return await super().delete(keys)


async def test_a_domain_that_goes_while_its_recordings_do_stops_nobody(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    deleted = await _recorded(database, domain, files, days=1)
    async with database.transaction() as tx:
        await recordings.delete(tx, domain.domain_uuid, deleted.token)

    deleting = Deleting(files.folder, database, domain)
    assert await retention.delete_files(database, deleting, 0) == 1
    assert _left(files) == []


async def test_a_domain_that_is_no_more_loses_its_recordings_after_a_while(
    database: db.Database, domain: Domain, tmp_path: Path, files: LocalFolder
) -> None:
    gone, other = tmp_path / str(ids.new()), tmp_path / "lost+found"
    here = tmp_path / str(domain.domain_uuid)
    for folder in (gone, here, other):
        (folder / "2026").mkdir(parents=True)
        (folder / "2026" / "call.wav").write_bytes(b"RIFF")

    assert await retention.delete_of_lost_domains(database, files, 3600) == 0
    assert await retention.delete_of_lost_domains(database, files, 3600) == 0
    assert (gone / "2026" / "call.wav").exists()

    assert await retention.delete_of_lost_domains(database, files, 0) == 1
    assert sorted(path.parent.parent for path in tmp_path.rglob("*.wav")) == sorted((here, other))


async def test_a_domain_that_is_back_keeps_its_recordings(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    here = files.folder / str(domain.domain_uuid)
    here.mkdir()
    await files.missed_s(domain.domain_uuid)  # as when another database was asked
    assert len(list(here.iterdir())) == 1

    assert await retention.delete_of_lost_domains(database, files, 0) == 0
    assert list(here.iterdir()) == []


# --- what it reads


ROWS = """
    INSERT INTO recordings (domain_uuid, cdr_uuid, recording_uuid, token, status, file_key,
                            started_at, deleted_at)
    SELECT $1::uuid, uuidv7(), uuidv7(), uuidv7()::text, $2, nullif($3, '') || n,
           now() - make_interval(days => $4, secs => n), CASE $2 WHEN 'deleted' THEN now() END
    FROM generate_series(1, $5) AS n
"""


async def _insert(tx: db.Tx, domain: Domain, *kinds: tuple[str, str, int, int]) -> None:
    """Recordings of each kind: status, file key, days of age, how many."""
    for kind in kinds:
        await tx.execute(ROWS, domain.domain_uuid, *kind)


async def test_no_statement_reads_rows_that_it_does_not_return(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    """Also while an older snapshot keeps VACUUM from what was deleted. Statistics are those of an
    empty table: the plans do not depend on them.
    """
    async with database.transaction() as tx:
        keeping = await domains.insert(tx, "keeping.example.vn")
        await domains.update(tx, replace(domain, recording_days=30))
        await _insert(tx, keeping, ("ready", "a", 60, 2_000))
        await _insert(
            tx,
            domain,
            ("ready", "old", 31, 4_500),
            ("ready", "fresh", 1, 2_000),
            ("failed", "", 60, 2_000),
            ("pending", "", 60, 2_000),
        )
        await tx.execute(ROWS, keeping.domain_uuid, "deleted", "", 60, 2_000)
    reader, explained = await db.connect(database.dsn), Explained(database.dsn)
    await explained.open()
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT count(*) FROM recordings")
        assert await retention.expire(explained, 0) == 4_500
        assert await retention.delete_files(explained, files, 0) == 4_500
    await reader.close()
    await explained.close()

    scans = explained.scans
    ready = [node for node in scans if node.get("Index Name") == "recordings_ready"]
    left = [node for node in scans if node.get("Index Name") == "recordings_left_over"]
    expected = [1_000, 1_000, 1_000, 1_000, 500]
    assert [rows_read(node) for node in ready] == [rows_read(node) for node in left] == expected
    others = [rows for node in scans if node not in ready + left if (rows := rows_read(node))]
    assert sorted(others) == sorted([1, *expected * 3]), "the domain, and what is changed by place"
    for nodes in (ready, left):
        blocks = [blocks_read(node) for node in nodes if rows_read(node) == recordings.BATCH]
        assert max(blocks) < 2 * min(blocks), "what was deleted before is passed over again"


async def _recorded(
    database: db.Database, domain: Domain, files: LocalFolder, *, days: int
) -> Recording:
    """The recording of a call of so many days ago, and its file."""
    started = datetime.now(UTC) - timedelta(days=days)
    record = samples.record(
        domain.domain_uuid, time_started=started, time_answered=started, time_ended=started
    )
    uuid = record.cdr_uuid
    key = recording_files.key(domain.domain_uuid, uuid, uuid, started)
    recording = samples.recording_of(record, file_key=key)
    (files.folder / key).parent.mkdir(parents=True, exist_ok=True)
    (files.folder / key).write_bytes(b"RIFF")
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [replace(record, recording=recording)])
    return recording


def _left(files: LocalFolder) -> list[str]:
    """The keys of the files that are left."""
    return [str(path.relative_to(files.folder)) for path in files.folder.rglob("*.wav")]
