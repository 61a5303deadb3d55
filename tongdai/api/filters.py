"""Query parameters of the CDR list as a filter. Each is validated, and named when it is wrong."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from tongdai import errors, messages
from tongdai.api.principals import Principal
from tongdai.pbx import cdr, numbers
from tongdai.store import cdr_filter

_LONGEST = 2**31 - 1
_DATE = len("2021-02-18")


def recording_name(text: str, field: str = "recordingfile") -> str:
    """The last part of a file name, a token or a URL, without extension. Raises errors.Invalid."""
    try:
        name = urlsplit(text).path if "://" in text else text
    except ValueError as reason:
        raise errors.Invalid(messages.FILE_NEEDED, field=field) from reason
    name = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name.rpartition("/")[2])
    if not name:
        raise errors.Invalid(messages.FILE_NEEDED, field=field)
    return name


# Words of the family's other documents, reports and dialects. A word for a status that does not
# exist here finds nothing, as for a domain without such calls.
_SYNONYMS: dict[str, tuple[cdr.Status, ...]] = {
    "NO-ANSWER": ("NO-ANSWERED",),
    "NOANSWER": ("NO-ANSWERED",),
    "NOANSWERED": ("NO-ANSWERED",),
    "BUSY-LINE": ("BUSY",),
    "BUSYLINE": ("BUSY",),
    "ANSWER": ("ANSWERED",),
    "CANCELLED": ("CANCEL",),
    "CANCELED": ("CANCEL",),
    "NOTAVAILABLE": ("NOT-AVAILABLE",),
    "FAILED": ("NOT-AVAILABLE", "INVALID", "CONGESTION"),
    "UNKNOWN": (),
    "VOICEMAIL": (),
    "PHONE-BLOCK": (),
}
_NONE = "no call"
_DIRECTIONS = ("1", "2", "3")
DIRECTION_SCHEMA = {"type": "string", "enum": [*cdr.DIRECTIONS, *_DIRECTIONS]}


def _status(text: str, field: str) -> tuple[str, ...]:
    """The statuses that a word means, in any case and with any separators; a status that no record
    has if it means none. Raises errors.Invalid.
    """
    word = re.sub(r"[\s_-]+", "-", text.upper())
    if word in cdr.STATUSES:
        return (word,)
    if word not in _SYNONYMS:
        raise errors.Invalid(messages.ONE_OF(choices=", ".join(cdr.STATUSES)), field=field)
    return _SYNONYMS[word] or (_NONE,)


def any_status(text: str, field: str) -> tuple[str, ...]:
    """As `_status`; a word that is no status has no record."""
    try:
        return _status(text, field)
    except errors.Invalid:
        return (_NONE,)


def direction_of(text: str, field: str) -> int:
    """The number of a direction, by that or by its name. Raises errors.Invalid."""
    found = cdr.DIRECTIONS.get(text.lower(), int(text) if text in _DIRECTIONS else 0)
    if not found:
        raise errors.Invalid(messages.ONE_OF(choices=", ".join(cdr.DIRECTIONS)), field=field)
    return found


def _duration(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LONGEST):
        raise errors.Invalid(messages.SECONDS_NEEDED, field=field)
    return int(text)


def _extension(text: str, field: str) -> str:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise errors.Invalid(messages.DIGITS_NEEDED, field=field)
    return text


class Filters(Struct, frozen=True):
    """The documented filters of the CDR list, as the client wrote them."""

    start_date: Annotated[
        str,
        Meta(
            description="Calls that started at that local time or later, "
            "such as `2021-02-18 17:20:58`."
        ),
    ] = ""
    end_date: Annotated[
        str,
        Meta(
            description="Calls that started at that local time or before; "
            "a date alone means its whole day."
        ),
    ] = ""
    start_date_ended: Annotated[
        str,
        Meta(description="Calls that ended at that local time or later."),
    ] = ""
    end_date_ended: Annotated[
        str,
        Meta(
            description="Calls that ended at that local time or before; "
            "a date alone means its whole day."
        ),
    ] = ""
    min_duration: Annotated[
        int,
        Meta(
            description="So many seconds or more.",
            ge=0,
            le=_LONGEST,
            extra={"read": _duration},
        ),
    ] = 0
    duration: Annotated[
        tuple[int, ...],
        Meta(
            description="Exactly so many seconds.",
            ge=0,
            le=_LONGEST,
            extra={"read": _duration},
        ),
    ] = ()
    extension: Annotated[
        tuple[str, ...],
        Meta(
            description="Calls made or received by it.",
            extra={"read": _extension},
        ),
    ] = ()
    recordingfile: Annotated[
        tuple[str, ...],
        Meta(
            description="The file name or URL of a recording.",
            extra={"read": recording_name},
        ),
    ] = ()
    status: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(
            description="How it ended.",
            extra={"read": _status},
            extra_json_schema={"enum": list(cdr.STATUSES)},
        ),
    ] = ()
    phone: Annotated[
        tuple[str, ...],
        Meta(
            description="Calls from or to the number, however it is written.",
            extra={"read": numbers.party},
        ),
    ] = ()
    hotline: Annotated[
        tuple[str, ...],
        Meta(
            description="The domain's number that was called, or that the call went out by.",
            extra={"read": numbers.phone},
        ),
    ] = ()
    direction: Annotated[
        tuple[int, ...],
        Meta(
            description="By name, or as records have it: 1 local, 2 inbound, 3 outbound.",
            extra={"read": direction_of},
            extra_json_schema=DIRECTION_SCHEMA,
        ),
    ] = ()


def of(given: Filters, principal: Principal) -> cdr_filter.Filter:
    """The requested filter, in the principal's time zone and country. Raises errors.Invalid naming
    the parameter.
    """
    zone, country = principal.zone, principal.user.country
    phones = (numbers.canonical(phone, country) for phone in given.phone)
    hotlines = (form for text in given.hotline for form in _forms(text, country))
    return cdr_filter.Filter(
        since=_since(given.start_date, zone, "start_date"),
        until=_until(given.end_date, zone, "end_date"),
        statuses=tuple(dict.fromkeys(status for meant in given.status for status in meant)),
        directions=given.direction,
        durations=given.duration,
        extensions=given.extension,
        phones=tuple(dict.fromkeys(phones)),
        recordings=given.recordingfile,
        least_duration=given.min_duration,
        hotlines=tuple(dict.fromkeys(hotlines)),
        ended_since=_since(given.start_date_ended, zone, "start_date_ended"),
        ended_until=_until(given.end_date_ended, zone, "end_date_ended"),
    )


def _forms(number: str, country: str) -> tuple[str, ...]:
    """The forms in which a hotline may be stored: as given, international, national."""
    canonical = numbers.canonical(number, country)
    return (number, canonical, f"+{canonical}", numbers.national(number, country))


def _since(text: str, zone: ZoneInfo, field: str) -> datetime:
    if not text:
        return cdr_filter.FIRST
    return _within(_meant(moment(text, zone, field)[0])[0])


def _until(text: str, zone: ZoneInfo, field: str) -> datetime:
    """The first moment after it: a date includes its whole day, a time its whole second, in the
    precision of displayed times.
    """
    if not text:
        return cdr_filter.LAST
    end, is_date = moment(text, zone, field)
    if end >= cdr_filter.LAST:
        return cdr_filter.LAST
    if is_date:
        return _within(datetime.combine(end.date() + timedelta(days=1), time(), zone))
    return _within(_meant(end.replace(microsecond=0))[1] + timedelta(seconds=1))


def _meant(local: datetime) -> tuple[datetime, datetime]:
    """The earlier and the later moment that a local time may mean: they differ where clocks are
    set back (PEP 495).
    """
    first, second = local.replace(fold=0), local.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return local, local
    moments = first.astimezone(UTC), second.astimezone(UTC)
    return min(moments), max(moments)


def moment(text: str, zone: ZoneInfo, field: str) -> tuple[datetime, bool]:
    """A moment, local unless it has an offset, and whether only its date was given."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)), len(text) <= _DATE
    except ValueError as reason:
        raise errors.Invalid(messages.DATE_NEEDED, field=field) from reason


def _within(moment: datetime) -> datetime:
    return min(max(moment, cdr_filter.FIRST), cdr_filter.LAST)
