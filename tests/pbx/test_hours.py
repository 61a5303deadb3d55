"""Opening hours: texts, moments, and the changes between them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tongdai.pbx import hours
from tongdai.pbx.directory import HoursPlan

HCMC, BERLIN, APIA = "Asia/Ho_Chi_Minh", "Europe/Berlin", "Pacific/Apia"
OFFICE = ("mon-fri 08:00-12:00", "mon-fri 13:30-17:30", "sat 08:00-12:00")


def local(text: str, zone: str = HCMC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def is_open(plan: HoursPlan, text: str, zone: str = HCMC) -> bool:
    return hours.is_open(plan, local(text, zone), zone)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23 07:59:59", False),
        ("2026-11-23 08:00", True),
        ("2026-11-23 11:59:59.999", True),
        ("2026-11-23 12:00", False),
        ("2026-11-23 13:30", True),
        ("2026-11-28 11:00", True),  # Saturday
        ("2026-11-28 14:00", False),
        ("2026-11-29 09:00", False),  # Sunday
    ],
)
def test_several_intervals_a_day(moment: str, *, expected: bool) -> None:
    assert is_open(HoursPlan("office", OFFICE), moment) is expected


def test_an_interval_over_midnight_belongs_to_its_first_day() -> None:
    plan = HoursPlan("bar", ("fri sat 22:00-02:00",), ("2026-11-28",))
    assert is_open(plan, "2026-11-28 01:59"), "Friday's, on a holiday"
    assert not is_open(plan, "2026-11-28 02:00")
    assert not is_open(plan, "2026-11-28 23:00"), "Saturday is a holiday"
    assert is_open(plan, "2026-12-05 23:00")
    assert is_open(plan, "2026-12-06 00:00")
    assert is_open(HoursPlan("week", ("sun 23:00-01:00",)), "2026-11-30 00:30")


@pytest.mark.parametrize(
    ("holidays", "moment", "expected"),
    [
        (("2026-11-23",), "2026-11-23 09:00", False),
        (("2026-11-23",), "2027-11-23 09:00", True),
        (("11-23",), "2027-11-23 09:00", False),
        (("2027-02-05/2027-02-11",), "2027-02-11 09:00", False),
        (("2027-02-05/2027-02-11",), "2027-02-12 09:00", True),
        (("12-30/01-02",), "2026-12-31 09:00", False),
        (("12-30/01-02",), "2027-01-01 09:00", False),
        (("12-30/01-02",), "2027-01-04 09:00", True),
        (("11-23 10:00-11:00",), "2026-11-23 09:00", False),
        (("11-23 10:00-11:00",), "2026-11-23 10:30", True),
        (("11-23 10:00-11:00", "11-23 14:00-15:00"), "2026-11-23 14:30", True),
        (("11-29 10:00-11:00",), "2026-11-29 10:30", True),  # a Sunday
        (("02-29",), "2028-02-29 09:00", False),
    ],
)
def test_holidays(holidays: tuple[str, ...], moment: str, *, expected: bool) -> None:
    assert is_open(HoursPlan("office", OFFICE, holidays), moment) is expected


def test_an_override_holds_until_its_moment() -> None:
    until = local("2026-11-23 10:00")
    closed = HoursPlan("office", OFFICE, override="closed", override_until=until)
    assert not is_open(closed, "2026-11-23 09:59")
    assert is_open(closed, "2026-11-23 10:00")
    assert hours.next_change(closed, local("2026-11-23 09:00"), HCMC) == until
    for_good = HoursPlan("office", OFFICE, override="open")
    assert is_open(for_good, "2026-11-29 03:00")
    assert hours.next_change(for_good, local("2026-11-29 03:00"), HCMC) is None


# Clocks in Berlin go from 02:00 to 03:00 on 2027-03-28, and from 03:00 to 02:00 on 2027-10-31.


def test_an_hour_that_is_skipped() -> None:
    plan = HoursPlan("night", ("sun 01:30-02:30", "sun 02:45-03:30"))
    first = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)  # 01:30
    changes = [first]
    for _ in range(3):
        following = hours.next_change(plan, changes[-1], BERLIN)
        assert following
        changes.append(following)
    # 02:30 is 03:30 by the clock that has moved, where 02:45-03:30 ends too
    assert changes[:2] == [first, first + timedelta(hours=1)]
    assert hours.is_open(plan, first + timedelta(minutes=45), BERLIN)


def test_an_hour_that_comes_twice_counts_once() -> None:
    plan = HoursPlan("night", ("sun 02:00-02:30",))
    opens = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)  # 02:00 the first time
    assert hours.is_open(plan, opens, BERLIN)
    assert not hours.is_open(plan, opens + timedelta(minutes=30), BERLIN)
    assert not hours.is_open(plan, opens + timedelta(hours=1), BERLIN), "02:00 the second time"


def test_the_zone_decides_over_the_day() -> None:
    plan = HoursPlan("office", ("mon 08:00-17:00",))
    moment = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # Monday 09:00 in Apia, Sunday in Berlin
    assert hours.is_open(plan, moment, APIA)
    assert not hours.is_open(plan, moment, BERLIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mon 8:00-17:00",
        "mon 08:00-08:00",
        "mon 08:00-24:30",
        "mon 24:00-08:00",
        "monday 08:00-17:00",
        "mon,tue 08:00-17:00",
        "mon-fri 08:00-17:00 ",
        "MON 08:00-17:00",
        "mon ٠٨:00-17:00",
    ],
)
def test_what_is_no_weekly_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        hours.weekly(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-02-30",
        "13-01",
        "02-30",
        "2027-02-11/2027-02-05",
        "2027-02-05/02-11",
        "2027-2-5",
        "0000-01-01",
        "2027-01-01 08:00",
        "2027-01-01/",
    ],
)
def test_what_is_no_holiday(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        hours.holiday(text)


# --- whatever the plan

TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map("{0[0]:02}:{0[1]:02}".format)
INTERVALS = st.tuples(TIMES, TIMES | st.just("24:00")).filter(lambda one: one[0] != one[1])
DAYS = st.sampled_from([*hours.DAYS, "mon-fri", "sat-mon", "daily", "tue thu"])
DATES = st.dates(date(2026, 12, 1), date(2027, 12, 31))
YEARLY = DATES.map(lambda day: day.isoformat()[5:])
PLANS = st.builds(
    HoursPlan,
    st.just("plan"),
    st.lists(st.tuples(DAYS, INTERVALS), max_size=4).map(
        lambda found: tuple(f"{days} {first}-{last}" for days, (first, last) in found)
    ),
    st.lists(YEARLY | DATES.map(date.isoformat), max_size=3).map(tuple),
)
MOMENTS = st.datetimes(
    datetime.fromisoformat("2027-01-01"),
    datetime.fromisoformat("2027-12-31"),
    timezones=st.just(UTC),
)
ZONES = st.sampled_from([HCMC, BERLIN, APIA, "America/St_Johns", "Australia/Lord_Howe", "UTC"])


@given(plan=PLANS, now=MOMENTS, zone=ZONES)
@example(
    plan=HoursPlan("plan", ("daily 00:00-24:00",), ("2027-03-01/2027-03-20",)),
    now=datetime(2027, 3, 2, tzinfo=UTC),
    zone=HCMC,
)
def test_nothing_changes_before_the_next_change(plan: HoursPlan, now: datetime, zone: str) -> None:
    is_now = hours.is_open(plan, now, zone)
    change = hours.next_change(plan, now, zone)
    until = change or now + timedelta(days=400)
    assert until > now
    moments = [now + (until - now) * part / 40 for part in range(40)]
    assert {hours.is_open(plan, moment, zone) for moment in moments} == {is_now}


@given(plan=PLANS, now=MOMENTS)
def test_without_a_moving_clock_it_is_what_the_texts_say(plan: HoursPlan, now: datetime) -> None:
    """By the clock on the wall, read anew: no interval, no time zone, no cache."""
    wall = now.astimezone(ZoneInfo(HCMC)).replace(tzinfo=None)
    assert hours.is_open(plan, now, HCMC) is (said(plan, wall, 0) or said(plan, wall, 1))


def said(plan: HoursPlan, wall: datetime, days_ago: int) -> bool:
    """Whether an interval that began on the day before, or today, has the moment in it."""
    day = (wall - timedelta(days=days_ago)).date()
    if day.isoformat() in plan.holidays or day.isoformat()[5:] in plan.holidays:
        return False
    minute = wall.hour * 60 + wall.minute + 1440 * days_ago
    for text in plan.weekly:
        days, _, times = text.rpartition(" ")
        first, last = (int(one[:2]) * 60 + int(one[3:]) for one in times.split("-"))
        last += 1440 * (last <= first)
        if named(days, hours.DAYS[day.weekday()]) and first <= minute < last:
            return True
    return False


def named(days: str, day: str) -> bool:
    ranges = {"mon-fri": hours.DAYS[:5], "sat-mon": ("sat", "sun", "mon"), "daily": hours.DAYS}
    return day in ranges.get(days, days.split())
