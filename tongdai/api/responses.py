"""JSON responses."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

NO_STORE = {"Cache-Control": "no-store"}  # for content with a secret (RFC 9111 §5.2.2.5)


class Deleted(msgspec.Struct, frozen=True):
    """It is deleted."""

    deleted: bool


_encoder = msgspec.json.Encoder()


def json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as JSON."""
    return encoded(_encoder.encode(value), status=status, headers=headers)


def encoded(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON that is encoded already."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")


class Rows:
    """An ASGI response: `{"data": [rows], ...}`, with the keys of `after` behind the rows, which
    are sent piece by piece as they come.

    An error while they come ends the connection before the end of the JSON.
    """

    def __init__(
        self, pieces: AsyncIterator[Sequence[msgspec.Struct]], after: Mapping[str, Any]
    ) -> None:
        self._pieces, self._after = pieces, after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Sends the rows; of a HEAD request, only the head."""
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope.get("method") != "HEAD":
            opening = b'{"data":['
            async for rows in self._pieces:
                body = opening + _encoder.encode(rows)[1:-1]
                await send({"type": "http.response.body", "body": body, "more_body": True})
                opening = b","
            opening = opening if opening != b"," else b""
            body = opening + b"]," + _encoder.encode(self._after)[1:]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
