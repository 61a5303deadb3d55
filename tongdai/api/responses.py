"""JSON responses."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

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
