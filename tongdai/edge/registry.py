"""The metrics of the edge proxy, which are not those of the process that starts it."""

from prometheus_client import CollectorRegistry

REGISTRY = CollectorRegistry()
