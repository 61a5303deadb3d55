"""Call barring: the limits that keep a stolen password from becoming a bill. Where a domain may
call, how often and how long; and for how long an extension that keeps trying barred numbers calls
nobody outside.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from tongdai.pbx import causes, numbers
from tongdai.pbx.directory import Domain, Extension
from tongdai.pbx.numbers import COSTLY, Number

WINDOW = timedelta(minutes=1)
SUSPEND_AFTER = 10  # barred numbers that one extension has tried within the window
SUSPEND_DOMAIN_AFTER = 50  # those of all its extensions
SUSPENSION = timedelta(hours=1)

ALL_COUNTRIES = "+"  # as a destination: plain numbers of all countries
# A bare +1 permits the countries that people mean by it; each island has a prefix of its own,
# since their rates are those of other countries (NANPA's list of NANP countries).
_MEANT_BY_CODE = {"+1": frozenset({"US", "CA"})}


class BarReason(StrEnum):
    """Why a call out is not made."""

    DESTINATION = "destination"  # the domain may not call there
    SUSPENDED = "suspended"  # the extension's or the domain's calls out are suspended
    RATE = "rate"  # calls a minute
    MINUTES = "minutes"  # minutes a day
    TRUNK = "trunk"  # calls at the same time by the trunk


RELEASES = {
    BarReason.DESTINATION: causes.BARRED,
    BarReason.SUSPENDED: causes.BARRED,
    BarReason.RATE: causes.CONGESTED,
    BarReason.MINUTES: causes.CONGESTED,
    BarReason.TRUNK: causes.CONGESTED,
}


class Usage(msgspec.Struct, frozen=True):
    """A domain's calls out: calls begun within the last minute, seconds talked today."""

    started: int = 0
    talked_s: int = 0


def bar_reason(
    number: Number, domain: Domain, extension: Extension | None, usage: Usage, now: datetime
) -> BarReason | None:
    """Why the extension may not call the number; None when it may. Emergency calls are never
    barred.
    """
    if number.is_emergency:
        return None
    if is_suspended(domain, extension, now):
        return BarReason.SUSPENDED
    if not is_permitted(number, domain.destinations):
        return BarReason.DESTINATION
    if domain.calls_per_minute is not None and usage.started >= domain.calls_per_minute:
        return BarReason.RATE
    if domain.minutes_per_day is not None and usage.talked_s >= domain.minutes_per_day * 60:
        return BarReason.MINUTES
    return None


def is_suspended(domain: Domain, extension: Extension | None, now: datetime) -> bool:
    """Whether calls out of the extension, or of its domain, are suspended."""
    ends = domain.suspended_until, extension.suspended_until if extension else None
    return any(until is not None and until > now for until in ends)


def is_permitted(number: Number, destinations: tuple[str, ...]) -> bool:
    """Whether a domain whose permitted `destinations` are these may call the number.

    Numbers of its own country are permitted, and those beneath a destination: "+44", "+" (all
    countries), or a prefix as dialled at home, such as "1900". Costly classes (premium, satellite
    ...) take a prefix that goes into the country's own digits, or the code of a global service.
    """
    if number.is_emergency:
        return True
    if numbers.classify(number) in COSTLY:
        return any(_names(prefix, number) for prefix in destinations)
    region = numbers.region(number)
    is_own = number.country_code in ("", numbers.country_code(number.country)) and (
        region is None or numbers.is_one_country(region, number.country)
    )
    return is_own or any(_covers(prefix, number, region) for prefix in destinations)


def _covers(prefix: str, number: Number, region: str | None) -> bool:
    """Whether a plain number is beneath a permitted destination."""
    meant = _MEANT_BY_CODE.get(prefix)
    if meant and region and region not in meant:
        return False
    return prefix == ALL_COUNTRIES or _begins(prefix, number)


def _names(prefix: str, number: Number) -> bool:
    """Whether a permitted destination means a costly number, and not its whole country."""
    code = "+" + number.country_code
    if prefix.startswith("+") and len(prefix) <= len(code) and number.country_code:
        return prefix == code and not numbers.is_country(number.country_code)
    return _begins(prefix, number)


def _begins(prefix: str, number: Number) -> bool:
    own = numbers.country_code(number.country)
    if prefix.startswith("+"):
        return f"+{number.country_code or own}{number.significant}".startswith(prefix)
    at_home = numbers.without_national_prefix(prefix, number.country)
    is_own = number.country_code in ("", own)
    return is_own and at_home != "" and number.significant.startswith(at_home)


class PermittedPrefix(msgspec.Struct, frozen=True):
    """Every number that is dialled with this prefix, in so many digits in all, is permitted."""

    prefix: str
    min_digits: int
    max_digits: int


def permitted_prefixes(
    domain: Domain, extension: Extension | None, now: datetime
) -> tuple[PermittedPrefix, ...]:
    """Prefixes of the country's own numbers, as dialled at home, that the extension may call; none
    while its calls out are suspended. Limits on how much is called, and emergency numbers, are
    another matter.
    """
    if is_suspended(domain, extension, now):
        return ()
    return tuple(PermittedPrefix(*known) for known in numbers.plain_prefixes(domain.country))


def day(domain: Domain, now: datetime) -> date:
    """The domain's day, by which its minutes are counted."""
    return now.astimezone(ZoneInfo(domain.time_zone)).date()


def day_began(domain: Domain, now: datetime) -> datetime:
    """The domain's last midnight."""
    return datetime.combine(day(domain, now), datetime.min.time(), ZoneInfo(domain.time_zone))
