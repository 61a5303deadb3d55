"""Reports on a real PostgreSQL: kept as records are written, the same when counted anew."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from testbed.samples import record
from tongdai import ids
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.directory import Domain
from tongdai.pbx.visits import Part, PastVisit
from tongdai.store import cdr_days, cdrs, db, domains, report_counts, reports

ZONE = "Asia/Ho_Chi_Minh"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def visit(number: str, **changes: Any) -> PastVisit:
    fields: dict[str, Any] = {
        "kind": "queue",
        "number": number,
        "time_started": NOW,
        "outcome": "answered",
        "extension": "101",
        "wait_s": 15,
        "talk_s": 40,
        "service_level_s": 20,
    }
    return PastVisit(**fields | changes)


async def write(database: db.Database, *records: Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


async def lines(
    database: db.Database, domain: Domain, kind: str, by: reports.By = "name", **wanted: Any
) -> list[reports.Line]:
    period: dict[str, Any] = {"since": date(2021, 1, 1), "until": date(2021, 12, 31)} | wanted
    async with database.connection() as tx:
        zone = ZoneInfo(
            await tx.fetchval(
                "SELECT time_zone FROM domains WHERE domain_uuid = $1", domain.domain_uuid
            )
        )
        found = await reports.lines(
            tx, domain.domain_uuid, zone, NOW, reports.Wanted(kind, by, **period)
        )
    return list(found)


async def counts(database: db.Database, domain: Domain) -> list[tuple[Any, ...]]:
    """Everything that is counted of the domain."""
    found = []
    async with database.connection() as tx:
        for table, key in report_counts.TABLES.items():
            found += [
                (table, *row)
                for row in await tx.fetch(
                    f"SELECT * FROM {table} WHERE domain_uuid = $1 ORDER BY {', '.join(key)}",  # noqa: S608
                    domain.domain_uuid,
                )
            ]
    return found


async def test_a_call_counts_for_each_of_the_things_that_it_came_to(
    database: db.Database, domain: Domain
) -> None:
    visits = (
        visit("700", outcome="overflowed", extension="", wait_s=60, talk_s=0),
        visit("701", wait_s=30, service_level_s=30),
        visit("600", kind="ring_group", wait_s=21),
    )
    parts = (
        Part(extension="102", outcome="no_answer", wait_s=12, talk_s=0),
        Part(extension="101", outcome="answered", wait_s=3, talk_s=40),
    )
    call = record(
        domain.domain_uuid, duration=140, billsec=40, visits=visits, parts=parts, trunk="viettel"
    )
    await write(database, call)

    of = reports.Line
    answered: dict[str, Any] = {"calls": 1, "answered": 1}
    own: dict[str, Any] = answered | {
        "wait_s": 100,
        "wait_max_s": 100,
        "talk_s": 40,
        "talk_max_s": 40,
    }
    talk: dict[str, Any] = {"talk_s": 40, "talk_max_s": 40}
    assert await lines(database, domain, "domain") == [of(name="", **own)]
    assert await lines(database, domain, "hotline") == [of(name="19001919", **own)]
    assert await lines(database, domain, "trunk") == [of(name="viettel", **own)]
    assert await lines(database, domain, "queue") == [
        of(name="700", calls=1, overflowed=1, wait_s=60, wait_max_s=60),
        of(name="701", **answered, in_time=1, wait_s=30, wait_max_s=30, **talk),
    ]
    assert await lines(database, domain, "ring_group") == [
        of(name="600", **answered, wait_s=21, wait_max_s=21, **talk)
    ]
    assert await lines(database, domain, "extension") == [
        of(name="101", **answered, in_time=1, wait_s=3, wait_max_s=3, **talk),
        of(name="102", calls=1, no_answer=1, wait_s=12, wait_max_s=12),
    ]


async def test_each_status_is_an_outcome(database: db.Database, domain: Domain) -> None:
    of: dict[str, Any] = {"billsec": 0, "duration": 7, "time_answered": None}
    await write(
        database,
        record(domain.domain_uuid, status="ANSWERED"),
        *(
            record(domain.domain_uuid, status=status, **of)
            for status in ("CANCEL", "BUSY", "NO-ANSWERED", "NOT-AVAILABLE", "INVALID")
        ),
        record(domain.domain_uuid, status="CONGESTION", **of),
    )
    (line,) = await lines(database, domain, "domain")
    assert (line.calls, line.answered, line.abandoned, line.busy) == (7, 1, 1, 1)
    assert (line.no_answer, line.failed, line.overflowed) == (2, 2, 0)
    assert (line.wait_s, line.wait_max_s) == (6 * 7 + 8, 8)


async def test_lines_are_by_day_week_month_hour_and_weekday(
    database: db.Database, domain: Domain
) -> None:
    for began in ("2021-02-28 23:59:59", "2021-03-01 00:00:00", "2021-03-07 00:30:00"):
        await write(database, record(domain.domain_uuid, began))
    day = date(2021, 3, 1)

    async def places(by: reports.By, **wanted: Any) -> list[tuple[Any, ...]]:
        found = await lines(database, domain, "domain", by, **wanted)
        return [(one.day, one.hour, one.weekday, one.calls) for one in found]

    assert await places("day") == [
        (date(2021, 2, 28), None, None, 1),
        (day, None, None, 1),
        (date(2021, 3, 7), None, None, 1),
    ]
    assert await places("week") == [(date(2021, 2, 22), None, None, 1), (day, None, None, 2)]
    assert await places("month") == [(date(2021, 2, 1), None, None, 1), (day, None, None, 2)]
    assert await places("hour", since=day) == [
        (day, 0, None, 1),
        (date(2021, 3, 7), 0, None, 1),
    ]
    assert await places("heat") == [
        (None, 0, 1, 1),
        (None, 0, 7, 1),
        (None, 23, 7, 1),
    ]
    assert await places("day", until=date(2021, 2, 28)) == [(date(2021, 2, 28), None, None, 1)]


async def test_names_and_directions_are_chosen(database: db.Database, domain: Domain) -> None:
    await write(
        database,
        record(domain.domain_uuid, hotline="1900", direction=2),
        record(domain.domain_uuid, hotline="1901", direction=2),
        record(domain.domain_uuid, hotline="1900", direction=3),
    )
    assert [one.calls for one in await lines(database, domain, "hotline")] == [2, 1]
    (line,) = await lines(database, domain, "hotline", names=("1900",), directions=(2,))
    assert (line.name, line.calls) == ("1900", 1)
    assert await lines(database, domain, "queue", names=("1900",)) == []


@pytest.mark.parametrize(
    "zone", ["Asia/Ho_Chi_Minh", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
async def test_counted_anew_they_are_the_same(
    database: db.Database, domain: Domain, zone: str
) -> None:
    """Each quarter of an hour around changes of clocks; hours that come twice are two."""
    async with database.transaction() as tx:
        await domains.update(tx, replace(domain, time_zone=zone))
    starts = [
        datetime(2021, month, first, tzinfo=UTC) + timedelta(minutes=15 * n)
        for month, first in ((4, 3), (11, 6))
        for n in range(4 * 36)
    ]
    made = [
        replace(
            record(domain.domain_uuid, visits=(visit(str(700 + n % 2), wait_s=n),)),
            time_started=at,
            duration=n,
            billsec=n % 5,
        )
        for n, at in enumerate(starts)
    ]
    for some in (made[:100], made[100:101], made[101:]):
        await write(database, *some)
    await write(database, *made[:3])  # again: they change nothing
    before = await counts(database, domain)
    hours = await lines(database, domain, "domain", "hour")
    assert sum(one.calls for one in hours) == len(starts)
    twice = [one for one in hours if (one.hour or 0) >= 24]
    assert [one.hour for one in twice] == {
        "America/New_York": [25],
        "Australia/Lord_Howe": [25],
    }.get(zone, [])
    async with database.transaction() as tx:
        await cdr_days.recount_all(tx, domain.domain_uuid, zone)
    assert await counts(database, domain) == before


async def test_a_change_of_the_zone_counts_anew(database: db.Database, domain: Domain) -> None:
    await write(database, record(domain.domain_uuid, "2021-02-18 00:30:00"))
    assert [one.day for one in await lines(database, domain, "domain", "day")] == [
        date(2021, 2, 18)
    ]
    async with database.transaction() as tx:
        await domains.update(tx, replace(domain, time_zone="Europe/Paris"))
    (line,) = await lines(database, domain, "domain", "hour")
    assert (line.day, line.hour) == (date(2021, 2, 17), 18)


async def test_records_from_before_are_counted_by_housekeeping(
    database: db.Database, domain: Domain
) -> None:
    """An older version has written records, and its digest of the zone's rules."""
    await write(database, record(domain.domain_uuid), record(domain.domain_uuid))
    before = await counts(database, domain)
    async with database.transaction() as tx:
        await report_counts.forget(tx, domain.domain_uuid)
        await tx.execute(
            "UPDATE domains SET zone_rules = 'older' WHERE domain_uuid = $1", domain.domain_uuid
        )
        assert domain.domain_uuid in await cdr_days.outdated(tx, domain.node)
    await cdr_days.recount(database, domain.domain_uuid, pause_s=0)
    assert await counts(database, domain) == before


async def test_many_transactions_count_together(database: db.Database, domain: Domain) -> None:
    made = [record(domain.domain_uuid, cdr_uuid=ids.new()) for _ in range(60)]
    await asyncio.gather(*(write(database, *made[n : n + 6]) for n in range(0, 60, 6)))
    (line,) = await lines(database, domain, "domain")
    assert (line.calls, line.talk_s) == (60, 180)
