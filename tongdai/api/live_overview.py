"""Live state of all domains, for operators: once, or as one stream of server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai import errors
from tongdai.api import changes, resources, responses, streams
from tongdai.api.boards import GATHER_S, Board
from tongdai.api.operations import operation, permitted, principal_of
from tongdai.api.principals import Caller
from tongdai.api.requests import Request
from tongdai.dialects import live as dialect
from tongdai.permissions import Permission
from tongdai.store import domains

_LOOK_S = 2 * GATHER_S  # between two looks at the boards, which the engine fills as often
_PERMISSION: Permission = "domain:operate"


class LiveOverviewHeaders(Struct, frozen=True, rename={"accept": "Accept"}):
    accept: Annotated[
        str, Meta(description=f"`{streams.MEDIA_TYPE}` for a stream of server-sent events.")
    ] = ""


@operation(
    "GET",
    "/v1/admin/live",
    may=_PERMISSION,
    tag=resources.TAG,
    gives={
        200: (
            "All that goes on, by domain; or, where `Accept` asks for it, a stream of it.",
            (dialect.LiveStates, streams.MEDIA_TYPE),
        )
    },
    fails=(errors.TooManyRequests,),
)
async def read_live_of_all(
    request: Request, principal: Caller, headers: LiveOverviewHeaders
) -> ASGIApp:
    """Show what goes on in all domains.

    The stream has the events of `GET /v1/live`, each with the name of its `domain`: first a
    `state` of each, then their `changes`. It cannot be gone on from: who connects again gets each
    `state` anew. It ends when domains are made, switched on or off, or deleted, or when an engine
    goes; domains whose switch cannot be reached then are left out.
    """
    if streams.MEDIA_TYPE in headers.accept:
        return LiveOfAll(request, principal)
    names = await _names(request, principal)
    async with _boards(request, names) as boards:
        states = b",".join(board.state(name) for name, board in boards.items())
    return responses.encoded(b'{"domains":[%s]}' % states, headers=responses.NO_STORE)


class LiveOfAll:
    """An ASGI response, as live.LiveStream."""

    def __init__(self, request: Request, principal: Caller) -> None:
        self._request, self._principal = request, principal
        self._timing = request.context.deps.timing

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Streams."""
        closing = self._request.context.feeds.closing
        self._names = await _names(self._request, self._principal)
        async with _boards(self._request, self._names) as boards:
            with suppress(TimeoutError):  # the reader takes nothing
                start = {"type": "http.response.start", "status": 200, "headers": streams.HEADERS}
                await send(start)
                await streams.while_there(self._request, closing, self._pump(boards, send))
                async with asyncio.timeout(streams.END_S):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, boards: Mapping[str, Board], send: Send) -> None:
        known = dict.fromkeys(boards, -1)
        clock = asyncio.get_running_loop().time
        looked_at = sent_at = clock()
        await self._send(send, b"retry: %d\n\n" % streams.RETRY_MS)
        while not any(board.is_stale for board in boards.values()):
            news = [name for name, board in boards.items() if board.seq != known[name]]
            for name in news:
                text, known[name] = boards[name].text(known[name], name), boards[name].seq
                await self._send(send, text)
            if news:
                sent_at = clock()
            elif clock() > sent_at + self._timing.heartbeat_s:
                await self._send(send, b":\n\n")
                sent_at = clock()
            if clock() > looked_at + self._timing.heartbeat_s:
                if await self._is_over():
                    return
                looked_at = clock()
            await asyncio.sleep(_LOOK_S)

    async def _send(self, send: Send, body: bytes) -> None:
        await streams.sent(send, body, self._timing.reader_s)

    async def _is_over(self) -> bool:
        """Whether the reader may no longer read, or there are other domains now."""
        try:
            with suppress(errors.Unavailable):
                permitted(await principal_of(self._request), _PERMISSION, needs_domain=False)
                return await _names(self._request, self._principal) != self._names
        except (errors.NotAuthenticated, errors.Forbidden):
            return True
        return False


async def _names(request: Request, principal: Caller) -> dict[str, UUID]:
    """The enabled domains that the request is about."""
    async with changes.reading(request, principal, beyond=True) as tx:
        found = await domains.list(tx)
    own = principal.domain_uuid
    return {
        one.name: one.domain_uuid
        for one in found
        if one.enabled and own in (None, one.domain_uuid)
    }


@asynccontextmanager
async def _boards(request: Request, names: Mapping[str, UUID]) -> AsyncIterator[dict[str, Board]]:
    """The complete boards of these domains, but for those that no engine publishes. Raises
    errors.TooManyRequests.
    """
    async with AsyncExitStack() as stack:

        async def listened(domain_uuid: UUID) -> Board | None:
            try:
                listening = request.context.boards.listening(domain_uuid)
                return await stack.enter_async_context(listening)
            except errors.SwitchDown:
                return None

        try:
            # one that is refused cancels the others: nobody listens any more
            async with asyncio.TaskGroup() as group:
                found = [group.create_task(listened(one)) for one in names.values()]
        except ExceptionGroup as refused:
            raise refused.exceptions[0] from refused
        boards = zip(names, (one.result() for one in found), strict=True)
        yield {name: board for name, board in boards if board}


OPERATIONS = (read_live_of_all,)
