"""Lists of call detail records against a plain model of them: cursors, pages, totals and every
filter.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from testbed.samples import VIETNAM, record
from tongdai import errors, ids
from tongdai.pbx import cdr, directory
from tongdai.store import cdr_search, cdrs, db, domains

Matches = Callable[[cdr.Cdr], bool]


def view(domain: directory.Domain) -> cdr_search.View:
    return cdr_search.View(
        domain.domain_uuid, ZoneInfo(domain.time_zone), "http://pbx.example.vn/recordings/"
    )


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def sample(domain: directory.Domain, chance: random.Random) -> cdr.Cdr:
    """Any call within six days; some share a second, some are between extensions."""
    started = datetime(2021, 2, 15, tzinfo=VIETNAM) + timedelta(
        seconds=chance.randrange(0, 6 * 86_400, 600)
    )
    direction = chance.choice((1, 2, 3))
    extension, other = (
        chance.choice(("101", "102", "103")),
        chance.choice(("101", "102", "103", "0899888999", "0911")),
    )
    return record(
        domain.domain_uuid,
        started.replace(tzinfo=None).isoformat(),
        direction=direction,
        status=chance.choice(("ANSWERED", "BUSY", "CANCEL")),
        duration=chance.choice((0, 7, 11)),
        extension=extension,
        from_canonical=extension if direction == 1 else "84899888999",
        to_canonical=other,
        recording_token=chance.choice((None, str(ids.new()))),
    )


def shown(records: bytes) -> list[cdr_search.CallRecord]:
    return msgspec.json.decode(b"[%b]" % records, type=list[cdr_search.CallRecord])


async def write(database: db.Database, *records: cdr.Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


@pytest.fixture
async def written(database: db.Database, domain: directory.Domain) -> list[cdr.Cdr]:
    """300 records of the domain, newest first."""
    chance = random.Random(20210215)  # noqa: S311 the same calls at every run
    records = [sample(domain, chance) for _ in range(300)]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)
    return sorted(records, key=lambda one: (one.time_started, one.cdr_uuid), reverse=True)


def between(since: str, until: str) -> Matches:
    return lambda one: local(since) <= one.time_started < local(until)


FILTERS: dict[str, tuple[cdr_search.Filter, Matches]] = {
    "everything": (cdr_search.Filter(), lambda _: True),
    "a day": (
        cdr_search.Filter(since=local("2021-02-16"), until=local("2021-02-17")),
        between("2021-02-16", "2021-02-17"),
    ),
    "from within a day": (
        cdr_search.Filter(since=local("2021-02-16 10:10:01")),
        between("2021-02-16 10:10:01", "2030-01-01"),
    ),
    "to within a day": (
        cdr_search.Filter(until=local("2021-02-18 23:10:00")),
        between("2000-01-01", "2021-02-18 23:10:00"),
    ),
    "part-days and whole days": (
        cdr_search.Filter(since=local("2021-02-16 10:10"), until=local("2021-02-19 09:10")),
        between("2021-02-16 10:10", "2021-02-19 09:10"),
    ),
    "within one day": (
        cdr_search.Filter(since=local("2021-02-16 08:00"), until=local("2021-02-16 20:00")),
        between("2021-02-16 08:00", "2021-02-16 20:00"),
    ),
    "over midnight": (
        cdr_search.Filter(since=local("2021-02-16 18:00"), until=local("2021-02-17 06:00")),
        between("2021-02-16 18:00", "2021-02-17 06:00"),
    ),
    "backwards": (cdr_search.Filter(since=local("2021-02-18"), until=local("2021-02-16")), lambda _: False),
    "any of two states": (
        cdr_search.Filter(statuses=("BUSY", "CANCEL"), until=local("2021-02-18 11:00")),
        lambda one: one.status in ("BUSY", "CANCEL") and one.time_started < local("2021-02-18 11:00"),
    ),
    "a direction": (cdr_search.Filter(directions=(2,)), lambda one: one.direction == 2),
    "a state and directions": (
        cdr_search.Filter(statuses=("BUSY",), directions=(1, 3)),
        lambda one: one.status == "BUSY" and one.direction in (1, 3),
    ),
    "a duration": (cdr_search.Filter(durations=(7,)), lambda one: one.duration == 7),
    "a phone on either side": (
        cdr_search.Filter(phones=("84899888999",)),
        lambda one: "84899888999" in (one.from_canonical, one.to_canonical),
    ),
    "an extension, either side of a local call": (
        cdr_search.Filter(extensions=("101",)),
        lambda one: one.extension == "101" or (one.direction == 1 and one.to_canonical == "101"),
    ),
    "all at once": (
        cdr_search.Filter(
            since=local("2021-02-16"), statuses=("ANSWERED",), directions=(2, 3), durations=(0, 11),
            extensions=("102", "103"), phones=("84899888999",),
        ),
        lambda one: (
            one.time_started >= local("2021-02-16") and one.status == "ANSWERED" and one.direction in (2, 3)
            and one.duration in (0, 11) and one.extension in ("102", "103")
        ),
    ),
    "nothing of the kind": (cdr_search.Filter(extensions=("999",)), lambda _: False),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
async def test_scrolling_gives_each_record_once_newest_first(
    database: db.Database, domain: directory.Domain, written: list[cdr.Cdr], name: str
) -> None:
    wanted, matches = FILTERS[name]
    async with database.connection() as tx:
        part = await cdr_search.scroll(tx, view(domain), wanted, limit=17)
        got = shown(part.records)
        while part.after:
            assert len(shown(part.records)) == 17
            part = await cdr_search.scroll(tx, view(domain), wanted, limit=17, after=part.after)
            got += shown(part.records)

    assert [one.id for one in got] == [one.cdr_uuid for one in written if matches(one)]


@pytest.fixture(params=[0, 10_000], ids=["by day", "by offset"])
def far(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where on a page is looked for by day."""
    monkeypatch.setattr(cdr_search, "_FAR", request.param)


