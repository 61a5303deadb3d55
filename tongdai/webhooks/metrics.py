"""Measurements of the dispatcher, in a registry of their own: the process that delivers exports
them, and /metrics may be served by another process.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tongdai.store.measured import Webhooks

REGISTRY = CollectorRegistry()

_attempts = Counter(
    "tongdai_delivery_attempts",
    "POSTs to subscribers, by the state that followed.",
    ["state"],
    registry=REGISTRY,
)
attempts = {state: _attempts.labels(state) for state in ("delivered", "due", "failed")}
latency = Histogram(
    "tongdai_delivery_post_seconds",
    "Time of one POST.",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
    registry=REGISTRY,
)
age = Histogram(
    "tongdai_delivery_age_seconds",
    "From the publishing of an event to its delivery.",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000, 10_000, 100_000),
    registry=REGISTRY,
)
outstanding = Gauge(
    "tongdai_deliveries_outstanding",
    "Deliveries neither delivered nor given up; counted up to 100,000.",
    registry=REGISTRY,
)
_due = Gauge("tongdai_deliveries_due", "The same by domain.", ["domain"], registry=REGISTRY)
_failing = Gauge(
    "tongdai_subscriptions_failing",
    "Subscriptions whose latest delivery failed.",
    ["domain"],
    registry=REGISTRY,
)


def show(found: Sequence[Webhooks]) -> None:
    """The gauges of deliveries and subscriptions are as given."""
    outstanding.set(sum(one.due for one in found))
    _due.clear()
    _failing.clear()
    for one in found:
        _due.labels(one.domain).set(one.due)
        _failing.labels(one.domain).set(one.failing)
