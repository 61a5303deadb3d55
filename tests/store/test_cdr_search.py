"""Lists of call detail records against a plain model of them: cursors, pages, totals and every
filter.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from testbed.samples import VIETNAM, record, recording_of
from tongdai import errors, ids
from tongdai.pbx import cdr, directory
from tongdai.store import cdr_filter, cdr_search, cdrs, db, domains

Matches = Callable[[cdr.Cdr], bool]


async def total(tx: db.Tx, domain: directory.Domain, wanted: cdr_filter.Filter) -> int:
    zone = ZoneInfo(domain.time_zone)
    return await cdr_search.total(tx, domain.domain_uuid, zone, wanted)


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
    duration = chance.choice((0, 7, 11, 4000))
    made = record(
        domain.domain_uuid,
        started.replace(tzinfo=None).isoformat(),
        direction=direction,
        status=chance.choice(("ANSWERED", "BUSY", "CANCEL")),
        duration=duration,
        time_ended=started + timedelta(seconds=duration),
        hotline=chance.choice(("19001919", "19001900")),
        extension=extension,
        from_canonical=extension if direction == 1 else "84899888999",
        to_canonical=other,
    )
    if chance.random() < 0.2:
        numbers = chance.sample(("102", "103", "84899888999", "84912345678"), 2)
        made = replace(made, participants=tuple(participant(made, each) for each in numbers))
    return replace(made, recording=recording_of(made)) if chance.random() < 0.5 else made


def participant(of: cdr.Cdr, number: str) -> cdr.Participant:
    """A further party, an extension or a number outside."""
    return cdr.Participant(
        number=number,
        canonical=number,
        is_extension=len(number) == 3,
        transferred_by=of.extension,
        time_started=of.time_started,
    )


def has(one: cdr.Cdr, number: str) -> bool:
    """Whether it is a further party of the record."""
    return number in {each.canonical for each in one.participants}


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


FILTERS: dict[str, tuple[cdr_filter.Filter, Matches]] = {
    "everything": (cdr_filter.Filter(), lambda _: True),
    "a day": (
        cdr_filter.Filter(since=local("2021-02-16"), until=local("2021-02-17")),
        between("2021-02-16", "2021-02-17"),
    ),
    "from within a day": (
        cdr_filter.Filter(since=local("2021-02-16 10:10:01")),
        between("2021-02-16 10:10:01", "2030-01-01"),
    ),
    "to within a day": (
        cdr_filter.Filter(until=local("2021-02-18 23:10:00")),
        between("2000-01-01", "2021-02-18 23:10:00"),
    ),
    "part-days and whole days": (
        cdr_filter.Filter(since=local("2021-02-16 10:10"), until=local("2021-02-19 09:10")),
        between("2021-02-16 10:10", "2021-02-19 09:10"),
    ),
    "within one day": (
        cdr_filter.Filter(since=local("2021-02-16 08:00"), until=local("2021-02-16 20:00")),
        between("2021-02-16 08:00", "2021-02-16 20:00"),
    ),
    "over midnight": (
        cdr_filter.Filter(since=local("2021-02-16 18:00"), until=local("2021-02-17 06:00")),
        between("2021-02-16 18:00", "2021-02-17 06:00"),
    ),
    "backwards": (
        cdr_filter.Filter(since=local("2021-02-18"), until=local("2021-02-16")),
        lambda _: False,
    ),
    "any of two states": (
        cdr_filter.Filter(statuses=("BUSY", "CANCEL"), until=local("2021-02-18 11:00")),
        lambda one: (
            one.status in ("BUSY", "CANCEL") and one.time_started < local("2021-02-18 11:00")
        ),
    ),
    "a direction": (cdr_filter.Filter(directions=(2,)), lambda one: one.direction == 2),
    "a state and directions": (
        cdr_filter.Filter(statuses=("BUSY",), directions=(1, 3)),
        lambda one: one.status == "BUSY" and one.direction in (1, 3),
    ),
    "a duration": (cdr_filter.Filter(durations=(7,)), lambda one: one.duration == 7),
    "a phone on either side, or of a further party": (
        cdr_filter.Filter(phones=("84899888999",)),
        lambda one: (
            "84899888999" in (one.from_canonical, one.to_canonical) or has(one, "84899888999")
        ),
    ),
    "a phone of further parties only": (
        cdr_filter.Filter(phones=("84912345678",), since=local("2021-02-17")),
        lambda one: has(one, "84912345678") and one.time_started >= local("2021-02-17"),
    ),
    "an extension, either side of a local call": (
        cdr_filter.Filter(extensions=("101",)),
        lambda one: one.extension == "101" or (one.direction == 1 and one.to_canonical == "101"),
    ),
    "an extension, or one that took the call over": (
        cdr_filter.Filter(extensions=("103",)),
        lambda one: (
            one.extension == "103"
            or (one.direction == 1 and one.to_canonical == "103")
            or has(one, "103")
        ),
    ),
    "a duration at least": (
        cdr_filter.Filter(least_duration=7),
        lambda one: one.duration >= 7,
    ),
    "a hotline": (
        cdr_filter.Filter(hotlines=("19001900",)),
        lambda one: one.hotline == "19001900",
    ),
    "ended within a time": (
        cdr_filter.Filter(
            ended_since=local("2021-02-16 10:10:11"),
            ended_until=local("2021-02-18 10:10:11"),
        ),
        lambda one: local("2021-02-16 10:10:11") <= one.time_ended < local("2021-02-18 10:10:11"),
    ),
    "all at once": (
        cdr_filter.Filter(
            since=local("2021-02-16"),
            statuses=("ANSWERED",),
            directions=(2, 3),
            durations=(0, 11),
            extensions=("102", "103"),
            phones=("84899888999",),
        ),
        lambda one: (
            one.time_started >= local("2021-02-16")
            and one.status == "ANSWERED"
            and one.direction in (2, 3)
            and one.duration in (0, 11)
            and (one.extension in ("102", "103") or has(one, "102") or has(one, "103"))
        ),
    ),
    "nothing of the kind": (cdr_filter.Filter(extensions=("999",)), lambda _: False),
}  # fmt: skip


def test_each_condition_has_a_case() -> None:
    plain = cdr_filter.Filter()
    tried = {
        field
        for wanted, _ in FILTERS.values()
        for field in plain.__struct_fields__
        if getattr(wanted, field) != getattr(plain, field)
    }
    assert tried == {*plain.__struct_fields__} - {"recordings"}, "recordings: a test of its own"


@pytest.mark.parametrize("name", FILTERS)
async def test_scrolling_gives_each_record_once_newest_first(
    database: db.Database, domain: directory.Domain, written: list[cdr.Cdr], name: str
) -> None:
    wanted, matches = FILTERS[name]
    async with database.connection() as tx:
        part = await cdr_search.scroll(tx, domain.domain_uuid, wanted, limit=17)
        got = part.records
        while part.after:
            assert part.records
            part = await cdr_search.scroll(
                tx, domain.domain_uuid, wanted, limit=17, after=part.after
            )
            got += part.records

    assert part.records == []
    assert [one.cdr_uuid for one in got] == [one.cdr_uuid for one in written if matches(one)]


@pytest.mark.parametrize("far", [0, 10_000], ids=["by day", "by offset"])
@pytest.mark.parametrize("name", FILTERS)
async def test_pages_and_totals_agree_with_the_whole(
    database: db.Database,
    domain: directory.Domain,
    written: list[cdr.Cdr],
    *,
    far: int,
    name: str,
) -> None:
    wanted, matches = FILTERS[name]
    zone = ZoneInfo(domain.time_zone)
    expected = [one.cdr_uuid for one in written if matches(one)]

    async with database.connection() as tx:
        assert len(expected) == await total(tx, domain, wanted)
        for offset in range(0, len(expected) + 26, 13):
            page = await cdr_search.page(
                tx, domain.domain_uuid, zone, wanted, limit=13, offset=offset, far=far
            )
            assert expected[offset : offset + 13] == [one.cdr_uuid for one in page]


async def test_a_recording_is_found_by_its_token_or_its_calls_id(
    database: db.Database, domain: directory.Domain, written: list[cdr.Cdr]
) -> None:
    with_one = next(one for one in written if one.recording)
    token = with_one.recording.token if with_one.recording else ""
    without = next(one for one in written if not one.recording)

    async with database.connection() as tx:
        for name, expected in (
            (token, [with_one.cdr_uuid]),
            (str(with_one.cdr_uuid), [with_one.cdr_uuid]),
            (str(without.cdr_uuid), []),
        ):
            wanted = cdr_filter.Filter(recordings=(name,))
            found = (await cdr_search.scroll(tx, domain.domain_uuid, wanted, limit=10)).records
            assert expected == [one.cdr_uuid for one in found]
            assert len(expected) == await total(tx, domain, wanted)


@pytest.mark.parametrize("name", FILTERS)
async def test_another_domain_sees_nothing(
    database: db.Database, written: list[cdr.Cdr], name: str
) -> None:
    wanted, stranger = FILTERS[name][0], ids.new()
    async with database.connection() as tx:
        part = await cdr_search.scroll(tx, stranger, wanted, limit=10)
        assert part == cdr_search.Part([], None)
        assert await cdr_search.total(tx, stranger, ZoneInfo("UTC"), wanted) == 0


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
            wanted = cdr_filter.Filter(since=day, until=day + timedelta(days=1))
            whole = await total(tx, domain, wanted)
            assert (
                len([one for one in records if day <= one.time_started < day + timedelta(days=1)])
                == whole
            )
            assert whole == {3: 23, 10: 25}[day.month]


async def test_it_is_found_by_any_id_of_any_leg(
    database: db.Database, domain: directory.Domain
) -> None:
    leg = ids.new()
    written = record(domain.domain_uuid, other_ids=(leg,), other_sip_call_ids=("queue-leg@phone",))
    await write(database, written)

    async with database.connection() as tx:
        for name in (
            str(written.cdr_uuid),
            str(written.call_id),
            written.sip_call_id,
            str(leg),
            "queue-leg@phone",
        ):
            found = await cdr_search.get(tx, domain.domain_uuid, name)
            assert written.cdr_uuid == found.cdr_uuid


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
        by_call_id = await cdr_search.get(tx, domain.domain_uuid, "same@phone")
        by_id = await cdr_search.get(tx, domain.domain_uuid, str(older.cdr_uuid))
    assert (by_call_id.cdr_uuid, by_id.cdr_uuid) == (newer.cdr_uuid, older.cdr_uuid)


async def test_an_id_without_a_time_is_a_sip_call_id_or_nothing(
    database: db.Database, domain: directory.Domain
) -> None:
    """Many phones choose a UUID version 4 as Call-ID."""
    timeless = uuid4()
    await write(database, record(domain.domain_uuid, cdr_uuid=timeless))
    by_phone = record(domain.domain_uuid, sip_call_id=str(uuid4()))
    await write(database, by_phone)

    async with database.connection() as tx:
        with pytest.raises(errors.NotFound):
            await cdr_search.get(tx, domain.domain_uuid, str(timeless))
        found = await cdr_search.get(tx, domain.domain_uuid, by_phone.sip_call_id)
    assert found.cdr_uuid == by_phone.cdr_uuid


@pytest.mark.parametrize(
    ("table", "hash_column"),
    [
        ("cdrs", "sip_call_id_hash"),
        ("cdrs", "other_sip_call_id_hash"),
        ("cdr_sip_call_ids", "hash"),
    ],
)
async def test_a_sip_call_id_with_the_hash_of_another_is_not_taken_for_it(
    database: db.Database, domain: directory.Domain, table: str, hash_column: str
) -> None:
    legs = ("a@phone", "b@phone")
    await write(
        database, record(domain.domain_uuid, sip_call_id="one@phone", other_sip_call_ids=legs)
    )

    with pytest.raises(errors.NotFound):  # which rolls back what was done to the table
        async with database.transaction() as tx:
            await tx.execute("ALTER TABLE cdr_sip_call_ids ALTER COLUMN hash DROP EXPRESSION")
            done = await tx.execute(
                f"""
                UPDATE {table} SET {hash_column} = hashtextextended('strange@phone', 0)
                WHERE domain_uuid = $1
                """,  # noqa: S608 ours
                domain.domain_uuid,
            )
            assert done == "UPDATE 1"
            await cdr_search.get(tx, domain.domain_uuid, "strange@phone")


async def test_ids_of_its_moment_and_two_sip_call_ids_need_no_row(
    database: db.Database, domain: directory.Domain
) -> None:
    """A call between two parties writes none; further legs do, and are found as well."""
    legs = ("a@phone", "b@phone", "c@phone")
    plain = record(domain.domain_uuid, other_sip_call_ids=legs[:1])
    assert plain.call_id != plain.cdr_uuid
    await write(database, plain)
    assert await rows_of_ids(database, plain) == (0, 0)

    further = record(domain.domain_uuid, other_ids=(ids.new(),), other_sip_call_ids=legs)
    await write(database, further)
    assert await rows_of_ids(database, further) == (1, 2)
    async with database.connection() as tx:
        for name in (str(further.call_id), str(further.other_ids[0]), *legs[1:]):
            found = await cdr_search.get(tx, domain.domain_uuid, name)
            assert found.cdr_uuid == further.cdr_uuid
        found = await cdr_search.get(tx, domain.domain_uuid, str(plain.call_id))
        assert found.cdr_uuid == plain.cdr_uuid


async def rows_of_ids(database: db.Database, of: cdr.Cdr) -> tuple[int, int]:
    async with database.connection() as tx:
        return tuple(
            [
                await tx.fetchval(f"SELECT count(*) FROM {table} WHERE cdr_uuid = $1", of.cdr_uuid)  # noqa: S608 ours
                for table in ("cdr_ids", "cdr_sip_call_ids")
            ]
        )


async def test_a_record_of_the_version_before_is_found_by_its_rows(
    database: db.Database, domain: directory.Domain
) -> None:
    """That version may run beside this one."""
    written = record(domain.domain_uuid)
    await write(database, written)
    own = (domain.domain_uuid, written.cdr_uuid)
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE cdrs SET sip_call_id_hash = NULL WHERE cdr_uuid = $1", written.cdr_uuid
        )
        await tx.execute(
            "INSERT INTO cdr_ids (domain_uuid, cdr_uuid, id) VALUES ($1, $2, $3)",
            *own,
            written.call_id,
        )
        await tx.execute(
            """
            INSERT INTO cdr_sip_call_ids (domain_uuid, cdr_uuid, sip_call_id) VALUES ($1, $2, $3)
            """,
            *own,
            written.sip_call_id,
        )
    async with database.connection() as tx:
        for name in (str(written.call_id), written.sip_call_id):
            found = await cdr_search.get(tx, domain.domain_uuid, name)
            assert found.cdr_uuid == written.cdr_uuid


async def test_another_domains_record_is_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    written = record(domain.domain_uuid)
    await write(database, written)
    stranger = ids.new()

    async with database.connection() as tx:
        for name in (str(written.cdr_uuid), str(written.call_id), written.sip_call_id):
            with pytest.raises(errors.NotFound):
                await cdr_search.get(tx, stranger, name)
