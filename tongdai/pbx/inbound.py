"""The first target of a call to a hotline: its destination, or another one for a reason."""

from datetime import datetime
from operator import itemgetter

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
    found = _matching(number, directory) if directory.callers else []
    for each in [own, *found]:
        if each and (not each.hotlines or hotline.canonical in each.hotlines):
            return each
    return None


def _matching(number: str, directory: Directory) -> list[Caller]:
    """The patterns that match the number, those with the most of its digits first. Each is a
    beginning of the number as it is dialled in its country, or from abroad.
    """
    callers = directory.callers
    rest = [callers["*"]] if "*" in callers else []
    if number == numbers.ANONYMOUS:
        return [callers[number], *rest] if number in callers else rest
    parsed = numbers.parse(number, directory.domain.country)
    if parsed is None:
        return rest
    own, national, code = parsed.significant, parsed.national, parsed.country_code
    # 1: the 0 of numbers of the country
    found = _beginnings(national, len(national) - len(own), len(national) - len(own), directory)
    if code:
        found = _beginnings(f"+{code}{own}", len(code) + 1, 2, directory) + found
    found.sort(key=itemgetter(0), reverse=True)
    return [each for _, each in found] + rest


def _beginnings(
    text: str, head: int, least: int, directory: Directory
) -> list[tuple[int, Caller]]:
    """The patterns that are beginnings of the text, of `least` characters or more, with how many
    they have after its `head`.
    """
    callers = directory.callers
    return [
        (length - head, each)
        for length in directory.caller_lengths
        if length >= least and (each := callers.get(f"{text[:length]}*"))
    ]
