"""Call detail records: lists by page or by scroll, and one by any of its ids."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.api import answers, context, filters, inputs, operations
from tongdai.api.inputs import Fields
from tongdai.api.principals import Principal
from tongdai.api.scrolls import Scroll
from tongdai.pbx import cdr
from tongdai.store import cdr_search, cdrs

_LIMIT, _MAX_LIMIT, _MAX_PAGE = 10, 500, 1_000_000_000


class CallRecord(Struct, frozen=True):
    """One call, ended. Times are local to the domain, `YYYY-MM-DD HH:MM:SS` or ""; durations are whole seconds."""

    id: UUID
    sip_call_id: Annotated[str, Meta(description="The SIP Call-ID of the extension's leg where there is one.")]
    cause: Annotated[str, Meta(description="The name of the Q.850 cause.", examples=["NORMAL_CLEARING"])]
    duration: Annotated[int, Meta(description="Seconds from start to end.", examples=[11])]
    direction: Annotated[int, Meta(description="1 local, 2 inbound, 3 outbound.", examples=[3])]
    recording_url: Annotated[str, Meta(description='Plays without a token; "" when there is no recording.')]
    extension: Annotated[str, Meta(description="Which received or made the call.", examples=["101"])]
    from_number: Annotated[str, Meta(examples=["19001919"])]
    to_number: Annotated[str, Meta(examples=["0899888999"])]
    receive_dest: Annotated[str, Meta(description="The ring group or queue that the extension answered for.")]
    time_started: Annotated[str, Meta(examples=["2021-02-17 17:30:35"])]
    time_answered: Annotated[str, Meta(examples=["2021-02-17 17:30:43"])]
    time_ended: Annotated[str, Meta(examples=["2021-02-17 17:30:46"])]
    status: Annotated[cdr.Status, Meta(examples=["ANSWERED"])]
    billsec: Annotated[int, Meta(description="Seconds from answer to end.", examples=[3])]
    hotline: Annotated[str, Meta(description="The domain's number that was called or shown.", examples=["19001919"])]
    conversation_id: Annotated[UUID, Meta(description="The same as id; events carry it too.")]
    call_id: Annotated[UUID, Meta(description="What the cdr event calls it: the id of the leg that was answered.")]
    customer_id: Annotated[str, Meta(description="As given to click-to-call.")]
    recording_status: cdr.RecordingStatus
    hangup_by: Annotated[str, Meta(description="caller, callee or system.")]


class Page(Struct, frozen=True):
    """One page, and how many records there are in all."""

    data: list[CallRecord]
    limit: int
    page: int
    total: int


class ScrollPage(Struct, frozen=True):
    """Some records, and where the list goes on: "" at its end."""

    data: list[CallRecord]
    scroll_id: str


_P = operations.Parameter
_list: dict[str, Any] = operations.says(
    tag="CDRs",
    gives={200: ("A scroll, or a page (data, limit, page, total) where page or limit is given.", (Page, ScrollPage))},
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
        _P("page", "From 1.", "1", kind=int),
        _P("limit", f"Records at a time, at most {_MAX_LIMIT}.", str(_LIMIT), kind=int),
        _P("scroll_id", "From the answer before; it holds the filters. Empty with limit: scroll so many at a time."),
    ),
    fails=(errors.Invalid, errors.InvalidPhone),
)


@get("/v1/cdr", opt=_list)
async def list_cdrs(request: context.Ask) -> ASGIApp:
    """List call detail records, newest first.

    Any filters together; the same one given again means any of its values. With `page` or `limit` the answer is a
    page with an exact total. Otherwise it is a scroll: ask again with its `scroll_id` until that is empty. A scroll
    neither skips nor repeats records while calls arrive, and may be gone on with at any time.
    """
    principal, fields = await context.principal(request), inputs.query(request.scope)
    if text := fields.one("scroll_id"):
        scroll = context.of(request).scrolls.read(principal.domain_uuid, text)
        limit = filters.number(fields, "limit", scroll.limit, _MAX_LIMIT)
        return await _scroll(request, principal, scroll.wanted, limit, scroll.after)
    wanted, limit = filters.of(fields, principal), filters.number(fields, "limit", _LIMIT, _MAX_LIMIT)
    if _is_paged(fields):
        return await _page(request, principal, wanted, limit, filters.number(fields, "page", 1, _MAX_PAGE))
    return await _scroll(request, principal, wanted, limit, None)


_one: dict[str, Any] = operations.says(
    tag="CDRs",
    gives={200: ("The record.", CallRecord)},
    parameters=(_P("id", "The CDR's id, the call_id of any of its legs, or the SIP Call-ID of one.", place="path"),),
    fails=(errors.NotFound,),
)


@get("/v1/cdr/{id:path}", opt=_one)
async def get_cdr(request: context.Ask) -> ASGIApp:
    """Get one call detail record.

    By its id, the `call_id` of an event, or the SIP Call-ID that a phone knows; of several calls with one SIP Call-ID
    the newest.
    """
    here, principal = context.of(request), await context.principal(request)
    name = request.scope["path"].removeprefix("/v1/cdr/").removesuffix("/")
    if "\0" in name:
        raise errors.NotFound
    async with here.database.connection() as tx:
        found = await cdrs.get(tx, principal.domain_uuid, name)
    return answers.json(_told(found, principal.zone, here.deps.base_url))


def _is_paged(fields: Fields) -> bool:
    """An empty scroll_id asks for a scroll, of `limit` at a time."""
    return bool(fields.one("page") or (fields.one("limit") and "scroll_id" not in fields.names))


async def _page(
    request: context.Ask, principal: Principal, wanted: cdr_search.Filter, limit: int, page: int
) -> ASGIApp:
    here, zone = context.of(request), principal.zone
    async with here.database.connection() as tx:
        total = await cdr_search.total(tx, principal.domain_uuid, wanted, zone)
        offset = (page - 1) * limit
        found = (
            await cdr_search.page(tx, principal.domain_uuid, wanted, limit=limit, offset=offset, zone=zone)
            if offset < total
            else []
        )
    return answers.json(Page([_told(one, zone, here.deps.base_url) for one in found], limit, page, total))


async def _scroll(
    request: context.Ask,
    principal: Principal,
    wanted: cdr_search.Filter,
    limit: int,
    after: cdr_search.Position | None,
) -> ASGIApp:
    here, zone = context.of(request), principal.zone
    async with here.database.connection() as tx:
        found = await cdr_search.scroll(tx, principal.domain_uuid, wanted, limit=limit + 1, after=after)
    next_id = ""
    if len(found) > limit:
        found.pop()
        place = cdr_search.Position(found[-1].time_started, found[-1].cdr_uuid)
        next_id = here.scrolls.write(principal.domain_uuid, Scroll(wanted, limit, place))
    return answers.json(ScrollPage([_told(one, zone, here.deps.base_url) for one in found], next_id))


def _told(one: cdr.Cdr, zone: ZoneInfo, base_url: str) -> CallRecord:
    has_recording = one.recording_status in ("ready", "pending")
    return CallRecord(
        one.cdr_uuid,
        one.sip_call_id,
        one.cause,
        one.duration,
        one.direction,
        f"{base_url}/recordings/{one.recording_token}" if has_recording else "",
        one.extension,
        one.from_number,
        one.to_number,
        one.receive_dest,
        _local(one.time_started, zone),
        _local(one.time_answered, zone) if one.time_answered else "",
        _local(one.time_ended, zone),
        one.status,
        one.billsec,
        one.hotline,
        one.cdr_uuid,
        one.call_id,
        one.customer_id,
        one.recording_status,
        one.hangup_by,
    )


def _local(moment: datetime, zone: ZoneInfo) -> str:
    """YYYY-MM-DD HH:MM:SS"""
    return str(moment.astimezone(zone))[:19]


HANDLERS = [list_cdrs, get_cdr]
