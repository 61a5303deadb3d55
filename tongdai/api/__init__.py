"""The HTTP API of the reference, in JSON: one module for each noun. It never speaks to the switch:
see `tongdai.store.commands`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai.api import (
    auth,
    cdrs,
    click2call,
    deliveries,
    events,
    feed,
    health,
    operations,
    owed,
    pages,
    problems,
    recordings,
    sandbox,
)
from tongdai.api.access_log import AccessLog
from tongdai.api.bad_requests import Protocol
from tongdai.api.context import Context, Deps, Sandbox
from tongdai.api.feeds import Feeds
from tongdai.api.server import Server

__all__ = ["OPERATIONS", "Deps", "Feeds", "Protocol", "Sandbox", "Server", "create"]

OPERATIONS: tuple[operations.Operation, ...] = (
    *auth.OPERATIONS,
    *feed.OPERATIONS,
    *owed.OPERATIONS,
    *events.OPERATIONS,
    *deliveries.OPERATIONS,
    *cdrs.OPERATIONS,
    *click2call.OPERATIONS,
    *recordings.OPERATIONS,
    *sandbox.OPERATIONS,
    *health.OPERATIONS,
)
"""Every operation. Where two paths fit a request the first one serves it: /v1/event/feed stands
before /v1/event/{id}."""
_EXPOSED = ("Retry-After", "WWW-Authenticate", "Content-Range")


def create(deps: Deps) -> Starlette:
    """The application. Between its start-up and shutdown it hears of changes and outcomes from the
    database.
    """
    context = Context(deps)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await context.listen()
        yield
        await context.close()

    declared = (*OPERATIONS, *pages.operations(OPERATIONS))
    app = Starlette(
        routes=operations.routes(context, declared),
        middleware=[
            Middleware(AccessLog),
            Middleware(TrailingSlashes),
            # any header may come along: the token is one, and no cookie counts
            Middleware(
                CORSMiddleware,
                allow_origins=deps.cors_origins,
                allow_methods=sorted({method for one in declared for method in one.methods}),
                allow_headers=["*"],
                allow_credentials=False,
                expose_headers=_EXPOSED,
                max_age=86_400,
            ),
        ],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class TrailingSlashes:
    """ASGI middleware: /v1/cdr/ is /v1/cdr."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is served by its path without slashes at the end."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/") or "/"
        await self._app(scope, receive, send)


async def _refuse(request: Request, reason: Exception) -> Response:
    """The response to a request that no route serves."""
    language = problems.language_of(request.headers.get("accept-language", ""))
    return problems.response(reason, language, request.scope["path"])
