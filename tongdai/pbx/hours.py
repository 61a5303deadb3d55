"""Opening hours: whether a plan is open at a moment, and when that may change next.

A plan consists of texts, as people write and read them. Times of the day are those of the
domain's time zone:

    weekly    mon-fri 08:00-12:00    sat sun 22:00-02:00 (until the next morning)
    holidays  2027-02-05/2027-02-11    09-02 (each year)    12-24 08:00-11:30 (open for so long)

An interval belongs to the day on which it begins: that of Friday 22:00-02:00 goes on into a
holiday on Saturday. An hour that the clock repeats counts once, the first time; a time that it
skips is as much later.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from tongdai.pbx.directory import HoursPlan

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"(?:{'|'.join(DAYS)})"
_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
_WEEKLY = re.compile(rf"(daily|{_DAY}(?:-{_DAY})?(?: {_DAY}(?:-{_DAY})?)*) ({_TIME})")
_DATE = r"(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}"
_HOLIDAY = re.compile(rf"({_DATE})(?:/({_DATE}))?(?: ({_TIME}))?")
_MIDNIGHT = 24 * 60
_AROUND = 2  # days: the local day is at most one away from UTC's, and an interval lasts a day
_AHEAD = 8  # days within which a change is looked for

Minutes: TypeAlias = tuple[int, int]
"""From the first to the second minute of a day; more than 24 * 60 is on the next day."""
Moments: TypeAlias = tuple[datetime, ...]


class Weekly(msgspec.Struct, frozen=True):
    """Open at these minutes of each of these days, 0 is Monday."""

    days: frozenset[int]
    minutes: Minutes


class Holiday(msgspec.Struct, frozen=True):
    """Dates, both included, on which the weekly hours do not hold. `first` and `last` are (year,
    month, day), or (month, day) for each year. Open at `minutes`, None: closed.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    minutes: Minutes | None

    def covers(self, day: date) -> bool:
        """Whether the day is one of them."""
        asked = (day.year, day.month, day.day)[3 - len(self.first) :]
        if self.first <= self.last:
            return self.first <= asked <= self.last
        return asked >= self.first or asked <= self.last  # over New Year


@lru_cache(4096)
def weekly(text: str) -> Weekly:
    """Raises ValueError for a text that says no weekly hours."""
    found = _WEEKLY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    named = "mon-sun" if found[1] == "daily" else found[1]
    days = frozenset(day for part in named.split() for day in _days(part))
    return Weekly(days, _minutes(found[2]))


def _days(text: str) -> Iterator[int]:
    first, _, last = text.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return (day % 7 for day in range(start, end + 1 + 7 * (end < start)))


@lru_cache(4096)
def holiday(text: str) -> Holiday:
    """Raises ValueError for a text that says no dates."""
    found = _HOLIDAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first = _date(found[1])
    last = _date(found[2]) if found[2] else first
    if len(first) != len(last) or (len(first) == len("ymd") and last < first):
        raise ValueError(text)
    return Holiday(first, last, _minutes(found[3]) if found[3] else None)


def _date(text: str) -> tuple[int, ...]:
    parts = tuple(map(int, text.split("-")))
    date(*parts) if len(parts) == len("ymd") else date(2024, *parts)  # a leap year
    return parts


def _minutes(text: str) -> Minutes:
    opens, closes = (60 * int(one[:2]) + int(one[3:]) for one in text.split("-"))
    if opens == closes:
        raise ValueError(text)
    return opens, closes if closes > opens else closes + _MIDNIGHT


def is_open(plan: HoursPlan, now: datetime, zone: str) -> bool:
    """Whether the plan is open, by its override, else by its holidays and weekly hours."""
    if is_overridden(plan, now):
        return plan.override == "open"
    changes = _changes(plan.weekly, plan.holidays, zone, now.astimezone(UTC).date())
    return bisect_right(changes, now) % 2 == 1


def is_overridden(plan: HoursPlan, now: datetime) -> bool:
    """Whether the override holds."""
    until = plan.override_until
    return bool(plan.override) and (until is None or now < until)


def next_change(plan: HoursPlan, now: datetime, zone: str) -> datetime | None:
    """The first moment after `now` at which the plan may open or close; None: it does neither
    until it is changed.
    """
    if is_overridden(plan, now):
        return plan.override_until
    if not plan.weekly and not plan.holidays:
        return None
    today = now.astimezone(UTC).date()
    changes = _moments(plan.weekly, plan.holidays, zone, today, _AHEAD)
    ahead = datetime.combine(today + timedelta(_AHEAD), datetime.min.time(), UTC)
    return next((moment for moment in changes if moment > now), ahead)


@lru_cache(4096)
def _changes(
    weekly: tuple[str, ...], holidays: tuple[str, ...], zone: str, today: date
) -> Moments:
    return _moments(weekly, holidays, zone, today, _AROUND)


def _moments(
    weeks: Sequence[str], holidays: Sequence[str], zone: str, today: date, ahead: int
) -> Moments:
    """The moments of opening and closing in turn, from before the day to so many days after."""
    days = [today + timedelta(n) for n in range(-_AROUND, ahead + 1)]
    hours, free = [*map(weekly, weeks)], [*map(holiday, holidays)]
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(_intervals(days, hours, free, ZoneInfo(zone))):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif start < end:
            found.append((start, end))
    return tuple(moment for interval in found for moment in interval)


def _intervals(
    days: Sequence[date], hours: Sequence[Weekly], holidays: Sequence[Holiday], zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    for day in days:
        free = [each.minutes for each in holidays if each.covers(day)]
        usual = [each.minutes for each in hours if day.weekday() in each.days]
        for opens, closes in filter(None, free or usual):
            yield _moment(day, opens, zone), _moment(day, closes, zone)


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    return local.replace(tzinfo=zone).astimezone(UTC)
