"""The clock by which calls are routed and fallback plans are made; tests give another."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

WallClock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The moment, of the machine's clock."""
    return datetime.now(UTC)
