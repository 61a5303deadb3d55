"""A circuit breaker for each endpoint: the latest attempts decide how freely the endpoint is sent
to. Pure: the caller passes the time.
"""

from typing import Literal

FAILURE_THRESHOLD = 3
"""Consecutive failures; after more of them the breaker is open between probes."""

State = Literal["closed", "half-open", "open"]


class CircuitBreaker:
    """The state of one endpoint.

    Closed: deliveries flow, several at a time. Half-open: one probe at a time. Open: nothing is
    sent before `probe_at`. An endpoint without a known attempt begins half-open: it has not shown
    yet that it responds.
    """

    __slots__ = ("_probe_every_s", "failures", "probe_at")

    def __init__(self, failures: int | None, probe_every_s: float) -> None:
        self.failures = failures  # consecutive failures; None: no attempt is known
        self.probe_at = 0.0  # event loop time
        self._probe_every_s = probe_every_s

    @property
    def is_closed(self) -> bool:
        return self.failures == 0

    def state(self, now: float) -> State:
        """The state at that event loop time."""
        if self.failures == 0:
            return "closed"
        return "half-open" if now >= self.probe_at else "open"

    def record(self, now: float, *, is_taken: bool) -> None:
        """Counts one attempt: the endpoint accepted the delivery, or it did not."""
        self.failures = 0 if is_taken else (self.failures or 0) + 1
        is_open = self.failures > FAILURE_THRESHOLD
        self.probe_at = now + self._probe_every_s if is_open else 0.0
