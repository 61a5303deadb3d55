"""Recordings by their public URL; its token alone gives access. No text of a request becomes a
file path.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import byte_ranges, cdrs, problems, responses
from tongdai.api.context import Context
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.recording_links import Link
from tongdai.api.requests import Request
from tongdai.dialects.view import Utc
from tongdai.pbx.recording import Recording
from tongdai.recording_formats import MEDIA_TYPES
from tongdai.store import recordings

_TOKEN = re.compile(r"([A-Za-z0-9_-]{16,128})(?:\.(wav|flac|opus|mp3))?")
_RETRY_S = "2"
_LONGEST_S = 30 * 86_400


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
        found = await _named(context, path.token)
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
            # as it was asked for: a link does not tell the token
            name = f"{path.token.partition('.')[0]}.{found.format}"
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


class LinkQuery(Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(description="Any id of the call, as of /v1/cdr/{id}.")]
    life_s: Annotated[int, Meta(ge=1, le=_LONGEST_S, description="Seconds until it expires.")] = (
        3_600
    )


class RecordingLink(Struct, frozen=True):
    url: Annotated[str, Meta(description="Plays without a token until then.")]
    expires_at: Utc


@operation(
    "GET",
    "/v1/recording-link",
    may="cdr:read",
    tag="Recordings",
    gives={200: ("The link.", RecordingLink)},
    fails=(errors.NotFound, errors.Invalid),
)
async def get_recording_link(request: Request, principal: Principal, query: LinkQuery) -> ASGIApp:
    """Get a link to a recording that expires.

    For somebody who is not to have the `recording_url`, which plays as long as the recording is
    kept: the link does not tell it. After its life the link answers 410.
    """
    context = request.context
    record = await cdrs.find(context, principal, query.id)
    if record.recording is None or record.recording.status not in ("pending", "ready"):
        raise errors.NotFound
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=query.life_s)
    link = Link(principal.domain_uuid, record.cdr_uuid, expires_at)
    url = f"{context.recordings_url}{context.recording_links.write(link)}"
    return responses.json(RecordingLink(url, expires_at), headers=responses.NO_STORE)


async def _named(context: Context, text: str) -> Recording:
    """By its token, or by a link, with or without an ending: .wav, which clients add themselves,
    or its own. Raises errors.NotFound, errors.Gone for a link that has expired.
    """
    token = _TOKEN.fullmatch(text)
    if token is None:
        raise errors.NotFound
    link = context.recording_links.read(token[1])
    found = await (_by_link(context, link) if link else _by_token(context, token[1]))
    if token[2] not in (None, "wav", found.format):
        raise errors.NotFound
    return found


async def _by_link(context: Context, link: Link) -> Recording:
    if link.expires_at <= datetime.now(UTC):
        raise errors.Gone(messages.RECORDING_LINK_EXPIRED)
    async with context.tenants.connection(link.domain_uuid) as tx:
        return await recordings.of_call(tx, link.domain_uuid, link.cdr_uuid)


async def _by_token(context: Context, token: str) -> Recording:
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        return await recordings.by_token(tx, token)


OPERATIONS = (get_recording, delete_recording, get_recording_link)
