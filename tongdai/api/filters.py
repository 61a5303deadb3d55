"""Query parameters of the CDR list as a filter, each validated and named when it is wrong."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tongdai import errors
from tongdai.api.inputs import Fields
from tongdai.api.principals import Principal
from tongdai.pbx import cdr, numbers
from tongdai.store import cdr_search

Value = TypeVar("Value")

_LONGEST = 2**31 - 1
_MANY = 100  # values of one name
_DATE = len("2021-02-18")
_EVERYTHING = cdr_search.Filter()


def of(fields: Fields, principal: Principal) -> cdr_search.Filter:
    """What the documented filters ask for. Raises errors.Invalid naming the parameter."""
    if not fields.names:
        return _EVERYTHING
    start, end = fields.one("start_date"), fields.one("end_date")
    return cdr_search.Filter(
        since=_since(start, principal.zone) if start else cdr_search.FIRST,
        until=_until(end, principal.zone) if end else cdr_search.LAST,
        statuses=_each(fields, "status", _status),
        directions=_each(fields, "direction", _direction),
        durations=_each(fields, "duration", _duration),
        extensions=_each(fields, "extension", _extension),
        phones=_each(fields, "phone", lambda text: _phone(text, principal.user.country_code)),
        recordings=_each(fields, "recordingfile", recording_name),
    )


def number(fields: Fields, name: str, default: int, largest: int) -> int:
    """A whole number of 1 to `largest`. Raises errors.Invalid."""
    text = fields.one(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 1 <= int(text) <= largest):
        raise errors.Invalid(f"a number from 1 to {largest} is needed", field=name)
    return int(text)


def recording_name(text: str) -> str:
    """What is left of a file name, a token or a URL: its last part, without extension. Raises
    errors.Invalid.
    """
    name = urlsplit(text).path if "://" in text else text
    name = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name.rpartition("/")[2])
    if not name:
        raise errors.Invalid("a file name or URL is needed", field="recordingfile")
    return name


def _each(fields: Fields, name: str, read: Callable[[str], Value]) -> tuple[Value, ...]:
    texts = fields.all(name)
    if len(texts) > _MANY:
        raise errors.Invalid(f"at most {_MANY} times", field=name)
    return tuple(dict.fromkeys(read(text) for text in texts))


def _since(text: str, zone: ZoneInfo) -> datetime:
    return _within(_meant(moment(text, zone, "start_date")[0])[0])


def _until(text: str, zone: ZoneInfo) -> datetime:
    """The first moment no longer meant: a date means its whole day, a time its whole second, as
    times are shown.
    """
    end, is_date = moment(text, zone, "end_date")
    if end >= cdr_search.LAST:
        return cdr_search.LAST
    if is_date:
        return _within(datetime.combine(end.date() + timedelta(days=1), time(), zone))
    return _within(_meant(end.replace(microsecond=0))[1] + timedelta(seconds=1))


def _meant(local: datetime) -> tuple[datetime, datetime]:
    """The earlier and the later moment that a local time may mean: two where clocks are changed
    (PEP 495).
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
        raise errors.Invalid(
            "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS is needed", field=field
        ) from reason


def _within(moment: datetime) -> datetime:
    return min(max(moment, cdr_search.FIRST), cdr_search.LAST)


def _status(text: str) -> str:
    status = text.upper().replace("_", "-").replace(" ", "-")
    if status not in cdr.STATUSES:
        raise errors.Invalid(f"one of {', '.join(cdr.STATUSES)} is needed", field="status")
    return status


def _direction(text: str) -> int:
    direction = cdr.DIRECTIONS.get(text.lower(), int(text) if text in ("1", "2", "3") else 0)
    if not direction:
        raise errors.Invalid(f"one of {', '.join(cdr.DIRECTIONS)} is needed", field="direction")
    return direction


def _duration(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LONGEST):
        raise errors.Invalid("whole seconds are needed", field="duration")
    return int(text)


def _extension(text: str) -> str:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise errors.Invalid("digits are needed", field="extension")
    return text


def _phone(text: str, country_code: str) -> str:
    return numbers.canonical(numbers.phone(text, field="phone"), country_code)
