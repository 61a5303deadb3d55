"""The HTTP API of the reference, in JSON: one module for each noun. It never talks to the switch:
see `tongdai.store.commands`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from tongdai import errors
from tongdai.api import (
    admin,
    api_keys,
    auth,
    bans,
    browser_phones,
    bulk,
    callers,
    calls,
    cdr_files,
    cdrs,
    click2call,
    company,
    control,
    deliveries,
    developer_links,
    domains,
    events,
    feature_codes,
    feed,
    guides,
    health,
    idempotency,
    live,
    live_overview,
    operations,
    outstanding,
    overview,
    pages,
    phones,
    problems,
    prompts,
    provisioning,
    recordings,
    reports,
    routes,
    sandbox,
    saved_searches,
    second_factors,
    sessions,
    timelines,
    trunk_trials,
    turn,
    users,
    v3_cdrs,
    v3_extensions,
)
from tongdai.api.access_log import AccessLog
from tongdai.api.connections import Connections, Protocol
from tongdai.api.context import Context, Deps, IceSettings, Sandbox, Timing
from tongdai.api.feeds import Feeds
from tongdai.api.server import Server
from tongdai.api.sip_websocket import SipWebSocket

__all__ = [
    "OPERATIONS",
    "Connections",
    "Deps",
    "Feeds",
    "IceSettings",
    "Protocol",
    "Sandbox",
    "Server",
    "SipWebSocket",
    "Timing",
    "create",
]

OPERATIONS: tuple[operations.Operation, ...] = (
    *cdrs.OPERATIONS,
    *reports.OPERATIONS,
    *click2call.OPERATIONS,
    *timelines.OPERATIONS,  # before those of any id, which may have slashes
    *control.OPERATIONS,
    *calls.OPERATIONS,
    *live.OPERATIONS,
    *live_overview.OPERATIONS,
    *auth.OPERATIONS,
    *sessions.OPERATIONS,
    *second_factors.OPERATIONS,
    *saved_searches.OPERATIONS,
    *developer_links.OPERATIONS,
    *feed.OPERATIONS,
    *outstanding.OPERATIONS,
    *events.OPERATIONS,
    *deliveries.OPERATIONS,
    *recordings.OPERATIONS,
    *v3_cdrs.OPERATIONS,
    *v3_extensions.OPERATIONS,
    *api_keys.OPERATIONS,
    *bulk.OPERATIONS,
    *callers.OPERATIONS,
    *feature_codes.OPERATIONS,
    *admin.OPERATIONS,
    *prompts.OPERATIONS,
    *company.OPERATIONS,
    *domains.OPERATIONS,
    *users.OPERATIONS,
    *phones.OPERATIONS,
    *trunk_trials.OPERATIONS,
    *provisioning.OPERATIONS,
    *bans.OPERATIONS,
    *overview.OPERATIONS,
    *routes.OPERATIONS,
    *sandbox.OPERATIONS,
    *turn.OPERATIONS,
    *browser_phones.OPERATIONS,
    *health.OPERATIONS,
)
"""Every operation. Routes are tried in this order, so the most used ones come first, and
/v1/event/feed before /v1/event/{id}, and those of many extensions before that of one.
"""
_EXPOSED = (
    "Retry-After",
    "WWW-Authenticate",
    "Content-Range",
    "ETag",
    idempotency.REPLAYED,
    cdr_files.TOTAL,
)


def create(deps: Deps) -> ASGIApp:
    """The ASGI application. From start-up to shutdown it gets notifications of changes and
    outcomes from the database.
    """
    context = Context(deps)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await context.listen()
        yield
        await context.close()

    declared = (*OPERATIONS, *pages.operations(OPERATIONS), *guides.OPERATIONS)
    router = Router(
        operations.routes(context, declared),
        default=_not_found,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    cors = CORSMiddleware(
        router,
        allow_origins=deps.cors_origins,
        allow_methods=sorted({method for one in declared for method in one.methods}),
        allow_headers=["*"],  # any header that a page adds; the token is one of them
        allow_credentials=False,  # cookies are for pages of our own
        expose_headers=_EXPOSED,
        max_age=86_400,
    )
    zipped = GZipMiddleware(cors, minimum_size=1024, compresslevel=4)
    return AccessLog(TrailingSlashes(zipped))


class TrailingSlashes:
    """ASGI middleware: /v1/cdr/ is /v1/cdr."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request by its path without slashes at the end."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/") or "/"
        await self._app(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Responds to a request without a route; a WebSocket is closed."""
    if scope["type"] != "http":
        return await WebSocketClose()(scope, receive, send)
    language = problems.language_of(Headers(scope=scope).get("accept-language", ""))
    refusal = problems.response(errors.NotFound(), language, scope["path"])
    return await refusal(scope, receive, send)
