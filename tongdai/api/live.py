"""Live state: what goes on in a domain, once or as a stream of server-sent events."""

import asyncio
from contextlib import suppress
from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai import errors, messages
from tongdai.api import problems, responses, streams
from tongdai.api.boards import Board
from tongdai.api.operations import operation, permitted, principal_of
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import live as dialect

_LARGEST = 2**63 - 1


def _seq(text: str, _: str) -> int:
    """Raises errors.Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST):
        raise errors.Invalid(messages.SEQ_NEEDED, field="Last-Event-ID")
    return int(text)


class LiveHeaders(
    Struct, frozen=True, rename={"last_event_id": "Last-Event-ID", "accept": "Accept"}
):
    last_event_id: Annotated[
        int | None,
        Meta(
            description="The last `id` of a stream: only what has changed since is sent. Browsers "
            "send it when they connect again.",
            extra={"read": _seq},
            extra_json_schema={"type": "string"},
        ),
    ] = None
    accept: Annotated[
        str, Meta(description=f"`{streams.MEDIA_TYPE}` for a stream of server-sent events.")
    ] = ""


@operation(
    "GET",
    "/v1/live",
    may="call:read",
    tag="Live calls",
    gives={
        200: (
            "All that goes on; or, where `Accept` asks for it, a stream of that and its changes.",
            (dialect.LiveState, streams.MEDIA_TYPE),
        )
    },
    fails=(errors.Invalid, errors.TooManyRequests, errors.SwitchDown),
)
async def read_live(request: Request, principal: Principal, headers: LiveHeaders) -> ASGIApp:
    """Show what goes on in the domain: calls, queues with who waits, agents, registrations,
    trunks.

    As a stream, the first event is `state`, with everything; each later one is `changes`, with
    what has changed since: things as they are now, by kind, and in `gone` the ids of those that
    are no more. Changes are gathered for a tenth of a second. A stream that goes on after
    `Last-Event-ID` begins with the changes since, or with `state` where they are not known.
    """
    if streams.MEDIA_TYPE in headers.accept:
        return LiveStream(request, principal, headers.last_event_id)
    async with request.context.boards.listening(principal.domain_uuid) as board:
        return responses.encoded(board.state(), headers=responses.NO_STORE)


class LiveStream:
    """An ASGI response: server-sent events until the reader leaves, takes nothing for a minute, or
    may no longer read; or until we stop.
    """

    def __init__(self, request: Request, principal: Principal, after: int | None) -> None:
        self._request, self._boards = request, request.context.boards
        self._domain_uuid, self._after = principal.domain_uuid, -1 if after is None else after
        self._reader_s = request.context.deps.timing.reader_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Errors before anything is sent become a response of their own."""
        try:
            async with self._boards.listening(self._domain_uuid) as board:
                await self._stream(board, send)
        except (errors.TooManyRequests, errors.SwitchDown) as reason:
            refusal = problems.response(reason, self._request.language, scope["path"])
            await refusal(scope, receive, send)

    async def _stream(self, board: Board, send: Send) -> None:
        closing = self._request.context.feeds.closing
        with suppress(TimeoutError):  # the reader takes nothing
            await send({"type": "http.response.start", "status": 200, "headers": streams.HEADERS})
            await streams.while_there(self._request, closing, self._pump(board, send))
            async with asyncio.timeout(streams.END_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, board: Board, send: Send) -> None:
        await self._send(send, b"retry: %d\n\n" % streams.RETRY_MS)
        while not board.is_stale and await self._is_allowed():
            news = board.news
            if self._after != board.seq:
                text, self._after = board.text(self._after), board.seq
                await self._send(send, text)
            elif not await streams.came(news, self._boards.heartbeat_s):
                await self._send(send, b":\n\n")

    async def _send(self, send: Send, body: bytes) -> None:
        """Raises TimeoutError when the reader takes nothing. Nothing is kept for it meanwhile."""
        await streams.sent(send, body, self._reader_s)

    async def _is_allowed(self) -> bool:
        try:
            with suppress(errors.Unavailable):
                permitted(await principal_of(self._request), "call:read")
        except (errors.NotAuthenticated, errors.Forbidden):
            return False
        return True


OPERATIONS = (read_live,)
