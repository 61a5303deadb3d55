"""Recordings go when their domain's time for them is over, and not before."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed import samples
from tongdai import ids
from tongdai.engine import housekeeping
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.directory import Domain
from tongdai.store import cdrs, db, domains, recordings


async def test_recordings_past_their_time_are_gone_and_the_record_says_so(
    database: db.Database, domain: Domain, tmp_path: Path
) -> None:
    async with database.transaction() as tx:
        await domains.update(tx, replace(domain, recording_days=30))
    old = await _recorded(database, domain, tmp_path, days=31)
    fresh = await _recorded(database, domain, tmp_path, days=29)

    assert await housekeeping.expire_recordings(database, tmp_path) == 1

    async with database.connection() as tx:
        assert (await cdrs.by_recording_token(tx, str(old.cdr_uuid))).recording_status == "deleted"
        assert (await cdrs.by_recording_token(tx, str(fresh.cdr_uuid))).recording_status == "ready"
    assert [path.stem for path in tmp_path.rglob("*.wav")] == [str(fresh.cdr_uuid)]


async def test_a_domain_that_names_no_time_keeps_its_recordings(
    database: db.Database, domain: Domain, tmp_path: Path
) -> None:
    old = await _recorded(database, domain, tmp_path, days=3650)

    assert await housekeeping.expire_recordings(database, tmp_path) == 0

    assert (tmp_path / str(old.recording_file)).exists()


async def test_the_file_of_a_deleted_recording_goes_once(
    database: db.Database, domain: Domain, tmp_path: Path
) -> None:
    deleted = await _recorded(database, domain, tmp_path, days=1)
    kept = await _recorded(database, domain, tmp_path, days=1)
    async with database.transaction() as tx:
        await recordings.delete(tx, domain.domain_uuid, str(deleted.recording_token))

    await housekeeping.expire_recordings(database, tmp_path)

    assert [path.stem for path in tmp_path.rglob("*.wav")] == [str(kept.cdr_uuid)]
    assert await housekeeping.expire_recordings(database, tmp_path) == 0


async def test_a_domain_that_goes_while_its_recordings_do_stops_nobody(
    database: db.Database, domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = await _recorded(database, domain, tmp_path, days=1)
    async with database.transaction() as tx:
        await recordings.delete(tx, domain.domain_uuid, str(deleted.recording_token))
        found = await recordings.left_over(tx)
        await domains.delete(tx, domain.domain_uuid)
    listed = iter([found])
    left_over = recordings.left_over

    async def known_before(tx: db.Tx) -> Sequence[recordings.File]:
        return next(listed, None) or await left_over(tx)

    monkeypatch.setattr(recordings, "left_over", known_before)
    await housekeeping.expire_recordings(database, tmp_path)
    assert not list(tmp_path.rglob("*.wav"))


async def test_a_domain_that_is_no_more_loses_its_recordings_after_a_while(
    database: db.Database, domain: Domain, tmp_path: Path
) -> None:
    gone, other = tmp_path / str(ids.new()), tmp_path / "lost+found"
    here = tmp_path / str(domain.domain_uuid)
    for folder in (gone, here, other):
        (folder / "2026").mkdir(parents=True)
        (folder / "2026" / "call.wav").write_bytes(b"RIFF")

    assert await housekeeping.remove_orphans(database, tmp_path, 3600) == 0
    assert await housekeeping.remove_orphans(database, tmp_path, 3600) == 0
    assert (gone / "2026" / "call.wav").exists()

    assert await housekeeping.remove_orphans(database, tmp_path, 0) == 1
    assert sorted(path.parent.parent for path in tmp_path.rglob("*.wav")) == sorted((here, other))


async def test_a_domain_that_is_back_keeps_its_recordings(
    database: db.Database, domain: Domain, tmp_path: Path
) -> None:
    here = tmp_path / str(domain.domain_uuid)
    here.mkdir()
    (here / housekeeping.MISSED).touch()  # as when another database was asked

    assert await housekeeping.remove_orphans(database, tmp_path, 0) == 0
    assert list(here.iterdir()) == []


async def _recorded(database: db.Database, domain: Domain, folder: Path, *, days: int) -> Cdr:
    """A call of so many days ago, and its recording's file."""
    sample = samples.record(domain.domain_uuid, recording_status="ready")
    started = datetime.now(UTC) - timedelta(days=days)
    file = f"{sample.cdr_uuid}.wav"
    record = replace(
        sample,
        time_started=started,
        time_answered=started,
        time_ended=started,
        recording_file=file,
        recording_token=str(sample.cdr_uuid),
    )
    (folder / file).write_bytes(b"RIFF")
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [record])
    return record


def test_a_log_that_grew_long_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "security"
    housekeeping.trim(log, 10)
    with log.open("a") as writer:
        writer.write("0123456789")
        writer.flush()
        housekeeping.trim(log, 10)
        assert log.stat().st_size == 10
        writer.write("+")
        writer.flush()
        housekeeping.trim(log, 10)
        writer.write("goes on")
    assert log.read_text() == "goes on"
    assert (tmp_path / "security.1").read_text() == "0123456789+"
