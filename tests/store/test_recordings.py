"""Recordings on a real PostgreSQL: written with their record, finished, deleted; a call may have
several.
"""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from testbed.samples import record, recorded, recording_of
from tests.explained import Explained, rows_read
from tongdai import errors, ids
from tongdai.pbx import directory
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.recording import Recording
from tongdai.store import cdr_filter, cdr_search, cdrs, db, recordings
from tongdai.store.tenants import Tenants


async def written(database: db.Database, record: Cdr) -> Recording:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [record])
    assert record.recording
    return record.recording


async def stored(database: db.Database, token: str) -> Recording:
    async with database.connection() as tx:
        return await recordings.by_token(tx, token)


async def test_it_is_written_with_its_record_and_found_by_its_token(
    database: db.Database, domain: directory.Domain
) -> None:
    one = await written(database, recorded(domain.domain_uuid))

    assert await stored(database, one.token) == one


async def test_a_record_without_one_has_none(
    database: db.Database, domain: directory.Domain
) -> None:
    without = record(domain.domain_uuid)
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [without])
        found = await cdr_search.get(tx, domain.domain_uuid, str(without.cdr_uuid))
        assert (
            await tx.fetchval(
                "SELECT count(*) FROM recordings WHERE domain_uuid = $1", domain.domain_uuid
            )
            == 0
        )

    assert found.recording is None


async def test_of_several_the_record_shows_the_first(
    database: db.Database, domain: directory.Domain
) -> None:
    call = recorded(domain.domain_uuid)
    first = await written(database, call)
    began = first.started_at + timedelta(seconds=1)
    second = replace(first, recording_uuid=ids.new(began), token="second", started_at=began)
    await written(database, replace(call, recording=second))

    async with database.connection() as tx:
        found = await cdr_search.get(tx, domain.domain_uuid, str(call.cdr_uuid))
        wanted = cdr_filter.Filter(recordings=("second",))
        (listed,) = (await cdr_search.scroll(tx, domain.domain_uuid, wanted, limit=10)).records
    assert found.recording == listed.recording == first
    assert await stored(database, "second") == second


async def test_it_is_finished_once_and_then_stays(
    database: db.Database, domain: directory.Domain
) -> None:
    call = recorded(domain.domain_uuid, status="pending", file_key=None, size=None)
    pending = await written(database, call)
    ready = replace(pending, status="ready", file_key="2026/a.wav", size=48_044)
    async with database.transaction() as tx:
        assert await recordings.finish_many(tx, [ready]) == {call.cdr_uuid}
    assert await stored(database, pending.token) == ready

    async with database.transaction() as tx:
        assert await recordings.finish_many(tx, [replace(ready, status="failed")]) == set()
    await written(database, call)  # a repeat, after a crash
    assert await stored(database, pending.token) == ready


async def test_finishing_reads_no_recordings_of_others(
    database: db.Database, domain: directory.Domain
) -> None:
    """Its plan is kept, and must not depend on how few there were when it was made."""
    calls = [recorded(domain.domain_uuid, status="pending", file_key=None) for _ in range(300)]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, calls)
    final = [replace(call.recording, status="ready") for call in calls[:3] if call.recording]
    explained = Explained(database.dsn)
    await explained.open()
    async with explained.transaction() as tx:
        assert len(await recordings.finish_many(tx, final)) == 3
    await explained.close()
    assert [rows_read(node) for node in explained.scans] == [3, 3], "found, and changed"


async def test_one_that_was_lost_can_still_be_found(
    database: db.Database, domain: directory.Domain
) -> None:
    call = recorded(domain.domain_uuid, status="failed", file_key=None)
    await written(database, call)
    ready = recording_of(call, token=call.recording.token if call.recording else "")
    await written(database, replace(call, recording=ready))

    assert await stored(database, ready.token) == ready


async def test_the_same_recording_twice_in_one_statement(
    database: db.Database, domain: directory.Domain
) -> None:
    call = recorded(domain.domain_uuid)
    async with database.transaction() as tx:
        assert await cdrs.insert_many(tx, [call, call]) == {call.cdr_uuid}


@pytest.mark.parametrize(
    ("status", "becomes"), [("ready", "deleted"), ("failed", "failed"), ("none", "none")]
)
async def test_what_is_there_is_deleted(
    database: db.Database, domain: directory.Domain, status: str, becomes: str
) -> None:
    one = await written(database, recorded(domain.domain_uuid, status=status))
    for _ in range(2):  # a repeat is harmless
        async with database.transaction() as tx:
            await recordings.delete(tx, domain.domain_uuid, one.token)

    assert (await stored(database, one.token)).status == becomes


async def test_a_deleted_one_is_not_written_anew(
    database: db.Database, domain: directory.Domain
) -> None:
    call = recorded(domain.domain_uuid)
    one = await written(database, call)
    async with database.transaction() as tx:
        await recordings.delete(tx, domain.domain_uuid, one.token)
    await written(database, call)

    assert (await stored(database, one.token)).status == "deleted"


async def test_what_is_still_written_is_not_deleted(
    database: db.Database, domain: directory.Domain
) -> None:
    one = await written(database, recorded(domain.domain_uuid, status="pending"))
    with pytest.raises(errors.Conflict):
        async with database.transaction() as tx:
            await recordings.delete(tx, domain.domain_uuid, one.token)


async def test_unknown_ones_and_those_of_others_are_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    one = await written(database, recorded(domain.domain_uuid))
    async with database.transaction() as tx:
        with pytest.raises(errors.NotFound):
            await recordings.by_token(tx, "nothing")
        for domain_uuid, token in ((domain.domain_uuid, "nothing"), (ids.new(), one.token)):
            with pytest.raises(errors.NotFound):
                await recordings.delete(tx, domain_uuid, token)


async def test_a_tenant_may_delete_and_change_nothing_else(
    database: db.Database, tenants: Tenants, domain: directory.Domain
) -> None:
    one = await written(database, recorded(domain.domain_uuid))
    changes: dict[str, Any] = {"file_key": "'../secret'", "token": "'mine'", "size": "1"}
    for column, value in changes.items():
        with pytest.raises(Exception, match="permission denied"):
            async with tenants.transaction(domain.domain_uuid) as tx:
                await tx.execute(f"UPDATE recordings SET {column} = {value}")  # noqa: S608
    async with tenants.transaction(domain.domain_uuid) as tx:
        await recordings.delete(tx, domain.domain_uuid, one.token)
    assert (await stored(database, one.token)).status == "deleted"
