"""Call detail records as clients of version 3 read them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import filters, pieces, responses, v3_pages
from tongdai.api.cdr_parts import AT_A_TIME, parts
from tongdai.api.cdrs import OfCdr, find, view_of
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import View, v3
from tongdai.pbx import cdr
from tongdai.store import cdr_filter, cdr_search


class CallRows(Struct, frozen=True):
    """Some calls, newest first; `offset` of `total` are before them."""

    data: list[v3.CallRow]
    limit: int
    offset: int
    total: int


class CallQuery(filters.Filters, frozen=True):
    """The filters of version 1, and which part of the list is wanted."""

    status: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(
            description="How it ended; of an unknown word there is no call.",
            extra={"read": filters.any_status},
        ),
    ] = ()
    limit: v3_pages.Limit = 0
    offset: v3_pages.Offset = None
    page: v3_pages.Page = None


@operation(
    "GET",
    "/v3/cdr",
    may="cdr:read",
    tag="CDRs",
    gives={200: ("A part of the list, or all of it.", CallRows)},
    fails=(errors.Invalid, errors.InvalidPhone),
)
async def list_cdrs_v3(request: Request, principal: Principal, query: CallQuery) -> ASGIApp:
    """List call detail records of version 3, newest first.

    Any filters together; the same one given again means any of its values. Times are local, with
    or without a Z at their end, as in the rows.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    wanted = filters.of(_without_z(query), principal)
    first, most = v3_pages.part(query.limit, query.offset, query.page)
    found: list[cdr.Cdr] = []
    async with context.tenants.connection(domain_uuid) as tx:
        total = await cdr_search.total(tx, domain_uuid, principal.zone, wanted)
        if first < total:
            found = await cdr_search.page(
                tx,
                domain_uuid,
                principal.zone,
                wanted,
                limit=min(most, AT_A_TIME),
                offset=first,
            )
    count = min(most, total - first)
    view = view_of(context, principal)
    if len(found) >= count:
        return responses.json(CallRows(_rendered(found, view), most, first, total))
    last = cdr_filter.Position(found[-1].time_started, found[-1].cdr_uuid)
    others = parts(context, domain_uuid, wanted, after=last, most=count - len(found))
    rows = _rows(found, others, view)
    return pieces.rows(request, rows, {"limit": most, "offset": first, "total": total})


@operation(
    "GET",
    "/v3/cdr/{id:path}",
    may="cdr:read",
    tag="CDRs",
    gives={200: ("The record.", v3.CallRow)},
    fails=(errors.NotFound,),
)
async def get_cdr_v3(request: Request, principal: Principal, path: OfCdr) -> ASGIApp:
    """Get one call detail record of version 3.

    By its id, the `call_id` of an event, or the SIP Call-ID that a phone knows; of several calls
    with one SIP Call-ID the newest.
    """
    found = await find(request.context, principal, path.id)
    return responses.json(v3.record(found, view_of(request.context, principal)))


def _without_z(query: CallQuery) -> CallQuery:
    """Times of these clients are local, also those that end in Z."""
    names = ("start_date", "end_date", "start_date_ended", "end_date_ended")
    return replace(query, **{name: getattr(query, name).rstrip("Zz") for name in names})


async def _rows(
    first: Sequence[cdr.Cdr], others: AsyncGenerator[list[cdr.Cdr]], view: View
) -> AsyncGenerator[Sequence[v3.CallRow]]:
    yield _rendered(first, view)
    async with aclosing(others):
        async for records in others:
            yield _rendered(records, view)


def _rendered(records: Sequence[cdr.Cdr], view: View) -> list[v3.CallRow]:
    return [v3.record(record, view) for record in records]


OPERATIONS = (list_cdrs_v3, get_cdr_v3)
