"""Waiting in tests: for a condition, never for a time."""

from testbed.until import until

__all__ = ["until"]
