"""Call barring: the limits that keep the bill small after a password was stolen. Where a domain
may call, how often and how long; and for how long an extension that keeps trying barred numbers is
suspended.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from tongdai.pbx import causes, numbers
from tongdai.pbx.directory import Domain, Extension
from tongdai.pbx.numbers import COSTLY, Number

WINDOW = timedelta(minutes=1)
SUSPEND_AFTER = 10  # barred numbers tried by one extension within the window
SUSPEND_DOMAIN_AFTER = 50  # by all extensions of a domain
SUSPENSION = timedelta(hours=1)

ALL_COUNTRIES = "+"  # as a destination: plain numbers of all countries
# A bare +1 permits the USA and Canada only; each island needs its own prefix, because its rates
# are those of other countries (NANPA's list of NANP countries).
_MEANT_BY_CODE = {"+1": frozenset({"US", "CA"})}


class BarReason(StrEnum):
    """The limit that an outbound call met."""

    DESTINATION = "destination"  # a barred destination of the domain
    SUSPENDED = "suspended"  # outbound calls of the extension or the domain are suspended
    RATE = "rate"  # calls a minute
    MINUTES = "minutes"  # minutes a day
    TRUNK = "trunk"  # simultaneous calls by the trunk


RELEASES = {
    BarReason.DESTINATION: causes.BARRED,
    BarReason.SUSPENDED: causes.BARRED,
    BarReason.RATE: causes.CONGESTED,
    BarReason.MINUTES: causes.CONGESTED,
    BarReason.TRUNK: causes.CONGESTED,
}


class Usage(msgspec.Struct, frozen=True):
    """A domain's outbound calls and transfers outside: those begun within the last minute, and
    the seconds talked today.
    """

    started: int = 0
    talked_s: int = 0


def bar_reason(
    number: Number, domain: Domain, extension: Extension | None, usage: Usage, now: datetime
) -> BarReason | None:
    """The reason to bar a call of the extension to the number; None if it is permitted. Emergency
    calls are never barred.
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
    """Whether outbound calls of the extension, or of its domain, are suspended."""
    ends = domain.suspended_until, extension.suspended_until if extension else None
    return any(until is not None and until > now for until in ends)


def is_permitted(number: Number, destinations: tuple[str, ...]) -> bool:
    """Whether a domain with these permitted `destinations` may call the number.

    Numbers of its own country are permitted, and those under a destination: "+44", "+" (all
    countries), or a prefix as dialled at home, such as "1900". Costly classes (premium, satellite
    ...) need a prefix that includes digits of the national number, or the code of a global
    service.
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
    """Whether a plain number is under a permitted destination."""
    meant = _MEANT_BY_CODE.get(prefix)
    if meant and region and region not in meant:
        return False
    return prefix == ALL_COUNTRIES or _begins(prefix, number)


def _names(prefix: str, number: Number) -> bool:
    """Whether a permitted destination covers this costly number, not only its whole country."""
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
    """All numbers dialled with this prefix, in that many digits in all, are permitted."""

    prefix: str
    min_digits: int
    max_digits: int


def permitted_prefixes(
    domain: Domain, extension: Extension | None, now: datetime
) -> tuple[PermittedPrefix, ...]:
    """Prefixes of the country's own numbers, as dialled at home, that the extension may call; none
    while its outbound calls are suspended. Rate limits and emergency numbers do not count here.
    """
    if is_suspended(domain, extension, now):
        return ()
    return tuple(PermittedPrefix(*known) for known in numbers.plain_prefixes(domain.country))


def day(domain: Domain, now: datetime) -> date:
    """The date in the domain's time zone, by which its minutes are counted."""
    return now.astimezone(ZoneInfo(domain.time_zone)).date()


def day_began(domain: Domain, now: datetime) -> datetime:
    """The domain's last midnight."""
    return datetime.combine(day(domain, now), datetime.min.time(), ZoneInfo(domain.time_zone))
