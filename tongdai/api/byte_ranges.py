"""Sound that players ask for piece by piece: the whole file, or one range of its bytes.

Ranges are read here and not by Starlette's FileResponse, which answers several ranges with
multipart and malformed ones with 400: players get one range, or the whole file (RFC 9110 §14.2
allows both).
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai.api import problems
from tongdai.recording_files import OpenFile

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


class Conditions(
    Struct,
    frozen=True,
    rename={"range": "Range", "if_none_match": "If-None-Match", "if_range": "If-Range"},
):
    range: Annotated[str, Meta(description="One range of bytes, such as `bytes=0-1023`.")] = ""
    if_none_match: Annotated[
        str, Meta(description="The ETag of the copy that you have: 304 if it is the same file.")
    ] = ""
    if_range: Annotated[
        str | None, Meta(description="The range only if the file has this ETag; else all of it.")
    ] = None


class InMemory:
    """An OpenFile of bytes."""

    def __init__(self, content: bytes, version: str) -> None:
        self._content, self.size, self.version = content, len(content), version

    async def read(self, first: int, length: int) -> AsyncIterator[bytes]:
        yield self._content[first : first + length]

    async def close(self) -> None:
        pass


async def sound(
    asked: Conditions, name: str, file: OpenFile, media_type: str = "audio/wav"
) -> ASGIApp:
    """The file of that name, the requested range of it, or 304 without it, in the order of
    RFC 9110 §13.2.2. `name` is ASCII. Raises problems.RangeNotSatisfiable.
    """
    etag = f'"{file.version}"'
    headers = HEADERS | {"ETag": etag}
    if _names(asked.if_none_match, etag):
        await file.close()
        return Response(status_code=304, headers=headers)
    headers |= {
        "Content-Type": media_type,
        "Content-Disposition": f'inline; filename="{name}"',
    }
    try:
        # If-Range compares strongly; we send no date that it could name (RFC 9110 §13.1.5)
        span = _span(asked.range, file.size) if asked.if_range in (None, etag) else None
    except problems.RangeNotSatisfiable:
        await file.close()
        raise
    if span is None:
        return Stream(file, 0, file.size, 200, headers)
    first, last = span
    return Stream(
        file,
        first,
        last + 1 - first,
        206,
        headers | {"Content-Range": f"bytes {first}-{last}/{file.size}"},
    )


def _names(if_none_match: str, etag: str) -> bool:
    """Whether the header names the ETag, by weak comparison (RFC 9110 §13.1.2). Our ETags hold no
    comma.
    """
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in named or named == ["*"]


def _span(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None if the whole file is sent (RFC 9110 §14.2: no
    range, several, unknown).

    Raises problems.RangeNotSatisfiable.
    """
    asked = _RANGE.fullmatch(text.replace(" ", ""))
    if asked is None or asked[0].lower() == "bytes=-":
        return None
    first, last = (int(part) if part else None for part in asked.groups())
    if first is None:
        first, last = max(size - (last or 0), 0), size - 1
    if last is not None and last < first and asked[1]:
        return None
    if first >= size:
        raise problems.RangeNotSatisfiable(str(size))
    return first, min(size - 1 if last is None else last, size - 1)


class Stream:
    """An ASGI response: some bytes of a file, a piece at a time."""

    def __init__(
        self, file: OpenFile, first: int, length: int, status: int, headers: dict[str, str]
    ) -> None:
        self._file, self._first, self._length, self._status = file, first, length, status
        named = headers | {"Content-Length": str(length)}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Sends the bytes, and closes the file in any case."""
        try:
            await self._send(send, is_head=scope.get("method") == "HEAD")
        finally:
            await self._file.close()

    async def _send(self, send: Send, *, is_head: bool) -> None:
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        if not is_head:
            async for piece in self._file.read(self._first, self._length):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
