"""The events and the record that a call has yet to publish: they are outstanding until all are
committed.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from tongdai.pbx import hangups
from tongdai.pbx.call import LONGEST_S, Call, Ended

FINISHING_S = 120  # for closing and storing a recording
LATE_S = 300  # beyond the longest talk; then we end the call


class Fault(StrEnum):
    GONE = "gone"  # its channels are gone, without an event
    UNFINISHED = "unfinished"  # it has ended, but its last event is not published
    STUCK = "stuck"  # it lasts longer than any call may


def fault(
    call: Call,
    running: Collection[str],
    now: datetime,
    *,
    finishing_s: float = FINISHING_S,
    longest_s: float = LONGEST_S + LATE_S,
) -> Fault | None:
    """The fault of a call, if these are the channels on the switch; None without a fault."""
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
    """The names of the outstanding events of an ended call, in order."""
    if isinstance(call.course, Ended):
        return ("cdr",)
    hangup, missed = ("hangup",) * hangups.is_outstanding(call), ("missed",) * call.is_missed
    return (*hangup, *missed, "cdr")
