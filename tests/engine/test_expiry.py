"""Call records, events and the audit log go when their domain's time for them is over, with
everything that belongs to them; counts stay right. Recordings: test_retention.py.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from testbed import samples
from tests import databases
from tests.explained import Explained, rows_read
from tests.webhooks import samples as webhooks
from tongdai import errors, ids, recording_files
from tongdai.engine import expiry, retention
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.directory import Domain
from tongdai.recording_files import LocalFolder
from tongdai.store import audit, cdr_days, cdrs, db, domains, report_counts
from tongdai.store import retention as stored

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")  # of the domain
DAY_S = 86_400
OF_A_RECORD = ("cdrs", "cdr_ids", "cdr_sip_call_ids", "cdr_participants", "recordings")


@pytest.fixture
async def database(database: db.Database) -> db.Database:
    """Of this test alone: housekeeping looks at all domains alike."""
    return await databases.emptied(database)


@pytest.fixture
def files(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def call(domain: Domain, days: float, status: str = "recording") -> Cdr:
    """The record of a call of so many days ago, with a recording of that status, further ids and a
    party that it was transferred to; "recording" is one that is ready.
    """
    started = datetime.now(UTC) - timedelta(days=days)
    made = samples.record(
        domain.domain_uuid,
        cdr_uuid=ids.new(started),
        time_started=started,
        time_answered=started,
        time_ended=started,
        other_ids=(ids.new(started),),
        other_sip_call_ids=("other@phone", "third@phone"),
    )
    key = recording_files.key(domain.domain_uuid, made.cdr_uuid, made.cdr_uuid, started)
    state = "ready" if status == "recording" else status
    recording = samples.recording_of(made, status=state, file_key=key, started_at=started)
    return replace(made, recording=recording)


async def write(database: db.Database, *records: Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


async def keep(database: db.Database, domain: Domain, **days: int | None) -> None:
    async with database.transaction() as tx:
        known = await domains.get(tx, domain.domain_uuid)
        await domains.update(tx, replace(known, **days))


async def left(database: db.Database, domain: Domain) -> dict[str, int]:
    """How many rows of each table are the domain's."""
    async with database.connection() as tx:
        return {
            table: await tx.fetchval(
                f"SELECT count(*) FROM {table} WHERE domain_uuid = $1",  # noqa: S608 ours
                domain.domain_uuid,
            )
            for table in OF_A_RECORD
        }


async def counts(database: db.Database, domain: Domain) -> dict[str, int]:
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT day::text, sum(calls)::int AS calls FROM cdr_days WHERE domain_uuid = $1 "
            "GROUP BY day",
            domain.domain_uuid,
        )
    return {row["day"]: row["calls"] for row in rows}


def by_day(*records: Cdr) -> dict[str, int]:
    return dict(Counter(str(one.time_started.astimezone(ZONE).date()) for one in records))


