"""Recordings by their public URL; its token alone gives access. No text of a request becomes a
file path.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import byte_ranges, problems, responses
from tongdai.api.context import Context
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx.recording import Recording
from tongdai.recording_formats import MEDIA_TYPES
from tongdai.store import recordings

_TOKEN = re.compile(r"([A-Za-z0-9_-]{16,128})(?:\.(wav|flac|opus|mp3))?")
_RETRY_S = "2"


class OfRecording(Struct, frozen=True):
    token: Annotated[
        str,
        Meta(description="The last part of a recording_url, with or without a file's ending."),
    ]


class PendingRecording(Struct, frozen=True):
    status: Literal["pending"]


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
async def get_recording(
    request: Request, path: OfRecording, headers: byte_ranges.Conditions
) -> ASGIApp:
    """Play a recording.

    WAV; FLAC (`audio/flac`), Opus (`audio/ogg`) or MP3 (`audio/mpeg`) by the domain's
    `recording_format`. Needs no token but the one in its URL. Its `ETag` never changes.
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
                headers=byte_ranges.HEADERS | {"Retry-After": _RETRY_S},
            )
        case "ready" if file := await context.deps.recordings.open(found.file_key or ""):
            name = f"{found.token}.{found.format}"
            return await byte_ranges.sound(headers, name, file, MEDIA_TYPES[found.format])
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
    """By its token, with or without an ending: .wav, which clients add themselves, or its own."""
    token = _TOKEN.fullmatch(text)
    if token is None:
        raise errors.NotFound
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        found = await recordings.by_token(tx, token[1])
    if token[2] not in (None, "wav", found.format):
        raise errors.NotFound
    return found


OPERATIONS = (get_recording, delete_recording)
