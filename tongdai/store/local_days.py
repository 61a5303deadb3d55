"""Local days, by which records are counted. Python computes a day, never PostgreSQL: their time
zone databases differ for months after a country changes its clocks, and a count would differ from
what a filter finds.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

_STEP = timedelta(days=1)
_COUNTED = "days, reports"  # a change of this counts all records anew (cdr_days.outdated)
_AGE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)


class Span(msgspec.Struct, frozen=True):
    """A time span in which a zone's clocks are not changed: from `since` to before `until`. Local
    times before `again_until` are there a second time: clocks were set back.
    """

    since: datetime
    until: datetime
    offset: timedelta  # local time is UTC plus this
    again_until: datetime


def day(moment: datetime, zone: ZoneInfo) -> date:
    """The local day of a moment."""
    return moment.astimezone(zone).date()


def hour(moment: datetime, zone: ZoneInfo) -> int:
    """The local hour of a moment, 0 to 23; one that comes a second time, as clocks were set back,
    is 24 to 47.
    """
    local = moment.astimezone(zone)
    return local.hour + 24 * local.fold


def spans(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[Span]:
    """The spans between two moments, in order and without gaps."""
    began, at, again_until = since, since, since
    while at < until:
        after = min(at + _STEP, until)
        if _offset(zone, at) != _offset(zone, after):
            change = _change(zone, at, after)
            yield Span(began, change, _offset(zone, at), again_until)
            began, again_until = change, change + _offset(zone, at) - _offset(zone, after)
        at = after
    yield Span(began, until, _offset(zone, began), again_until)


@lru_cache(maxsize=1024)
def rules(name: str) -> str:
    """A digest of the zone's offsets from 2000 to 2037, by the time zone database of this
    process, and of what is counted by them.
    """
    zone = ZoneInfo(name)
    listed = [(span.since.isoformat(), span.offset.total_seconds()) for span in spans(zone, *_AGE)]
    return sha256(repr([_COUNTED, *listed]).encode()).hexdigest()[:16]


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the other offset."""
    offset, seconds = _offset(zone, before), int((after - before).total_seconds())
    low, high = 0, seconds
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + timedelta(seconds=middle)) == offset:
            low = middle
        else:
            high = middle
    return (before + timedelta(seconds=high)).replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(UTC).astimezone(zone).utcoffset() or timedelta()
