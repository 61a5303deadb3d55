"""Call detail records: lists by page or by scroll, and one by any of its ids."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import cdr_files, filters, responses
from tongdai.api.cdr_parts import parts
from tongdai.api.context import Context
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.api.scrolls import Scroll
from tongdai.dialects import View, v1
from tongdai.pbx import cdr
from tongdai.store import cdr_filter, cdr_search

_LIMIT, _MAX_LIMIT, _MAX_PAGE = 10, 500, 1_000_000_000
_MAX_OFFSET = _MAX_LIMIT * _MAX_PAGE


class Page(Struct, frozen=True):
    """One page, and the total number of records."""

    data: list[v1.CallRecord]
    limit: int
    page: int
    total: int
    offset: Annotated[
        int | UnsetType, Meta(description="Records before these; only where it was asked for.")
    ] = UNSET


class ScrollPage(Struct, frozen=True):
    """Some records, and the position of the next ones: "" at the end of the list."""

    data: list[v1.CallRecord]
    scroll_id: str


class CdrQuery(filters.Filters, frozen=True):
    """The filters, and which part of the list is wanted."""

    page: Annotated[int | None, Meta(ge=1, le=_MAX_PAGE, description="From 1.")] = None
    limit: Annotated[
        int | None,
        Meta(ge=1, le=_MAX_LIMIT, description=f"Records at a time, at most {_MAX_LIMIT}."),
    ] = None
    offset: Annotated[
        int | None,
        Meta(
            ge=0,
            le=_MAX_OFFSET,
            description="Records to pass over, instead of page; it is the stronger.",
        ),
    ] = None
    scroll_id: Annotated[
        str | None,
        Meta(
            description="From the answer before; it holds the filters. Empty: the scroll begins, "
            f"of limit records at a time, at most {_MAX_LIMIT}."
        ),
    ] = None

    @property
    def is_paged(self) -> bool:
        """An empty scroll_id asks for a scroll of `limit` records at a time."""
        is_counted = self.page is not None or self.offset is not None
        return is_counted or (self.limit is not None and self.scroll_id is None)


class CdrHeaders(Struct, frozen=True, rename={"accept": "Accept"}):
    accept: Annotated[
        str,
        Meta(description=f"`{cdr_files.NDJSON}` or `{cdr_files.CSV}`: all records, as a file."),
    ] = ""


@operation(
    "GET",
    "/v1/cdr",
    may="cdr:read",
    tag="CDRs",
    gives={
        200: (
            "A scroll; a page where page, offset or limit is given; or the file of `Accept`.",
            (Page, ScrollPage, cdr_files.NDJSON, cdr_files.CSV),
        )
    },
    fails=(errors.Invalid, errors.InvalidPhone),
)
async def list_cdrs(
    request: Request, principal: Principal, query: CdrQuery, headers: CdrHeaders
) -> ASGIApp:
    """List call detail records, newest first.

    Any filters together; the same one given again means any of its values. With `page`, `offset`
    or `limit` the answer is a page with an exact total. Otherwise it is a scroll: ask again with
    its `scroll_id` until there are no records. Then, and only then, `scroll_id` is empty. A scroll
    neither skips nor repeats records while calls arrive, and may be gone on with at any time.

    With `Accept` of NDJSON or CSV the answer is a file of all records that the filters leave, sent
    as it is read; `X-Total-Count` is their number when it began. A file that was not sent whole
    ends with a broken connection.
    """
    context = request.context
    if kind := cdr_files.asked_for(headers.accept):
        return await _file(request, principal, query, kind)
    if query.scroll_id:
        scroll = context.scrolls.read(principal.domain_uuid, query.scroll_id)
        limit = query.limit or scroll.limit
        return await _scroll(context, principal, scroll.wanted, limit, scroll.after)
    wanted, limit = filters.of(query, principal), query.limit or _LIMIT
    if query.is_paged:
        return await _page(context, principal, wanted, limit, query)
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
    found = await find(request.context, principal, path.id)
    return responses.json(v1.record(found, view_of(request.context, principal)))


async def find(context: Context, principal: Principal, name: str) -> cdr.Cdr:
    """The record of the principal's domain by any of its ids. Raises errors.NotFound."""
    if "\0" in name:
        raise errors.NotFound
    async with context.tenants.connection(principal.domain_uuid) as tx:
        return await cdr_search.get(tx, principal.domain_uuid, name)


def view_of(context: Context, principal: Principal) -> View:
    """The view of records in the principal's domain."""
    return View(principal.zone, context.recordings_url)


async def _file(request: Request, principal: Principal, query: CdrQuery, kind: str) -> ASGIApp:
    """Raises errors.Invalid for a part of the list: a file has all of it."""
    for name in ("page", "offset", "limit", "scroll_id"):
        if getattr(query, name) is not None:
            raise errors.Invalid(messages.NOT_OF_FILES, field=name)
    context, domain_uuid = request.context, principal.domain_uuid
    wanted = filters.of(query, principal)
    async with context.tenants.connection(domain_uuid) as tx:
        total = await cdr_search.total(tx, domain_uuid, principal.zone, wanted)
    found = parts(context, domain_uuid, wanted)
    pieces = cdr_files.pieces(request, found, view_of(context, principal), kind)
    return cdr_files.CdrFile(request, domain_uuid, pieces, kind, total)


async def _page(
    context: Context,
    principal: Principal,
    wanted: cdr_filter.Filter,
    limit: int,
    query: CdrQuery,
) -> ASGIApp:
    domain_uuid, zone = principal.domain_uuid, principal.zone
    offset = ((query.page or 1) - 1) * limit if query.offset is None else query.offset
    found: list[cdr.Cdr] = []
    async with context.tenants.connection(domain_uuid) as tx:
        total = await cdr_search.total(tx, domain_uuid, zone, wanted)
        if offset < total:
            found = await cdr_search.page(
                tx, domain_uuid, zone, wanted, limit=limit, offset=offset
            )
    view = view_of(context, principal)
    given = UNSET if query.offset is None else query.offset
    page = Page(
        [v1.record(each, view) for each in found], limit, offset // limit + 1, total, given
    )
    return responses.json(page)


async def _scroll(
    context: Context,
    principal: Principal,
    wanted: cdr_filter.Filter,
    limit: int,
    after: cdr_filter.Position | None,
) -> ASGIApp:
    domain_uuid, view = principal.domain_uuid, view_of(context, principal)
    async with context.tenants.connection(domain_uuid) as tx:
        part = await cdr_search.scroll(tx, domain_uuid, wanted, limit=limit, after=after)
    scroll_id = (
        context.scrolls.write(domain_uuid, Scroll(wanted, limit, part.after)) if part.after else ""
    )
    return responses.json(ScrollPage([v1.record(each, view) for each in part.records], scroll_id))


OPERATIONS = (list_cdrs, get_cdr)