async def test_records_past_their_time_go_with_all_that_belongs_to_them(
    database: db.Database, domain: Domain, files: LocalFolder
) -> None:
    await keep(database, domain, cdr_days=30)
    old, fresh = call(domain, 32), call(domain, 29)
    await write(database, old, fresh)
    for one in (old, fresh):
        assert one.recording
        path = files.folder / str(one.recording.file_key)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"RIFF")
    before = await left(database, domain)

    assert await expiry.expire_cdrs(database, 0) == 1
    assert await retention.delete_files(database, files, 0) == 1

    assert await left(database, domain) == {table: n // 2 for table, n in before.items()}
    assert await counts(database, domain) == by_day(fresh)
    assert fresh.recording
    kept = [str(path.relative_to(files.folder)) for path in files.folder.rglob("*.wav")]
    assert kept == [fresh.recording.file_key]
    assert await expiry.expire_cdrs(database, 0) == 0


async def test_whole_days_of_the_domain_go(database: db.Database, domain: Domain) -> None:
    """The first call of the oldest day that is kept stays, the last one before it goes."""
    await keep(database, domain, cdr_days=3)
    today = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    first = call(domain, 0)
    midnight = (today - timedelta(days=3)).astimezone(UTC)
    kept = replace(first, time_started=midnight, recording=None)
    gone = replace(call(domain, 0), time_started=midnight - timedelta(seconds=1), recording=None)
    await write(database, kept, gone)

    assert await expiry.expire_cdrs(database, 0) == 1
    assert await counts(database, domain) == by_day(kept)
    for table in report_counts.TABLES:
        async with database.connection() as tx:
            days = await tx.fetch(
                f"SELECT DISTINCT day FROM {table} WHERE domain_uuid = $1",  # noqa: S608 ours
                domain.domain_uuid,
            )
        assert [str(row["day"]) for row in days] == [*by_day(kept)]


async def test_many_records_go_in_batches_and_another_domains_stay(
    database: db.Database, domain: Domain
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, f"other{ids.new().hex}.example.vn", cdr_days=400)
    await keep(database, domain, cdr_days=100)
    old = [call(domain, 150 + n / 20) for n in range(stored.BATCH + 50)]
    fresh = [call(domain, n / 3) for n in range(60)]
    theirs = [call(other, 150 + n) for n in range(30)]
    await write(database, *old, *fresh, *theirs)

    assert await expiry.expire_cdrs(database, 0) == len(old)
    assert await counts(database, domain) == by_day(*fresh)
    assert await counts(database, other) == by_day(*theirs)
    assert (await left(database, other))["cdr_ids"] == 2 * len(theirs)


async def test_a_record_waits_for_its_recording(database: db.Database, domain: Domain) -> None:
    """Else the file that is being written would have nothing that leads to it."""
    await keep(database, domain, cdr_days=1)
    written = call(domain, 5, "pending")
    await write(database, written, call(domain, 5))

    assert await expiry.expire_cdrs(database, 0) == 1
    assert await counts(database, domain) == by_day(written)
    async with database.transaction() as tx:
        assert written.recording
        await tx.execute(
            "UPDATE recordings SET status = 'failed', file_key = NULL WHERE status = 'pending'"
        )
    assert await expiry.expire_cdrs(database, 0) == 1
    assert set((await left(database, domain)).values()) <= {0, 1}  # a file is still to be removed


async def test_counts_by_other_rules_of_the_zone_go_with_the_recount(
    database: db.Database, domain: Domain
) -> None:
    await keep(database, domain, cdr_days=10)
    fresh = call(domain, 2)
    await write(database, call(domain, 20), fresh)
    async with database.transaction() as tx:  # as the rules before have counted it
        await tx.execute("UPDATE cdr_days SET day = day - 1 WHERE day < now() - interval '9 days'")
    await expiry.expire_cdrs(database, 0)
    await cdr_days.recount(database, domain.domain_uuid, pause_s=0)

    assert await counts(database, domain) == by_day(fresh)


async def test_expiry_reads_what_it_deletes(database: db.Database, domain: Domain) -> None:
    await keep(database, domain, cdr_days=100)
    old = [call(domain, 150 + n / 20) for n in range(stored.BATCH)]
    await write(database, *old, *(call(domain, n / 40) for n in range(2_000)))
    explained = Explained(database.dsn)
    await explained.open()
    try:
        async with explained.transaction() as tx:
            await stored.expire_cdrs(tx, domain.domain_uuid, 100)
    finally:
        await explained.close()

    assert explained.scans
    assert max(map(rows_read, explained.scans)) <= 2 * stored.BATCH, "two ids of each record"


async def publish(database: db.Database, companies: list[Domain], *days_ago: float) -> None:
    """An event of each domain on each of these days, which must descend."""
    for before, after in zip(days_ago, [*days_ago[1:], 0], strict=True):
        await webhooks.publish(database, *map(webhooks.event, companies))
        await webhooks.pass_time(database, (before - after) * DAY_S)


async def seqs(database: db.Database, domain: Domain) -> list[int]:
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT seq FROM events WHERE domain_uuid = $1 ORDER BY seq", domain.domain_uuid
        )
    return [row["seq"] for row in rows]


async def tidy_events(database: db.Database, days: int) -> None:
    await expiry.keep_partitions(database, {"events": days, "attempts": days})
    await expiry.expire_events(database, days)


async def test_each_domain_keeps_events_as_long_as_it_says(database: db.Database) -> None:
    async with database.transaction() as tx:
        made = {
            days: await domains.insert(tx, f"d{ids.new().hex}.example.vn", event_days=days)
            for days in (10, None, 60)
        }
    await publish(database, [*made.values()], 70, 50, 20, 5)

    await tidy_events(database, 30)

    assert [await seqs(database, domain) for domain in made.values()] == [[4], [3, 4], [2, 3, 4]]
    async with database.connection() as tx:
        assert not await tx.fetchval(
            "SELECT true FROM pg_class WHERE relname = $1",
            f"events_{datetime.now(UTC) - timedelta(days=70):%Y%m%d}",
        ), "what nobody keeps goes by the partition"


async def test_events_that_are_due_stay(database: db.Database, domain: Domain) -> None:
    await keep(database, domain, event_days=7)
    await publish(database, [domain], 20, 10, 1)
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint,"
            " created_at) VALUES ($1, $2, 2, $2, $2, now() - interval '10 days')",
            domain.domain_uuid,
            ids.new(),
        )
    await tidy_events(database, 30)

    assert await seqs(database, domain) == [2, 3]


async def test_fewer_days_than_deliveries_take_are_refused(
    database: db.Database, domain: Domain
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        await keep(database, domain, event_days=3)
    assert refused.value.field == "event_days"


async def test_each_domain_keeps_its_audit_log_as_long_as_it_says(database: db.Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM audit_log")
        made = {
            days: await domains.insert(tx, f"d{ids.new().hex}.example.vn", audit_days=days)
            for days in (10, None, 400)
        }
        ages = (300, 50, 5)
        for domain in made.values():
            for age in ages:
                await tx.execute(
                    "INSERT INTO audit_log (domain_uuid, at, actor, address, action, noun, name) "
                    "VALUES ($1, now() - $2 * interval '1 day', '', '', 'update', 'queue', $3)",
                    domain.domain_uuid,
                    age,
                    str(age),
                )
        assert await audit.purge(tx, 100, 1_000) == 3
        found = {
            days: sorted(
                int(entry.name)
                for entry in await audit.list(
                    tx, domain.domain_uuid, audit.Filter(noun="queue"), limit=9
                )
            )
            for days, domain in made.items()
        }
    assert found == {10: [5], None: [5, 50], 400: [5, 50, 300]}
