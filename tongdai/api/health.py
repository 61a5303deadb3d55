"""Liveness, readiness and metrics, for the operator."""

import asyncio
from collections.abc import Awaitable, Callable

import prometheus_client
import structlog
from msgspec import Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import responses
from tongdai.api.context import Context
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.requests import Request

_log = structlog.get_logger("tongdai.api")


class Alive(Struct, frozen=True):
    status: str


class Ready(Struct, frozen=True):
    """`checks` has "ok" for each part, or what it lacks."""

    status: str
    checks: dict[str, str]


@operation(
    "GET",
    "/healthz",
    may=PUBLIC,
    tag="Health",
    gives={200: ("The process lives.", Alive)},
    is_limited=False,
)
async def healthz() -> ASGIApp:
    """Whether the process lives."""
    return responses.json(Alive("ok"))


@operation(
    "GET",
    "/readyz",
    may=PUBLIC,
    tag="Health",
    gives={200: ("We can serve.", Ready), 503: ("We cannot, and why.", Ready)},
    is_limited=False,
)
async def readyz(request: Request) -> ASGIApp:
    """Whether we can serve, and what is missing if not.

    The database and the data folder are written to: 503 also where a volume is full.
    """
    context = request.context
    checks = {"database": lambda: _database(context), **context.deps.checks}
    limit_s = context.deps.timing.check_s
    found = await asyncio.gather(*(_checked(check, limit_s) for check in checks.values()))
    lacks = any(one != "ok" for one in found)
    ready = Ready("unavailable" if lacks else "ok", dict(zip(checks, found, strict=True)))
    return responses.json(ready, status=503 if lacks else 200)


@operation(
    "GET",
    "/metrics",
    may=PUBLIC,
    tag="Health",
    gives={200: ("Metrics.", "text/plain")},
    is_limited=False,
)
async def metrics(request: Request) -> ASGIApp:
    """Measurements, for Prometheus."""
    return Response(
        request.context.deps.metrics(),
        headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
    )


async def _database(context: Context) -> None:
    async with context.health_probe.while_healthy():
        await context.deps.database.check_writes()


async def _checked(check: Callable[[], Awaitable[object]], limit_s: float) -> str:
    """One line that names what is missing, or "ok"."""
    try:
        async with asyncio.timeout(limit_s):
            await check()
    except TimeoutError:
        return "no answer"
    except errors.TongdaiError as reason:
        return str(reason)
    except Exception as reason:  # noqa: BLE001 a check may fail in any way, and readiness must report it
        _log.exception("check failed")
        return type(reason).__name__
    return "ok"


OPERATIONS = (healthz, readyz, metrics)
