"""The first target of a call to a hotline: its destination, or another one for a reason."""

from datetime import datetime

import msgspec

from tongdai.pbx import causes, hours
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.directory import Directory, Hotline

CLOSED = "closed"
"""A reason: the hotline's hours plan is closed."""


class Target(msgspec.Struct, frozen=True):
    """A number of the domain, or outside; "" releases the call by `release`. `by`: the reasons why
    it is not the hotline's destination.
    """

    number: str
    release: ReleaseCause = causes.UNALLOCATED
    by: tuple[str, ...] = ()


def target(hotline: Hotline, directory: Directory, now: datetime) -> Target:
    """The target of a call to an enabled hotline at `now`."""
    if is_closed(hotline, directory, now):
        release = causes.REJECTIONS[hotline.closed_cause]
        return Target(hotline.closed_destination, release, (CLOSED,))
    return Target(hotline.destination)


def is_closed(hotline: Hotline, directory: Directory, now: datetime) -> bool:
    """Whether the hotline's hours plan is closed."""
    plan = directory.hours_plans.get(hotline.hours or "")
    return plan is not None and not hours.is_open(plan, now, directory.domain.time_zone)
