"""Is asked, in JSON: the HTTP API of the reference, one module a noun. It never speaks to the
switch: see commands.
"""

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State

from tongdai.api import (
    auth,
    cdrs,
    click2call,
    context,
    deliveries,
    events,
    feed,
    health,
    inputs,
    observing,
    owed,
    pages,
    problems,
    recordings,
    sandbox,
    straight,
)
from tongdai.api.context import Context, Deps, Sandbox
from tongdai.api.feeds import Feeds
from tongdai.api.unreadable import Protocol

__all__ = ["Deps", "Feeds", "Protocol", "Sandbox", "create"]

_NOUNS = (
    auth,
    events,
    deliveries,
    feed,
    owed,
    cdrs,
    click2call,
    recordings,
    sandbox,
    health,
    pages,
)
_HEADERS = [
    "Authorization",
    "Content-Type",
    "Accept-Language",
    "Idempotency-Key",
    "Range",
    "Last-Event-ID",
]
_EXPOSED = ["Retry-After", "WWW-Authenticate", "Content-Range"]


def create(deps: Deps) -> Litestar:
    """The application. Between its start-up and shutdown it hears of changes and outcomes from the
    database.
    """
    here = Context(deps)
    app = Litestar(
        [handler for noun in _NOUNS for handler in noun.HANDLERS],
        state=State({"context": here}),
        on_startup=[here.listen],
        on_shutdown=[here.close],
        before_request=context.admit,
        exception_handlers={Exception: problems.answer},
        cors_config=CORSConfig(
            allow_origins=list(deps.cors_origins),
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=_HEADERS,
            expose_headers=_EXPOSED,
            max_age=86_400,
        ),
        request_max_body_size=inputs.MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = observing.observed(straight.straight(app))
    return app
