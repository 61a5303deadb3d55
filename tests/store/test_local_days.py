"""One time zone database: what is shown, what a filter finds and what is counted agree, in every
zone, whatever this machine and PostgreSQL have.
"""

import itertools
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec
import pytest

from testbed.samples import record
from tongdai.dialects import View
from tongdai.pbx import directory
from tongdai.store import cdr_filter, cdr_search, cdrs, db, domains, local_days

THIS = datetime.now(UTC).year
SINCE, UNTIL = datetime(THIS - 1, 1, 1, tzinfo=UTC), datetime(THIS + 3, 1, 1, tzinfo=UTC)
ZONES = sorted(zoneinfo.available_timezones())


def of_the_lock(name: str) -> ZoneInfo:
    """The zone as the package tzdata has it."""
    file = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with file.open("rb") as opened:
        return ZoneInfo.from_file(opened, key=name)


def test_the_system_has_no_say() -> None:
    assert zoneinfo.TZPATH == ()
    assert len(ZONES) > 400


def test_every_zone_is_as_the_locked_database_has_it() -> None:
    """Every six hours from the last year to the next three."""
    steps = [SINCE + timedelta(hours=6 * n) for n in range((UNTIL - SINCE).days * 4)]
    for name in ZONES:
        known, locked = ZoneInfo(name), of_the_lock(name)
        for moment in steps[::7]:
            assert moment.astimezone(known).utcoffset() == moment.astimezone(locked).utcoffset()


def test_spans_are_the_days_of_every_zone() -> None:
    """The day that SQL makes of a span's offset is the one that is shown."""
    for name in ZONES:
        zone = ZoneInfo(name)
        found = [*local_days.spans(zone, SINCE, UNTIL)]
        assert (found[0].since, found[-1].until) == (SINCE, UNTIL)
        for span, after in itertools.pairwise(found):
            assert span.until == after.since
            assert span.offset != after.offset
        for span in found:
            last = span.until - timedelta(seconds=1)
            for moment in (span.since, span.since + (last - span.since) / 2, last):
                assert local_days.day(moment, zone) == (moment + span.offset).date()
                assert View(zone, "").local(moment)[:10] == str((moment + span.offset).date())


# where the databases of 2025 and 2026 disagree, and where clocks are changed
CHANGED = ["America/Vancouver", "America/Edmonton", "America/Winnipeg", "Africa/Casablanca"]


@pytest.mark.parametrize("name", [*CHANGED, "Europe/Berlin", "Asia/Ho_Chi_Minh"])
@pytest.mark.parametrize("how", ["written", "recounted"])
async def test_a_days_total_is_what_its_filter_finds(
    database: db.Database, domain: directory.Domain, name: str, how: str
) -> None:
    zone, wanted = ZoneInfo(name), msgspec.structs.replace(domain, time_zone=name)
    moments = [
        datetime(year, month, day, hour, 15, tzinfo=UTC)
        for year in (THIS, THIS + 1)
        for month, day in ((3, 8), (3, 29), (6, 1), (10, 25), (11, 1), (11, 20))
        for hour in range(0, 24, 3)
    ]
    records = [
        msgspec.structs.replace(record(domain.domain_uuid), time_started=at) for at in moments
    ]
    async with database.transaction() as tx:
        if how == "written":
            await domains.update(tx, wanted)
        await cdrs.insert_many(tx, records)
        if how == "recounted":
            await domains.update(tx, wanted)

    for day in {at.astimezone(zone).date() for at in moments}:
        since, until = (midnight(one, zone) for one in (day, day + timedelta(days=1)))
        asked = cdr_filter.Filter(since=since, until=until)
        async with database.connection() as tx:
            total = await cdr_search.total(tx, domain.domain_uuid, zone, asked)
            part = await cdr_search.scroll(tx, domain.domain_uuid, asked, limit=500)
        view = View(zone, "")
        assert {view.local(one.time_started)[:10] for one in part.records} == {str(day)}
        assert total == len(part.records)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