@pytest.mark.parametrize("name", FILTERS)
async def test_pages_and_totals_agree_with_the_whole(
    database: db.Database,
    domain: directory.Domain,
    written: list[cdr.Cdr],
    far: None,
    *,
    name: str,
) -> None:
    wanted, matches = FILTERS[name]
    expected = [one.cdr_uuid for one in written if matches(one)]

    async with database.connection() as tx:
        assert len(expected) == await cdr_search.total(tx, view(domain), wanted)
        for offset in range(0, len(expected) + 26, 13):
            page = await cdr_search.page(tx, view(domain), wanted, limit=13, offset=offset)
            assert expected[offset : offset + 13] == [one.id for one in shown(page)]


async def test_a_recording_is_found_by_its_token_or_its_calls_id(
    database: db.Database, domain: directory.Domain, written: list[cdr.Cdr]
) -> None:
    with_one = next(one for one in written if one.recording_token)
    without = next(one for one in written if not one.recording_token)

    async with database.connection() as tx:
        for name, expected in (
            (str(with_one.recording_token), [with_one.cdr_uuid]),
            (str(with_one.cdr_uuid), [with_one.cdr_uuid]),
            (str(without.cdr_uuid), []),
        ):
            wanted = cdr_search.Filter(recordings=(name,))
            found = (await cdr_search.scroll(tx, view(domain), wanted, limit=10)).records
            assert expected == [one.id for one in shown(found)]
            assert len(expected) == await cdr_search.total(tx, view(domain), wanted)


@pytest.mark.parametrize("name", FILTERS)
async def test_another_domain_sees_nothing(
    database: db.Database, written: list[cdr.Cdr], name: str
) -> None:
    wanted, stranger = FILTERS[name][0], cdr_search.View(ids.new(), ZoneInfo("UTC"), "")
    async with database.connection() as tx:
        assert await cdr_search.scroll(tx, stranger, wanted, limit=10) == cdr_search.Part(
            b"", None
        )
        assert await cdr_search.total(tx, stranger, wanted) == 0


async def test_days_with_a_missing_or_doubled_hour_are_counted_right(
    database: db.Database,
) -> None:
    """Clocks in Berlin went forward on 2021-03-28 and back on 2021-10-31."""
    zone = ZoneInfo("Europe/Berlin")
    async with database.transaction() as tx:
        domain = await domains.insert(tx, "berlin.example.vn", time_zone="Europe/Berlin")
        start = (
            datetime(2021, 3, 27, 23, tzinfo=VIETNAM),
            datetime(2021, 10, 30, 23, tzinfo=VIETNAM),
        )
        hours = [first + timedelta(hours=hour) for first in start for hour in range(60)]
        records = [
            record(domain.domain_uuid, hour.replace(tzinfo=None).isoformat()) for hour in hours
        ]
        await cdrs.insert_many(tx, records)
        for day in (datetime(2021, 3, 28, tzinfo=zone), datetime(2021, 10, 31, tzinfo=zone)):
            wanted = cdr_search.Filter(since=day, until=day + timedelta(days=1))
            whole = await cdr_search.total(tx, view(domain), wanted)
            assert (
                len([one for one in records if day <= one.time_started < day + timedelta(days=1)])
                == whole
            )
            assert whole == {3: 23, 10: 25}[day.month]


