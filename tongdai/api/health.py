"""Whether we live, whether we can serve, and what we measure: for whoever runs us."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import prometheus_client
import structlog
from litestar import HttpMethod, MediaType, Response, route
from litestar.types import ASGIApp
from msgspec import Struct

from tongdai import errors
from tongdai.api import answers, context, operations

_log = structlog.get_logger("tongdai.api")
_CHECK_S = 2.0
_ASKED = [HttpMethod.GET, HttpMethod.HEAD]  # many who watch want the head alone


class Alive(Struct, frozen=True):
    status: str


class Ready(Struct, frozen=True):
    """`checks` says "ok" of each part, or what it lacks."""

    status: str
    checks: dict[str, str]


_health: dict[str, Any] = operations.says(
    tag="Health", gives={200: ("We live.", Alive)}, is_public=True
)


@route("/healthz", http_method=_ASKED, opt=_health)
async def healthz() -> ASGIApp:
    """Whether the process lives."""
    return answers.json(Alive("ok"))


_ready: dict[str, Any] = operations.says(
    tag="Health",
    gives={200: ("We can serve.", Ready), 503: ("We cannot, and why.", Ready)},
    is_public=True,
)


@route("/readyz", http_method=_ASKED, opt=_ready)
async def readyz(request: context.Ask) -> ASGIApp:
    """Whether we can serve, and what is missing if not."""
    deps = context.of(request).deps
    checks = {"database": lambda: _database(context.of(request)), **deps.checks}
    found = await asyncio.gather(*(_checked(check) for check in checks.values()))
    lacks = any(one != "ok" for one in found)
    ready = Ready("unavailable" if lacks else "ok", dict(zip(checks, found, strict=True)))
    return answers.json(ready, status=503 if lacks else 200)


_metrics: dict[str, Any] = operations.says(
    tag="Health", gives={200: ("Metrics.", "text/plain")}, is_public=True
)


@route("/metrics", http_method=_ASKED, opt=_metrics, media_type=MediaType.TEXT)
async def metrics() -> Response[bytes]:
    """Measurements, for Prometheus."""
    return Response(
        prometheus_client.generate_latest(),
        headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
    )


async def _database(here: context.Context) -> None:
    async with here.pulse.beating():
        await here.deps.database.check()


async def _checked(check: Callable[[], Awaitable[object]]) -> str:
    """What is missing, in a line; "ok" where nothing is."""
    try:
        async with asyncio.timeout(_CHECK_S):
            await check()
    except TimeoutError:
        return "no answer"
    except errors.TongdaiError as reason:
        return str(reason)
    except Exception as reason:  # noqa: BLE001 a check may fail in any way, and readiness is to say so
        _log.exception("check failed")
        return type(reason).__name__
    return "ok"


HANDLERS = [healthz, readyz, metrics]
