"""Call detail records: lists by page or by scroll, and one by any of its ids."""

from typing import Annotated, Any

from litestar import get
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.api import answers, context, filters, inputs, operations
from tongdai.api.inputs import Fields
from tongdai.api.principals import Principal
from tongdai.api.scrolls import Scroll
from tongdai.pbx import cdr
from tongdai.store import cdr_search

_LIMIT, _MAX_LIMIT, _MAX_PAGE = 10, 500, 1_000_000_000


class Page(Struct, frozen=True):
    """One page, and how many records there are in all."""

    data: list[cdr_search.CallRecord]
    limit: int
    page: int
    total: int


class ScrollPage(Struct, frozen=True):
    """Some records, and where the list goes on: "" at its end."""

    data: list[cdr_search.CallRecord]
    scroll_id: str


_P = operations.Parameter
_list: dict[str, Any] = operations.says(
    tag="CDRs",
    gives={
        200: (
            "A scroll, or a page (data, limit, page, total) where page or limit is given.",
            (Page, ScrollPage),
        )
    },
    parameters=(
        _P("start_date", "Calls that started at that local time or later.", "2021-02-18 17:20:58"),
        _P(
            "end_date",
            "Calls that started at that local time or before; a date alone means its whole day.",
            "2021-02-19",
        ),
        _P("duration", "Exactly so many seconds.", "10"),
        _P("extension", "Calls made or received by it.", "101"),
        _P("recordingfile", "The file name or URL of a recording.", "abcd.wav"),
        _P("status", "How it ended.", "ANSWERED", choices=cdr.STATUSES),
        _P("phone", "Calls from or to the number, however it is written.", "0899888999"),
        _P("direction", "Or 1, 2, 3.", "outbound", choices=tuple(cdr.DIRECTIONS)),
        _P("page", "From 1.", "1", kind=Annotated[int, Meta(ge=1, le=_MAX_PAGE)]),
        _P(
            "limit",
            f"Records at a time, at most {_MAX_LIMIT}.",
            str(_LIMIT),
            kind=Annotated[int, Meta(ge=1, le=_MAX_LIMIT)],
        ),
        _P(
            "scroll_id",
            "From the answer before; it holds the filters. Empty with limit: scroll so many at a time.",
        ),
    ),
    fails=(errors.Invalid, errors.InvalidPhone),
    is_hot=True,
)


@get("/v1/cdr", opt=_list)
async def list_cdrs(request: context.Ask) -> ASGIApp:
    """List call detail records, newest first.

    Any filters together; the same one given again means any of its values. With `page` or `limit`
    the answer is a page with an exact total. Otherwise it is a scroll: ask again with its
    `scroll_id` until that is empty. A scroll neither skips nor repeats records while calls arrive,
    and may be gone on with at any time.
    """
    here, principal = context.of(request), await context.principal(request)
    fields = inputs.query(request.scope)
    if text := fields.one("scroll_id"):
        scroll = here.scrolls.read(principal.domain_uuid, text)
        limit = filters.number(fields, "limit", scroll.limit, _MAX_LIMIT)
        return await _scroll(here, principal, scroll.wanted, limit, scroll.after)
    wanted, limit = (
        filters.of(fields, principal),
        filters.number(fields, "limit", _LIMIT, _MAX_LIMIT),
    )
    if _is_paged(fields):
        return await _page(
            here, principal, wanted, limit, filters.number(fields, "page", 1, _MAX_PAGE)
        )
    return await _scroll(here, principal, wanted, limit, None)


_one: dict[str, Any] = operations.says(
    tag="CDRs",
    gives={200: ("The record.", cdr_search.CallRecord)},
    parameters=(
        _P(
            "id",
            "The CDR's id, the call_id of any of its legs, or the SIP Call-ID of one.",
            place="path",
        ),
    ),
    fails=(errors.NotFound,),
)


@get("/v1/cdr/{id:path}", opt=_one)
async def get_cdr(request: context.Ask) -> ASGIApp:
    """Get one call detail record.

    By its id, the `call_id` of an event, or the SIP Call-ID that a phone knows; of several calls
    with one SIP Call-ID the newest.
    """
    here, principal = context.of(request), await context.principal(request)
    name = request.scope["path"].removeprefix("/v1/cdr/").removesuffix("/")
    if "\0" in name:
        raise errors.NotFound
    async with here.tenants.connection(principal.domain_uuid) as tx:
        return answers.Answer(await cdr_search.get(tx, _view(here, principal), name))


def _is_paged(fields: Fields) -> bool:
    """An empty scroll_id asks for a scroll, of `limit` at a time."""
    return bool(fields.one("page") or (fields.one("limit") and "scroll_id" not in fields.names))


def _view(here: context.Context, principal: Principal) -> cdr_search.View:
    return cdr_search.View(principal.domain_uuid, principal.zone, here.recordings_url)


async def _page(
    here: context.Context, principal: Principal, wanted: cdr_search.Filter, limit: int, page: int
) -> ASGIApp:
    view, offset = _view(here, principal), (page - 1) * limit
    async with here.tenants.connection(principal.domain_uuid) as tx:
        total = await cdr_search.total(tx, view, wanted)
        found = (
            await cdr_search.page(tx, view, wanted, limit=limit, offset=offset)
            if offset < total
            else b""
        )
    return answers.Answer(
        b'{"data":[%b],"limit":%d,"page":%d,"total":%d}' % (found, limit, page, total)
    )


async def _scroll(
    here: context.Context,
    principal: Principal,
    wanted: cdr_search.Filter,
    limit: int,
    after: cdr_search.Position | None,
) -> ASGIApp:
    async with here.tenants.connection(principal.domain_uuid) as tx:
        part = await cdr_search.scroll(
            tx, _view(here, principal), wanted, limit=limit, after=after
        )
    place = part.after and here.scrolls.write(
        principal.domain_uuid, Scroll(wanted, limit, part.after)
    )
    return answers.Answer(
        b'{"data":[%b],"scroll_id":"%b"}' % (part.records, (place or "").encode())
    )


HANDLERS = [list_cdrs, get_cdr]
