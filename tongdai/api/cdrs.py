"""Call detail records: lists by page or by scroll, and one by any of its ids."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import filters, responses
from tongdai.api.context import Context
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.api.scrolls import Scroll
from tongdai.dialects import View, v1
from tongdai.pbx import cdr
from tongdai.store import cdr_search

_LIMIT, _MAX_LIMIT, _MAX_PAGE = 10, 500, 1_000_000_000


class Page(Struct, frozen=True):
    """One page, and how many records there are in all."""

    data: list[v1.CallRecord]
    limit: int
    page: int
    total: int


class ScrollPage(Struct, frozen=True):
    """Some records, and where the list goes on: "" at its end."""

    data: list[v1.CallRecord]
    scroll_id: str


class CdrQuery(filters.Filters, frozen=True):
    """The filters, and how much of the list is asked for."""

    page: Annotated[int | None, Meta(ge=1, le=_MAX_PAGE, description="From 1.", examples=[1])] = (
        None
    )
    limit: Annotated[
        int | None,
        Meta(
            ge=1,
            le=_MAX_LIMIT,
            description=f"Records at a time, at most {_MAX_LIMIT}.",
            examples=[_LIMIT],
        ),
    ] = None
    scroll_id: Annotated[
        str | None,
        Meta(
            description="From the answer before; it holds the filters. "
            "Empty with limit: scroll so many at a time."
        ),
    ] = None

    @property
    def is_paged(self) -> bool:
        """An empty scroll_id asks for a scroll, of `limit` at a time."""
        return bool(self.page or (self.limit and self.scroll_id is None))


@operation(
    "GET",
    "/v1/cdr",
    may="cdr:read",
    tag="CDRs",
    gives={
        200: (
            "A scroll, or a page (data, limit, page, total) where page or limit is given.",
            (Page, ScrollPage),
        )
    },
    fails=(errors.Invalid, errors.InvalidPhone),
)
async def list_cdrs(request: Request, principal: Principal, query: CdrQuery) -> ASGIApp:
    """List call detail records, newest first.

    Any filters together; the same one given again means any of its values. With `page` or `limit`
    the answer is a page with an exact total. Otherwise it is a scroll: ask again with its
    `scroll_id` until that is empty. A scroll neither skips nor repeats records while calls arrive,
    and may be gone on with at any time.
    """
    context = request.context
    if query.scroll_id:
        scroll = context.scrolls.read(principal.domain_uuid, query.scroll_id)
        limit = query.limit or scroll.limit
        return await _scroll(context, principal, scroll.wanted, limit, scroll.after)
    wanted, limit = filters.of(query, principal), query.limit or _LIMIT
    if query.is_paged:
        return await _page(context, principal, wanted, limit, query.page or 1)
    return await _scroll(context, principal, wanted, limit, None)


class OfCdr(Struct, frozen=True):
    id: Annotated[
        str,
        Meta(
            description="The CDR's id, the call_id of any of its legs, or the SIP Call-ID of one."
        ),
    ]


@operation(
    "GET",
    "/v1/cdr/{id:path}",
    may="cdr:read",
    tag="CDRs",
    gives={200: ("The record.", v1.CallRecord)},
    fails=(errors.NotFound,),
)
async def get_cdr(request: Request, principal: Principal, path: OfCdr) -> ASGIApp:
    """Get one call detail record.

    By its id, the `call_id` of an event, or the SIP Call-ID that a phone knows; of several calls
    with one SIP Call-ID the newest.
    """
    if "\0" in path.id:
        raise errors.NotFound
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        found = await cdr_search.get(tx, principal.domain_uuid, path.id)
    return responses.json(v1.record(found, _view(request.context, principal)))


def _view(context: Context, principal: Principal) -> View:
    return View(principal.zone, context.recordings_url)


async def _page(
    context: Context, principal: Principal, wanted: cdr_search.Filter, limit: int, page: int
) -> ASGIApp:
    domain_uuid, zone, offset = principal.domain_uuid, principal.zone, (page - 1) * limit
    found: list[cdr.Cdr] = []
    async with context.tenants.connection(domain_uuid) as tx:
        total = await cdr_search.total(tx, domain_uuid, zone, wanted)
        if offset < total:
            found = await cdr_search.page(
                tx, domain_uuid, zone, wanted, limit=limit, offset=offset
            )
    view = _view(context, principal)
    return responses.json(Page([v1.record(each, view) for each in found], limit, page, total))


async def _scroll(
    context: Context,
    principal: Principal,
    wanted: cdr_search.Filter,
    limit: int,
    after: cdr_search.Position | None,
) -> ASGIApp:
    domain_uuid, view = principal.domain_uuid, _view(context, principal)
    async with context.tenants.connection(domain_uuid) as tx:
        part = await cdr_search.scroll(tx, domain_uuid, wanted, limit=limit, after=after)
    scroll_id = (
        context.scrolls.write(domain_uuid, Scroll(wanted, limit, part.after)) if part.after else ""
    )
    return responses.json(ScrollPage([v1.record(each, view) for each in part.records], scroll_id))


OPERATIONS = (list_cdrs, get_cdr)
