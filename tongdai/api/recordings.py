"""Recordings by their public URL, whose token alone is the right to hear them. No text of a
request becomes a path.

Ranges are read here and not by Starlette's FileResponse, which answers several ranges by multipart
and malformed ones by 400: players get one range, or the whole (RFC 9110 §14.2 allows both).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, BinaryIO

from msgspec import Meta, Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai import errors, messages
from tongdai.api import problems, responses
from tongdai.api.context import Context
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx import cdr
from tongdai.store import cdrs, recordings

_CHUNK = 256 * 1024  # bytes
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


class RangeHeader(Struct, frozen=True, rename={"range": "Range"}):
    range: Annotated[str, Meta(description="One range of bytes.", examples=["bytes=0-1023"])] = ""


@operation(
    "GET",
    "/recordings/{token}",
    may=PUBLIC,
    tag="Recordings",
    gives={
        200: ("The whole file.", "audio/wav"),
        206: ("The range that was asked for.", "audio/wav"),
        202: ("Still being written: try again after `Retry-After` seconds.", None),
    },
    fails=(errors.NotFound, errors.Gone, problems.RangeNotSatisfiable),
)
async def recording(request: Request, path: OfRecording, headers: RangeHeader) -> ASGIApp:
    """Play a recording.

    WAV, both sides. Needs no token but the one in its URL.
    """
    context, address = request.context, request.address
    context.wrong_recordings.check(address)
    try:
        record = await _record(context, path.token)
    except errors.NotFound:
        context.wrong_recordings.count(address)
        raise
    match record.recording_status:
        case "pending":
            return responses.json(
                {"status": "pending"}, status=202, headers=_HEADERS | {"Retry-After": _RETRY_S}
            )
        case "ready" if file := await asyncio.to_thread(
            _open, context.deps.recordings, record.recording_file or ""
        ):
            # If-Range names an ETag, and we give none (RFC 9110 §13.1.5)
            wanted = "" if request.has_header(b"if-range") else headers.range
            return _file(wanted, record, *file)
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


async def _record(context: Context, text: str) -> cdr.Cdr:
    token = _TOKEN.fullmatch(text)
    if token is None:
        raise errors.NotFound
    async with context.pulse.beating(), context.deps.database.connection() as tx:
        return await cdrs.by_recording_token(tx, token[1])


def _open(folder: Path, name: str) -> tuple[BinaryIO, int] | None:
    """The file and its length in bytes; None where there is no such file in the folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    return path.open("rb"), path.stat().st_size


def _file(wanted: str, record: cdr.Cdr, file: BinaryIO, size: int) -> ASGIApp:
    """The file, or the range of it that is wanted. Raises problems.RangeNotSatisfiable."""
    headers = _HEADERS | {
        "Content-Type": "audio/wav",
        "Content-Disposition": f'inline; filename="{record.recording_token}.wav"',
    }
    try:
        span = _span(wanted, size)
    except problems.RangeNotSatisfiable:
        file.close()
        raise
    if span is None:
        return Stream(file, 0, size, 200, headers)
    first, last = span
    return Stream(
        file,
        first,
        last + 1 - first,
        206,
        headers | {"Content-Range": f"bytes {first}-{last}/{size}"},
    )


def _span(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None where the whole is to be sent (RFC 9110 §14.2:
    none, many, unknown).

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
        self, file: BinaryIO, first: int, length: int, status: int, headers: dict[str, str]
    ) -> None:
        self._file, self._first, self._length, self._status = file, first, length, status
        named = headers | {"Content-Length": str(length)}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Closes the file at the end, whatever happens."""
        with self._file:
            await send(
                {"type": "http.response.start", "status": self._status, "headers": self._headers}
            )
            if scope.get("method") != "HEAD":
                async for piece in self._pieces():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncIterator[bytes]:
        self._file.seek(self._first)
        left = self._length
        while left > 0 and (piece := await asyncio.to_thread(self._file.read, min(left, _CHUNK))):
            left -= len(piece)
            yield piece


OPERATIONS = (recording, delete_recording)
