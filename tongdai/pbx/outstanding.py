"""What a call has yet to publish: its events and its record are outstanding until all of it is
committed.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from tongdai.pbx.call import LONGEST_S, Call, Ended

FINISHING_S = 120  # how long a recording may take to be closed and kept
LATE_S = 300  # how much longer than the longest talk a call may stand, before we end it


class Fault(StrEnum):
    GONE = "gone"  # the switch no longer has its channels, and did not say so
    UNFINISHED = "unfinished"  # it has ended, and its last event is not published
    STUCK = "stuck"  # it lasts longer than any call may


def fault(
    call: Call,
    running: Collection[str],
    now: datetime,
    *,
    finishing_s: float = FINISHING_S,
    longest_s: float = LONGEST_S + LATE_S,
) -> Fault | None:
    """What is wrong with a call, when these channels run on the switch; None for one that takes
    its course.
    """
    if isinstance(call.course, Ended):
        is_late = now > (call.ended_at or call.started_at) + timedelta(seconds=finishing_s)
        return Fault.UNFINISHED if is_late else None
    if any(leg.channel not in running for leg in call.live_legs) or not call.live_legs:
        return Fault.GONE
    since = max(leg.connected_at or leg.started_at for leg in call.live_legs)
    if now > max(since, call.returned_at or since) + timedelta(seconds=longest_s):
        return Fault.STUCK
    return None


def events(call: Call) -> tuple[str, ...]:
    """The names of the events that an ended call has yet to publish, in order."""
    if isinstance(call.course, Ended):
        return ("cdr",)
    is_missed = call.direction == "inbound" and not call.answered_at
    return ("hangup", "missed", "cdr") if is_missed else ("hangup", "cdr")
