"""Long responses that are sent piece by piece as they come."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from tongdai.api import streams
from tongdai.api.requests import Request

_encoder = msgspec.json.Encoder()


class Pieces:
    """An ASGI response: a body that is sent piece by piece as it comes.

    The connection ends before the end of the body when the pieces fail, when the client takes
    nothing for `Timing.reader_s`, and when we stop.
    """

    def __init__(
        self, request: Request, pieces: AsyncGenerator[bytes], headers: Mapping[str, str]
    ) -> None:
        self._request, self._pieces, self._headers = request, pieces, Headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Sends the pieces; of a HEAD request, only the head."""
        start = {"type": "http.response.start", "status": 200, "headers": self._headers.raw}
        await send(start)
        async with aclosing(self._pieces) as pieces:
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            closing = self._request.context.feeds.closing
            with suppress(TimeoutError):
                await streams.while_there(self._request, closing, self._pump(pieces, send))

    async def _pump(self, pieces: AsyncGenerator[bytes], send: Send) -> None:
        reader_s = self._request.context.deps.timing.reader_s
        async for piece in pieces:
            await streams.sent(send, piece, reader_s)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def rows(
    request: Request,
    parts: AsyncGenerator[Sequence[msgspec.Struct]],
    after: Mapping[str, Any],
) -> Pieces:
    """`{"data": [rows], ...}`, with the keys of `after` behind the rows."""
    return Pieces(request, _as_object(parts, after), {"Content-Type": "application/json"})


async def _as_object(
    parts: AsyncGenerator[Sequence[msgspec.Struct]], after: Mapping[str, Any]
) -> AsyncGenerator[bytes]:
    opening = b'{"data":['
    async with aclosing(parts):
        async for some in parts:
            yield opening + _encoder.encode(some)[1:-1]
            opening = b","
    yield (opening if opening != b"," else b"") + b"]," + _encoder.encode(after)[1:]
