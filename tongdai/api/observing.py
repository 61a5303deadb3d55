"""One log line and one measurement for every request, whatever becomes of it."""

import time
from functools import cache
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Histogram

_SECONDS = Histogram(
    "tongdai_http_seconds",
    "Seconds from a request's arrival to the end of its answer, by route.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"}


def observed(app: ASGIApp) -> ASGIApp:
    """The application, watched. Logging is set up before."""
    log = structlog.get_logger("tongdai.http").bind()

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return await app(scope, receive, send)
        status, began = 500, time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, note)
        finally:
            _tell(log, scope, status, time.perf_counter() - began)

    return watch


def _tell(
    log: structlog.typing.FilteringBoundLogger, scope: Any, status: int, seconds: float
) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    _of_route(method, scope.get("path_template") or "none", status).observe(seconds)
    log.info(
        "request",
        method=method,
        path=_printable(scope["path"]),
        status=status,
        ms=round(seconds * 1000, 1),
        address=scope["client"][0] if scope.get("client") else "",
    )


@cache
def _of_route(method: str, route: str, status: int) -> Histogram:
    """The measurement of a route by its template: never by a path, of which there are without
    number.
    """
    return _SECONDS.labels(method, route, status)


def _printable(path: str) -> str:
    """At most 200 characters and none that could begin another line or colour a terminal.

    A recording's token is a secret, and not shown.
    """
    if path.startswith("/recordings/"):
        return "/recordings/..."
    return (
        path[:200].encode("unicode_escape").decode()
        if not path.isascii() or not path.isprintable()
        else path[:200]
    )
