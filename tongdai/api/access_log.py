"""The access log: one line, one measurement and one span for every request, with any response."""

import time
from functools import cache

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tongdai import tracing

_SECONDS = Histogram(
    "tongdai_http_seconds",
    "Seconds from a request's arrival to the end of its answer, by route.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"}


class AccessLog:
    """ASGI middleware. Logging is configured before it is made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._log = app, structlog.get_logger("tongdai.http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, then logs and measures it, within a span."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, began = 500, time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        after = Headers(scope=scope).get("traceparent", "") if tracing.is_on() else ""
        with tracing.span("request", after=after, kind="server") as span:
            try:
                await self._app(scope, receive, note)
            finally:
                _write(self._log, scope, status, time.perf_counter() - began)
                _describe(span, scope, status)


def _write(
    log: structlog.typing.FilteringBoundLogger, scope: Scope, status: int, seconds: float
) -> None:
    method = _method(scope)
    _of_route(method, scope.get("path_template") or "none", status).observe(seconds)
    log.info(
        "request",
        method=method,
        path=_printable(scope["path"]),
        status=status,
        ms=round(seconds * 1000, 1),
        address=scope["client"][0] if scope.get("client") else "",
    )


def _describe(span: tracing.Span, scope: Scope, status: int) -> None:
    """By the route: paths and queries hold tokens of recordings, and telephone numbers."""
    method, route = _method(scope), scope.get("path_template") or "none"
    span.rename(f"{method} {route}")
    span.set(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
    )
    if status >= 500:
        span.fail(str(status))


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


@cache
def _of_route(method: str, route: str, status: int) -> Histogram:
    """The label of a route in measurements: its template, never its path, since paths are
    unlimited in number.
    """
    return _SECONDS.labels(method, route, status)


def _printable(path: str) -> str:
    """At most 200 characters, and none that begins another line or changes a terminal's colours.

    A recording's token and the secret of a phone's link are not logged.
    """
    for secret in ("/recordings/", "/provisioning/"):
        if path.startswith(secret):
            return f"{secret}..."
    return (
        path[:200].encode("unicode_escape").decode()
        if not path.isascii() or not path.isprintable()
        else path[:200]
    )
