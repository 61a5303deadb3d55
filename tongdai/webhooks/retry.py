"""The verdict on an attempt: delivered, retried later, or failed. Pure: the caller passes time and
random numbers.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from tongdai.store.acceptance import is_accepted

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
"""Seconds from one attempt to the next (the example of Standard Webhooks): 10 attempts within
about 75 hours.
"""
JITTER = 0.2
"""Random change of each wait, up and down, so that an endpoint that returns does not get all
deliveries at once.
"""
THROTTLED_S = MINUTE
"""The shortest wait, in seconds, for an endpoint that is overloaded or too slow to respond."""
THROTTLED = frozenset({429, 502, 504})
DISABLE_AFTER = timedelta(hours=120)
"""A subscription that had nothing but failures for so long is disabled; one success restarts the
count.
"""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one POST."""

    status: int = 0  # HTTP status; 0: no response
    error: str = ""  # why the POST got no response, in words for the subscriber
    latency_s: float = 0.0
    retry_after_s: float | None = None
    is_timeout: bool = False
    is_hopeless: bool = False  # it can never be sent: the next attempt would fail too


class Verdict(msgspec.Struct, frozen=True):
    """`delay_s` is the wait until the next attempt, for "due" alone. `disable` is the reason to
    disable the subscription, or "".
    """

    state: Literal["delivered", "due", "failed"]
    delay_s: float = 0.0
    disable: str = ""


def judge(
    attempt: int, answer: Answer, chance: float, *, accept_redirects: bool = False
) -> Verdict:
    """The verdict on attempt 1, 2, ... `chance` is a random number from 0 to 1.

    Redirects are not followed, and 410 means that the receiver wants no more events.
    """
    if is_accepted(answer.status, accept_redirects=accept_redirects):
        return Verdict("delivered")
    if answer.status == 410:
        return Verdict("failed", disable="The endpoint answered 410 Gone.")
    if answer.is_hopeless or attempt > len(SCHEDULE_S):
        return Verdict("failed")
    return Verdict("due", delay_s(attempt, answer, chance))


def delay_s(attempt: int, answer: Answer, chance: float) -> float:
    """Seconds from a failed attempt to the next. Retry-After is obeyed up to twice our own
    wait.
    """
    is_throttled = answer.status in THROTTLED or answer.is_timeout
    least = THROTTLED_S if is_throttled else 0.0
    step = max(SCHEDULE_S[attempt - 1], least)
    if answer.retry_after_s is not None:
        least = max(least, min(answer.retry_after_s, 2 * step))
    return max(step * (1 - JITTER + 2 * JITTER * chance), least)


def disable_reason(failing_since: datetime, now: datetime) -> str:
    """The reason to disable a subscription now that had nothing but failures since then; "": it
    stays enabled. Both times in UTC.
    """
    if now - failing_since < DISABLE_AFTER:
        return ""
    return f"Nothing but failures since {failing_since:%Y-%m-%d %H:%M} UTC."
