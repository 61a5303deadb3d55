"""Callers from outside, many at a time: a CRM says which agent each customer has."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.admin import bulk
from tongdai.admin.nouns import WRITTEN_CALLERS
from tongdai.api import changes, idempotency, resources, responses
from tongdai.api.admin import NewCaller
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.problems import WrongLine, WrongLines
from tongdai.api.requests import Request
from tongdai.store import callers

MOST = 1000  # of one request
MOST_BYTES = 1 << 20


class BulkCallers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Callers as they are to be."""

    callers: Annotated[
        list[NewCaller],
        Meta(
            max_length=MOST,
            examples=[[{"caller": "0912345678", "action": "route", "destination": "101"}]],
        ),
    ]


class WrittenCallers(Struct, frozen=True):
    """How many were written."""

    written: int


@operation(
    "POST",
    "/v1/admin/callers/bulk",
    may="routing:write",
    tag=resources.TAG,
    gives={200: ("They are written.", WrittenCallers)},
    fails=(errors.Invalid, errors.Conflict, WrongLines),
    most_bytes=MOST_BYTES,
)
async def write_callers(
    request: Request, principal: Principal, headers: IdempotencyKey, body: BulkCallers
) -> ASGIApp:
    """Write many callers at once: those that are not there are made, others are as given.

    All of them or none: a wrong one is answered with 422 and `errors`, which names each (the first
    caller is line 1). A domain may have a million numbers, and a thousand patterns.
    """
    key, domain_uuid = request.context.master_key, principal.domain_uuid
    lines = [
        bulk.Line(place, msgspec.structs.asdict(one)) for place, one in enumerate(body.callers, 1)
    ]
    asked = idempotency.asked(request, principal, headers, body)
    async with changes.transaction(request, principal) as tx:

        async def work() -> Response:
            made, refused = await bulk.create(tx, domain_uuid, key, WRITTEN_CALLERS, lines)
            if refused:
                raise WrongLines(lines=[_wrong(one, request.language) for one in refused])
            await callers.refuse_too_many(tx, domain_uuid)
            return responses.json(WrittenCallers(len(made)), headers=responses.NO_STORE)

        return await idempotency.once(tx, key, asked, work)


def _wrong(refused: bulk.Refused, language: str) -> WrongLine:
    reason = refused.reason
    return WrongLine(refused.line, reason.code, reason.field, reason.text(language))


OPERATIONS = (write_callers,)
