"""Recordings by their public URL; its token alone gives access. No text of a request becomes a
file path.

Ranges are read here and not by Starlette's FileResponse, which answers several ranges with
multipart and malformed ones with 400: players get one range, or the whole file (RFC 9110 §14.2
allows both).
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai import errors, messages
from tongdai.api import problems, responses
from tongdai.api.context import Context
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx.recording import Recording
from tongdai.recording_files import OpenFile
from tongdai.store import recordings

_TOKEN = re.compile(r"([A-Za-z0-9_-]{16,128})(\.wav)?")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}
_RETRY_S = "2"


class OfRecording(Struct, frozen=True):
    token: Annotated[
        str, Meta(description="The last part of a recording_url, with or without .wav.")
    ]


class PendingRecording(Struct, frozen=True):
    status: Literal["pending"]


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


@operation(
    "GET",
    "/recordings/{token}",
    may=PUBLIC,
    tag="Recordings",
    gives={
        200: ("The whole file.", "audio/wav"),
        206: ("The range that was asked for.", "audio/wav"),
        304: ("`If-None-Match` names the file as it is.", None),
        202: ("Still being written: try again after `Retry-After` seconds.", PendingRecording),
    },
    fails=(errors.NotFound, errors.Gone, problems.RangeNotSatisfiable),
)
async def get_recording(request: Request, path: OfRecording, headers: Conditions) -> ASGIApp:
    """Play a recording.

    WAV, both sides. Needs no token but the one in its URL. Its `ETag` never changes.
    """
    context, address = request.context, request.address
    context.wrong_recordings.check(address)
    try:
        found = await _by_token(context, path.token)
    except errors.NotFound:
        context.wrong_recordings.count(address)
        raise
    match found.status:
        case "pending":
            return responses.json(
                PendingRecording("pending"),
                status=202,
                headers=_HEADERS | {"Retry-After": _RETRY_S},
            )
        case "ready" if file := await context.deps.recordings.open(found.file_key or ""):
            return await _file(headers, found.token, file)
        case "deleted":
            raise errors.Gone(messages.RECORDING_DELETED)
        case _:
            raise errors.Gone(messages.RECORDING_LOST)


class DeletedRecording(Struct, frozen=True):
    deleted: bool


@operation(
    "DELETE",
    "/recordings/{token}",
    may="recording:delete",
    tag="Recordings",
    gives={200: ("It is deleted.", DeletedRecording)},
    fails=(errors.NotFound, errors.Conflict),
)
async def delete_recording(request: Request, principal: Principal, path: OfRecording) -> ASGIApp:
    """Delete a recording.

    From now on its URL answers 410, and no CDR points to it; the file itself goes within an hour.
    """
    token = _TOKEN.fullmatch(path.token)
    if token is None:
        raise errors.NotFound
    async with request.context.tenants.transaction(principal.domain_uuid) as tx:
        await recordings.delete(tx, principal.domain_uuid, token[1])
    return responses.json(DeletedRecording(deleted=True))


async def _by_token(context: Context, text: str) -> Recording:
    token = _TOKEN.fullmatch(text)
    if token is None:
        raise errors.NotFound
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        return await recordings.by_token(tx, token[1])


async def _file(asked: Conditions, token: str, file: OpenFile) -> ASGIApp:
    """The file, the requested range of it, or 304 without it, in the order of RFC 9110 §13.2.2.
    Raises problems.RangeNotSatisfiable.
    """
    etag = f'"{file.version}"'
    headers = _HEADERS | {"ETag": etag}
    if _names(asked.if_none_match, etag):
        await file.close()
        return Response(status_code=304, headers=headers)
    headers |= {
        "Content-Type": "audio/wav",
        "Content-Disposition": f'inline; filename="{token}.wav"',
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


OPERATIONS = (get_recording, delete_recording)
