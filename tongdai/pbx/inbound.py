"""The first target of a call to a hotline: its destination, or another one for a reason."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from tongdai.pbx import causes, hours, numbers
from tongdai.pbx.call import BLOCKED
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.directory import Caller, Directory, Hotline

CLOSED = "closed"
"""A reason: the hotline's hours plan is closed."""
ROUTED = "caller"
"""A reason: the caller has a destination of its own."""


class Target(msgspec.Struct, frozen=True):
    """A number of the domain, or outside; "" releases the call by `release`. `by`: the reasons why
    it is not the hotline's destination.
    """

    number: str
    release: ReleaseCause = causes.UNALLOCATED
    by: tuple[str, ...] = ()


def target(
    hotline: Hotline, directory: Directory, now: datetime, caller: Caller | None = None
) -> Target:
    """The target of a call to an enabled hotline at `now`. `caller`: what is known of a caller
    from outside (`known`): being blocked comes first, then the hours, then its destination.
    """
    if caller and caller.action == "block":
        return Target("", causes.REJECTIONS[caller.answer], (BLOCKED,))
    if is_closed(hotline, directory, now):
        release = causes.REJECTIONS[hotline.closed_cause]
        return Target(hotline.closed_destination, release, (CLOSED,))
    if caller and caller.action == "route":
        return Target(caller.destination, by=(ROUTED,))
    return Target(hotline.destination)


def is_closed(hotline: Hotline, directory: Directory, now: datetime) -> bool:
    """Whether the hotline's hours plan is closed."""
    plan = directory.hours_plans.get(hotline.hours or "")
    return plan is not None and not hours.is_open(plan, now, directory.domain.time_zone)


def known(
    number: str, own: Caller | None, hotline: Hotline | None, directory: Directory
) -> Caller | None:
    """What is known of the caller of that number for calls to the hotline; None: nothing. `own` is
    that of the number itself, which counts before all patterns; of those the longest counts.
    """
    if hotline is None or not (own or directory.callers):
        return None
    found = (directory.callers.get(each) for each in _patterns(number, directory.domain.country))
    for each in (own, *found):
        if each and (not each.hotlines or hotline.canonical in each.hotlines):
            return each
    return None


def _patterns(number: str, country: str) -> Iterator[str]:
    """All that could stand for the number, those with the most of its digits first."""
    if number == numbers.ANONYMOUS:
        yield number
    elif parsed := numbers.parse(number, country):
        code, own = parsed.country_code, parsed.significant
        prefix = parsed.national.removesuffix(own)  # 0, for numbers of the country
        for digits in range(len(own), -1, -1):
            if code:
                yield f"+{code}{own[:digits]}*"
            yield f"{prefix}{own[:digits]}*"
        yield from (f"+{code[:digits]}*" for digits in range(len(code) - 1, 0, -1))
    yield "*"
