"""What follows from an attempt: delivered, again later, or given up. Pure: clock and chance are
handed in.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

MINUTE, HOUR = 60.0, 3600.0

SCHEDULE_S = (
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Seconds from one attempt to the next (Standard Webhooks' example): 10 attempts within about 75
hours."""
JITTER = 0.2
"""Waits differ by as much either way, so that an endpoint that comes back is not hit by all
deliveries at once."""
THROTTLED_S = MINUTE
"""The least wait for an endpoint that is overloaded, or too slow to answer."""
THROTTLED = frozenset({429, 502, 504})
DISABLE_AFTER = timedelta(hours=120)
"""A subscription that has had nothing but failures for so long is disabled; after one success the
time is counted from the start."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How one POST went."""

    status: int = 0  # HTTP status; 0: no answer
    error: str = ""  # what kept the POST from an answer, in words for the subscriber
    latency_s: float = 0.0
    retry_after_s: float | None = None
    is_timeout: bool = False
    is_hopeless: bool = False  # it can never be sent: the next attempt would fail alike


class Verdict(msgspec.Struct, frozen=True):
    """`delay_s` is to the next attempt, for "due" alone. `disable` says why the subscription ends,
    or "".
    """

    state: Literal["delivered", "due", "failed"]
    delay_s: float = 0.0
    disable: str = ""


def judge(attempt: int, answer: Answer, chance: float) -> Verdict:
    """The verdict on attempt 1, 2, ... `chance` is random, from 0 to 1.

    Only 2xx is success: a redirect is not followed, and 410 says that nobody wants these events
    any more.
    """
    if 200 <= answer.status < 300:
        return Verdict("delivered")
    if answer.status == 410:
        return Verdict("failed", disable="The endpoint answered 410 Gone.")
    if answer.is_hopeless or attempt > len(SCHEDULE_S):
        return Verdict("failed")
    return Verdict("due", delay_s(attempt, answer, chance))


def delay_s(attempt: int, answer: Answer, chance: float) -> float:
    """Seconds from a failed attempt to the next. Retry-After is honoured up to twice what we would
    wait anyway.
    """
    is_throttled = answer.status in THROTTLED or answer.is_timeout
    least = THROTTLED_S if is_throttled else 0.0
    step = max(SCHEDULE_S[attempt - 1], least)
    if answer.retry_after_s is not None:
        least = max(least, min(answer.retry_after_s, 2 * step))
    return max(step * (1 - JITTER + 2 * JITTER * chance), least)


def disable_reason(failing_since: datetime, now: datetime) -> str:
    """Why a subscription with nothing but failures since then is disabled now; "": it is not.
    Both times in UTC.
    """
    if now - failing_since < DISABLE_AFTER:
        return ""
    return f"Nothing but failures since {failing_since:%Y-%m-%d %H:%M} UTC."
