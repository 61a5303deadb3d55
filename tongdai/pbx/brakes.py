"""What keeps a stolen password from becoming a bill: where a domain may call, how often, how long;
and for how long somebody who tries forbidden numbers again and again may call nobody.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from tongdai.pbx import causes, numbers
from tongdai.pbx.directory import Domain, Extension

WINDOW = timedelta(minutes=1)
FREEZE_AFTER = 10  # forbidden numbers that one extension has tried within the window
FREEZE_DOMAIN_AFTER = 50  # those of all its extensions
FREEZE = timedelta(hours=1)

ABROAD = "+"  # as a destination: all countries, but not what stands next
# satellites, networks, premium (ITU-T E.164)
_COSTLY_ABROAD = ("+870", "+878", "+881", "+882", "+883", "+888", "+979")
_COSTLY_AT_HOME = {"84": ("1900",), "1": ("+1900", "+1976")}


class Stop(StrEnum):
    """Why a call out is not made."""

    CLOSED = "closed"  # the domain does not call there
    FROZEN = "frozen"  # the extension, or the domain, calls nobody for a while
    RATE = "rate"  # calls a minute
    MINUTES = "minutes"  # minutes a day
    TRUNK = "trunk"  # calls at the same time by the trunk


ENDINGS = {
    Stop.CLOSED: causes.BARRED,
    Stop.FROZEN: causes.BARRED,
    Stop.RATE: causes.CONGESTED,
    Stop.MINUTES: causes.CONGESTED,
    Stop.TRUNK: causes.CONGESTED,
}


class Usage(msgspec.Struct, frozen=True):
    """What a domain has called outside: calls begun within the last minute, seconds talked
    today.
    """

    started: int = 0
    talked_s: int = 0


def stop(
    number: str, domain: Domain, extension: Extension | None, usage: Usage, now: datetime
) -> Stop | None:
    """Why the extension may not call the number; None when it may. Emergencies are never
    stopped.
    """
    if numbers.is_emergency(number):
        return None
    if _is_frozen(domain.frozen_until, now) or (
        extension and _is_frozen(extension.frozen_until, now)
    ):
        return Stop.FROZEN
    if not is_open(number, domain.country_code, domain.destinations):
        return Stop.CLOSED
    if domain.calls_per_minute is not None and usage.started >= domain.calls_per_minute:
        return Stop.RATE
    if domain.minutes_per_day is not None and usage.talked_s >= domain.minutes_per_day * 60:
        return Stop.MINUTES
    return None


def is_open(number: str, country_code: str, destinations: tuple[str, ...]) -> bool:
    """Whether a number may be called. `destinations` open prefixes beyond the country's own plain
    numbers: "+44", "+" for all countries, "1900" as it is dialled at home.
    """
    written = _written(number, country_code)
    closed = _COSTLY_ABROAD + _COSTLY_AT_HOME.get(country_code, ())
    if any(written.startswith(prefix) for prefix in destinations if prefix != ABROAD):
        return True
    if written.startswith(closed):
        return False
    return (
        ABROAD in destinations
        or not written.startswith("+")
        or written.startswith("+" + country_code)
    )


def closed_at_home(country_code: str) -> tuple[str, ...]:
    """Prefixes closed by default among the country's numbers as dialled at home, with the leading
    0: whatever else is so dialled, in 9 to 12 digits of which the second is no 0, is open to
    everybody.
    """
    closed = _COSTLY_AT_HOME.get(country_code, ())
    return tuple("0" + prefix.removeprefix("+" + country_code) for prefix in closed)


def _written(number: str, country_code: str) -> str:
    """+E.164; short and service numbers of the country as they are. What is dialled as foreign is
    never short.
    """
    digits = numbers.canonical(number, country_code)
    abroad = number.removeprefix("+") if number.startswith("+") else number.removeprefix("00")
    is_abroad = abroad != number and not abroad.startswith(country_code)
    if numbers.is_short(digits, country_code) and not is_abroad:
        return digits
    return "+" + digits.lstrip("0")


def _is_frozen(until: datetime | None, now: datetime) -> bool:
    return until is not None and until > now


def day(domain: Domain, now: datetime) -> date:
    """The domain's day, by which its minutes are counted."""
    return now.astimezone(ZoneInfo(domain.time_zone)).date()


def day_began(domain: Domain, now: datetime) -> datetime:
    """The domain's last midnight."""
    return datetime.combine(day(domain, now), datetime.min.time(), ZoneInfo(domain.time_zone))
