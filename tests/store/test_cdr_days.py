"""Days are counted anew when the rules of their time zone change: with an upgrade of tzdata."""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from testbed.samples import record
from tongdai.engine import housekeeping
from tongdai.pbx.directory import NODE, Domain
from tongdai.store import cdr_days, cdr_filter, cdr_search, cdrs, db, domains, local_days

NAME = "Asia/Ho_Chi_Minh"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """After it, the zone of the domain has the rules of New York."""

    def other_rules() -> None:
        file = tmp_path / NAME
        file.parent.mkdir()
        packed = resources.files("tzdata").joinpath("zoneinfo", "America", "New_York")
        file.write_bytes(packed.read_bytes())
        zoneinfo.reset_tzpath([tmp_path])
        forget()

    def forget() -> None:
        ZoneInfo.clear_cache()
        local_days.rules.cache_clear()

    yield other_rules
    zoneinfo.reset_tzpath(())
    forget()


async def test_an_upgrade_of_the_time_zone_database_recounts_the_days(
    database: db.Database, domain: Domain, upgrade: Callable[[], None]
) -> None:
    moments = [BEGAN + timedelta(hours=7 * n) for n in range(200)]
    await write(database, domain, moments)
    assert await counted(database, domain) == by_day(moments)
    assert domain.domain_uuid not in await outdated(database)

    upgrade()
    assert domain.domain_uuid in await outdated(database)
    assert await housekeeping._recount_days(database, NODE) >= 1
    assert await counted(database, domain) == by_day(moments)
    assert domain.domain_uuid not in await outdated(database)

    later = [BEGAN + timedelta(days=70)]
    await write(database, domain, later)
    assert await counted(database, domain) == by_day(moments + later)


async def test_a_recount_that_was_interrupted_begins_again(
    database: db.Database,
    domain: Domain,
    upgrade: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = [BEGAN + timedelta(hours=50 * n) for n in range(50)]
    await write(database, domain, moments)
    upgrade()

    async def crash(_s: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tongdai.store.cdr_days.asyncio.sleep", crash)
    with pytest.raises(ZeroDivisionError):
        await cdr_days.recount(database, domain.domain_uuid)
    monkeypatch.undo()
    assert domain.domain_uuid in await outdated(database)
    await cdr_days.recount(database, domain.domain_uuid, pause_s=0)
    assert await counted(database, domain) == by_day(moments)


async def test_a_domain_without_records_or_that_is_gone_is_not_outdated(
    database: db.Database, domain: Domain, upgrade: Callable[[], None]
) -> None:
    upgrade()
    await cdr_days.recount(database, domain.domain_uuid)
    assert domain.domain_uuid not in await outdated(database)
    async with database.transaction() as tx:
        await domains.delete(tx, domain.domain_uuid)
    await cdr_days.recount(database, domain.domain_uuid)


async def write(database: db.Database, domain: Domain, moments: list[datetime]) -> None:
    records = [replace(record(domain.domain_uuid), time_started=at) for at in moments]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


async def outdated(database: db.Database) -> list[object]:
    async with database.connection() as tx:
        return [*await cdr_days.outdated(tx, NODE)]


async def counted(database: db.Database, domain: Domain) -> dict[str, int]:
    """The counts by day, which a filter by these days finds too."""
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT day::text, sum(calls)::int AS calls FROM cdr_days WHERE domain_uuid = $1"
            " GROUP BY day ORDER BY day",
            domain.domain_uuid,
        )
        total = await cdr_search.total(
            tx,
            domain.domain_uuid,
            ZoneInfo(NAME),
            cdr_filter.Filter(since=BEGAN - timedelta(days=9), until=BEGAN + timedelta(days=300)),
        )
    assert total == sum(row["calls"] for row in rows)
    return {row["day"]: row["calls"] for row in rows}


def by_day(moments: list[datetime]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in sorted(moments):
        day = str(at.astimezone(ZoneInfo(NAME)).date())
        found[day] = found.get(day, 0) + 1
    return found