async def test_it_is_found_by_any_id_of_any_leg(
    database: db.Database, domain: directory.Domain
) -> None:
    leg = ids.new()
    written = record(domain.domain_uuid, other_ids=(str(leg), "queue-leg@phone"))
    await write(database, written)

    async with database.connection() as tx:
        for name in (
            str(written.cdr_uuid),
            str(written.call_id),
            written.sip_call_id,
            str(leg),
            "queue-leg@phone",
        ):
            [found] = shown(await cdr_search.get(tx, view(domain), name))
            assert written.cdr_uuid == found.id


async def test_a_shared_sip_call_id_means_the_newest_record(
    database: db.Database, domain: directory.Domain
) -> None:
    older = record(domain.domain_uuid, "2021-02-17 10:00:00", sip_call_id="same@phone")
    newer = record(domain.domain_uuid, "2021-02-17 11:00:00", sip_call_id="same@phone")
    named_as_older = record(
        domain.domain_uuid, "2021-02-18 11:00:00", sip_call_id=str(older.cdr_uuid)
    )
    await write(database, newer, older, named_as_older)

    async with database.connection() as tx:
        [by_call_id] = shown(await cdr_search.get(tx, view(domain), "same@phone"))
        [by_id] = shown(await cdr_search.get(tx, view(domain), str(older.cdr_uuid)))
    assert (by_call_id.id, by_id.id) == (newer.cdr_uuid, older.cdr_uuid)


async def test_another_domains_record_is_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    written = record(domain.domain_uuid)
    await write(database, written)
    stranger = cdr_search.View(ids.new(), ZoneInfo("UTC"), "")

    async with database.connection() as tx:
        for name in (str(written.cdr_uuid), str(written.call_id), written.sip_call_id):
            with pytest.raises(errors.NotFound):
                await cdr_search.get(tx, stranger, name)


async def test_what_is_shown_follows_every_change(
    database: db.Database, domain: directory.Domain
) -> None:
    """The recording's state, the URL it is reached by, the time zone; and names that look like the
    JSON around them.
    """
    tricky = '"recording_url":"/ \\ " đường "'
    written = record(
        domain.domain_uuid,
        customer_id=tricky,
        sip_call_id=tricky,
        recording_status="pending",
        recording_token="t0",
    )
    await write(database, written)

    async def now(zone: str, url: str) -> cdr_search.CallRecord:
        seen = cdr_search.View(domain.domain_uuid, ZoneInfo(zone), url)
        async with database.connection() as tx:
            [one] = shown(await cdr_search.get(tx, seen, str(written.cdr_uuid)))
            part = await cdr_search.scroll(tx, seen, cdr_search.Filter(), limit=10)
            by_key = await cdr_search.scroll(
                tx, seen, cdr_search.Filter(directions=(3,)), limit=10
            )
        assert [one] == shown(part.records) == shown(by_key.records)
        return one

    one = await now(domain.time_zone, "http://a/recordings/")
    assert (one.customer_id, one.sip_call_id, one.recording_url) == (
        tricky,
        tricky,
        "http://a/recordings/t0",
    )
    assert (one.time_started, one.recording_status) == ("2021-02-17 17:30:35", "pending")

    async with database.transaction() as tx:
        await cdrs.recorded(tx, domain.domain_uuid, written.cdr_uuid, "deleted")
        await domains.update(tx, msgspec.structs.replace(domain, time_zone="Europe/Berlin"))

    one = await now("Europe/Berlin", 'https://b"/recordings/')
    assert (one.time_started, one.time_answered, one.recording_url) == (
        "2021-02-17 11:30:35",
        "2021-02-17 11:30:43",
        "",
    )

    async with database.transaction() as tx:
        await cdrs.recorded(tx, domain.domain_uuid, written.cdr_uuid, "ready", "a.wav")
    one = await now("Europe/Berlin", 'https://b"/recordings/')
    assert (one.time_started, one.recording_url) == (
        "2021-02-17 11:30:35",
        'https://b"/recordings/t0',
    )


async def test_records_from_before_it_was_kept_are_shown_the_same(
    database: db.Database, domain: directory.Domain, written: list[cdr.Cdr]
) -> None:
    async def everything() -> cdr_search.Part:
        async with database.connection() as tx:
            return await cdr_search.scroll(tx, view(domain), cdr_search.Filter(), limit=500)

    before = await everything()
    async with database.transaction() as tx:
        await tx.execute("ALTER TABLE cdrs DISABLE TRIGGER cdrs_shown")
        await tx.execute(
            "UPDATE cdrs SET shown = NULL, shown_zone = NULL WHERE domain_uuid = $1",
            domain.domain_uuid,
        )
        await tx.execute("ALTER TABLE cdrs ENABLE TRIGGER cdrs_shown")

    assert await everything() == before
