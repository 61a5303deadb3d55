"""Streams of server-sent events (WHATWG HTML §9.2), as the event feed and live state send them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive, Send

from tongdai.api.requests import Request

Result = TypeVar("Result")

MEDIA_TYPE = "text/event-stream"
END_S = 1.0  # for the end of a response, when we stop too
RETRY_MS = 2000  # milliseconds until a browser connects again
HEADERS = [
    (b"content-type", f"{MEDIA_TYPE}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would buffer events
]


async def sent(send: Send, body: bytes, within_s: float) -> None:
    """Raises TimeoutError when the reader takes nothing for so long."""
    async with asyncio.timeout(within_s):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def while_there(
    request: Request, closing: asyncio.Event, work: Coroutine[Any, Any, Result]
) -> Result | None:
    """The result of the work; None when the client disconnects first, or `closing` is set. Raises
    the errors of the work.
    """
    working = asyncio.create_task(work)
    ends = [
        asyncio.create_task(_left(request.receive)),
        asyncio.create_task(closing.wait()),
    ]
    try:
        await asyncio.wait((working, *ends), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *ends):
            task.cancel()
        await asyncio.gather(working, *ends, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def came(news: asyncio.Event, within_s: float) -> bool:
    """Whether the event was set within that time."""
    try:
        async with asyncio.timeout(within_s):
            return await news.wait()
    except TimeoutError:
        return False
