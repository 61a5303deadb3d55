"""Prompts: sound that a company uploads, played as hold music and to callers. Uploads are
converted to what the switch plays before they are stored, and can be heard back.
"""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import audio, errors
from tongdai.api import byte_ranges, changes, cursors, etags, problems, resources, responses
from tongdai.api.cursors import ListQuery
from tongdai.api.etags import IfMatch
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.store import db, lists, prompts

UPLOAD_S = 120.0
"""Seconds that an upload may take."""


class Prompt(Struct, frozen=True):
    """A prompt: sound of the company."""

    name: Annotated[str, Meta(description="In any script.", examples=["Lời chào"])]
    sha256: Annotated[str, Meta(description="Of the file that was uploaded, in hexadecimal.")]
    duration_s: Annotated[float, Meta(description="Seconds.")]
    created_at: Utc


class PromptList(Struct, frozen=True):
    """Some of them; `next_cursor` is "" at the end."""

    data: list[Prompt]
    next_cursor: str


class OfPrompt(Struct, frozen=True):
    name: Annotated[str, Meta(description="Its name.")]


@operation(
    "GET",
    "/v1/admin/prompts",
    may="routing:read",
    tag=resources.TAG,
    gives={200: ("Some of them.", PromptList)},
    fails=(errors.Invalid,),
)
async def list_prompts(request: Request, principal: Principal, query: ListQuery) -> ASGIApp:
    """List prompts.

    Ask again with `next_cursor` until it is empty.
    """
    wanted, after = cursors.wanted(prompts.LISTING, query)
    async with changes.reading(request, principal) as tx:
        rows = await lists.page(
            tx, prompts.LISTING, principal.domain_uuid, wanted, limit=query.limit, after=after
        )
    found = [_shown(one) for one in db.structs(rows, prompts.Configured)]
    is_more = len(found) == query.limit
    cursor = cursors.next_of(prompts.LISTING, wanted, rows[-1]) if is_more else ""
    return responses.json(PromptList(found, cursor))


@operation(
    "GET",
    "/v1/admin/prompts/{name}",
    may="routing:read",
    tag=resources.TAG,
    gives={200: ("It, with its `ETag`.", Prompt)},
    fails=(errors.NotFound,),
)
async def get_prompt(request: Request, principal: Principal, path: OfPrompt) -> ASGIApp:
    """Get a prompt.

    Its `ETag` changes with each upload of other sound.
    """
    async with changes.reading(request, principal) as tx:
        found = await prompts.configured(tx, principal.domain_uuid, path.name)
    return responses.json(_shown(found), headers=_headers(found))


@operation(
    "PUT",
    "/v1/admin/prompts/{name}/audio",
    may="routing:write",
    tag=resources.TAG,
    reads="application/octet-stream",
    gives={201: ("It is a new prompt.", Prompt), 200: ("It has other sound.", Prompt)},
    fails=(errors.Invalid, errors.Conflict, problems.PreconditionFailed),
)
async def upload_prompt(
    request: Request, principal: Principal, path: OfPrompt, headers: IfMatch
) -> ASGIApp:
    """Upload the sound of a prompt.

    The body is a WAV, MP3, OGG or FLAC file of at most 20 MB and 10 minutes. The prompt is made if
    there is none of the name. It is converted to telephone quality (mono, 8 and 16 kHz), and what
    is playing goes on with the sound that it had. All prompts of a domain together take an hour.
    """
    content = await request.body(audio.MOST_BYTES, UPLOAD_S)
    converted = await audio.convert(content)
    async with changes.transaction(request, principal) as tx:
        if headers.if_match:
            known = await prompts.configured(tx, principal.domain_uuid, path.name)
            etags.check(_etag(known), headers)
        is_new = await prompts.keep(tx, principal.domain_uuid, path.name, content, converted)
        made = await prompts.configured(tx, principal.domain_uuid, path.name)
    return responses.json(_shown(made), status=201 if is_new else 200, headers=_headers(made))


@operation(
    "GET",
    "/v1/admin/prompts/{name}/audio",
    may="routing:read",
    tag=resources.TAG,
    gives={
        200: ("The whole file.", "audio/wav"),
        206: ("The range that was asked for.", "audio/wav"),
        304: ("`If-None-Match` names the file as it is.", None),
    },
    fails=(errors.NotFound, problems.RangeNotSatisfiable),
)
async def hear_prompt(
    request: Request, principal: Principal, path: OfPrompt, headers: byte_ranges.Conditions
) -> ASGIApp:
    """Hear a prompt.

    WAV, mono, 16 kHz: the best that callers can hear of it.
    """
    async with changes.reading(request, principal) as tx:
        known = await prompts.configured(tx, principal.domain_uuid, path.name)
        sound = await prompts.audio(tx, principal.domain_uuid, path.name)
    file = byte_ranges.InMemory(sound, known.sha256)
    return await byte_ranges.sound(headers, "prompt.wav", file)


@operation(
    "DELETE",
    "/v1/admin/prompts/{name}",
    may="routing:write",
    tag=resources.TAG,
    gives={200: ("It is deleted.", responses.Deleted)},
    fails=(errors.NotFound, errors.Conflict, problems.PreconditionFailed),
)
async def delete_prompt(
    request: Request, principal: Principal, path: OfPrompt, headers: IfMatch
) -> ASGIApp:
    """Delete a prompt.

    Refused while something plays it; the answer says what.
    """
    async with changes.transaction(request, principal) as tx:
        known = await prompts.configured(tx, principal.domain_uuid, path.name)
        etags.check(_etag(known), headers)
        await prompts.delete(tx, principal.domain_uuid, path.name)
    return responses.json(responses.Deleted(deleted=True))


def _shown(known: prompts.Configured) -> Prompt:
    return Prompt(known.name, known.sha256, known.duration_s, known.created_at)


def _etag(known: prompts.Configured) -> str:
    return f'"{known.sha256}"'


def _headers(known: prompts.Configured) -> dict[str, str]:
    return {"ETag": _etag(known), **responses.NO_STORE}


OPERATIONS = (list_prompts, get_prompt, upload_prompt, hear_prompt, delete_prompt)
