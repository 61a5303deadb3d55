"""Waiting in tests: for a condition, never for a time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any


async def until(
    condition: Callable[[], Any | Awaitable[Any]], timeout_s: float = 10.0, every_s: float = 0.01
) -> Any:
    """The first true value of the condition (a function or coroutine function), asked every
    `every_s`.

    Raises AssertionError with its last value after the time-out.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, (
            f"still {value!r} after {timeout_s} seconds"
        )
        await asyncio.sleep(every_s)
