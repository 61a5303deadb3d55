"""The event feed: a domain's events in their order, by page, by long poll, or as a stream of
server-sent events.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Meta, Struct

from tongdai import errors, ids
from tongdai.api import answers, context, filters, inputs, operations, problems
from tongdai.api.feeds import Topic
from tongdai.api.inputs import Fields
from tongdai.pbx import events, samples
from tongdai.store import feed, outbox

Result = TypeVar("Result")
Name = TypeVar("Name", bound=str)

_LIMIT, _MAX_LIMIT, _MAX_WAIT_S = 100, 1000, 60
_LARGEST = 2**63 - 1 - feed.WINDOW
_STREAM = "text/event-stream"
_STUCK_S = 60.0  # a reader that takes nothing for so long is gone
_END_S = 1.0  # and for so long, when we stop
_PAUSE_S = 1.0  # while the database is away
_RETRY_MS = 2000  # until a browser connects again
_HEADERS = [
    (b"content-type", f"{_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class FeedEvent(Struct, frozen=True):
    """One event of the domain."""

    seq: Annotated[
        int,
        Meta(description="Its number in the domain: 1, 2, 3, ... without gaps.", examples=[42]),
    ]
    webhook_id: Annotated[
        UUID, Meta(description="As in the header `webhook-id` of its deliveries.")
    ]
    event: Annotated[str, Meta(description="Its name.", examples=["hangup"])]
    created_at: Annotated[datetime, Meta(description="When it was published, UTC.")]
    body: Annotated[msgspec.Raw, Meta(description="What webhooks deliver, to the byte.")]


class FeedPage(Struct, frozen=True):
    """Some events in their order, and where to go on."""

    data: list[FeedEvent]
    next: Annotated[int, Meta(description="The `after` of the next request.", examples=[42])]
    first_seq: Annotated[int, Meta(description="The oldest event that is kept.", examples=[1])]
    last_seq: Annotated[
        int, Meta(description="The newest event. When next has reached it, that is all.")
    ]


_P = operations.Parameter
_read: dict[str, Any] = operations.says(
    tag="Events",
    gives={
        200: (
            "The events after that one; or, where `Accept` asks for it, a stream of them.",
            (FeedPage, _STREAM),
        )
    },
    parameters=(
        _P(
            "after",
            "The events after this seq. None: all that is kept; a stream: from now on.",
            "41",
            kind=int,
        ),
        _P(
            "limit",
            f"Events at a time, at most {_MAX_LIMIT}; not for streams.",
            str(_LIMIT),
            kind=int,
        ),
        _P(
            "event",
            "Only events of this name; may be repeated. The seq then skips.",
            choices=events.ALL,
        ),
        _P(
            "wait",
            f"Seconds to wait for an event where there is none, at most {_MAX_WAIT_S}.",
            "30",
            kind=int,
        ),
        _P(
            "Last-Event-ID",
            "As after, and stronger: browsers send it when they connect again.",
            place="header",
        ),
        _P("Accept", f"`{_STREAM}` for a stream of server-sent events.", place="header"),
    ),
    fails=(errors.Invalid, errors.EventsGone, errors.TooManyRequests),
)


@get("/v1/event/feed", opt=_read)
async def read_feed(request: context.Ask) -> ASGIApp:
    """Read the domain's events in order.

    Every event, whether or not anybody subscribed to it, numbered without gaps: whoever goes on
    from `next` misses nothing. Events are kept for a number of days; where `after` is older than
    that the answer is 410 with `first_seq` and `last_seq`, and what is missing is in the CDRs.
    """
    here, principal = context.of(request), await context.principal(request)
    fields = inputs.query(request.scope)
    names = _names(fields)
    is_stream = _STREAM in request.headers.get("accept", "")
    limit = filters.number(fields, "limit", _LIMIT, _MAX_LIMIT)
    wait_s = filters.number(fields, "wait", 0, _MAX_WAIT_S)
    try:
        async with here.tenants.connection(principal.domain_uuid) as tx:
            known = await feed.bounds(tx, principal.domain_uuid)
            after = _after(request, fields, known, is_stream=is_stream)
            if is_stream:
                return Stream(request, principal.domain_uuid, after, names)
            page = await feed.read(tx, principal.domain_uuid, after, limit, names)
        if wait_s and not page.entries:
            page = await _awaited(request, page, limit, names, wait_s)
            await _check(request)
    except errors.EventsGone as gone:
        async with here.tenants.connection(principal.domain_uuid) as tx:
            kept = await feed.bounds(tx, principal.domain_uuid)
        return problems.refuse(request, gone, **msgspec.structs.asdict(kept))
    return answers.json(
        FeedPage(
            [_told(entry) for entry in page.entries], page.next, known.first_seq, page.last_seq
        ),
        headers=answers.NO_STORE,
    )


class NewSample(Struct, frozen=True):
    """Which event is to be tried."""

    event: Annotated[
        str, Meta(description=f"One of {', '.join(events.NAMES)}.", examples=["ringing"])
    ]


_trigger: dict[str, Any] = operations.says(
    tag="Events",
    takes=NewSample,
    gives={200: ("It is published.", FeedEvent)},
    fails=(errors.Invalid, errors.Forbidden),
)


@post("/v1/event/trigger", status_code=200, opt=_trigger)
async def trigger_event(request: context.Ask) -> ASGIApp:
    """Publish a sample event.

    It goes to whoever subscribed to it and into the feed, as a real one does, though no call is
    behind it: its `customer_id` is `test` and its `sip_call_id` begins with `test-`. For admins.
    """
    here, principal = context.of(request), await context.principal(request)
    if principal.user.level != "admin":
        raise errors.Forbidden
    name = _sampled((await inputs.struct(request, NewSample)).event.strip())
    event = samples.sample(principal.domain_uuid, principal.user.domain_name, name, ids.new())
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        await outbox.publish_many(tx, [event])
        entry = await feed.of_event(tx, event.domain_uuid, event.event_uuid)
    here.deps.published([event.domain_uuid])
    return answers.json(_told(entry))


class Stream:
    """An ASGI response: server-sent events (WHATWG HTML §9.2) until the reader leaves, its token
    ends, or we stop.

    Each has its seq as `id`, its name as `event`, its webhook-id in a field of that name, which
    browsers ignore, and its body as `data`. A heartbeat says up to which seq there was nothing.
    """

    def __init__(
        self, request: context.Ask, domain_uuid: UUID, after: int, names: tuple[str, ...]
    ) -> None:
        self._request, self._here = request, context.of(request)
        self._domain_uuid, self._after, self._names = domain_uuid, after, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Raises errors.TooManyRequests before anything is sent."""
        # it takes nothing
        with self._here.feeds.listening(self._domain_uuid) as topic, suppress(TimeoutError):
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _while_there(self._request, self._pump(topic, send))
            async with asyncio.timeout(_END_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, topic: Topic, send: Send) -> None:
        await _send(send, f"retry: {_RETRY_MS}\nid: {self._after}\n\n")
        while await self._is_allowed():
            news = topic.news
            try:
                page = await topic.read(self._after, _LIMIT, self._names)
            except errors.EventsGone:  # who connects again is told so
                return
            except errors.Unavailable:
                await asyncio.sleep(_PAUSE_S)
                page = feed.Page([], self._after, self._after)
            if page.entries:
                await _send(send, "".join(map(_event, page.entries)))
            self._after = page.next
            if self._after >= page.last_seq and not await _set(news, self._here.feeds.heartbeat_s):
                await _send(send, f":\nid: {self._after}\n\n")

    async def _is_allowed(self) -> bool:
        try:
            await _check(self._request)
        except errors.NotAuthenticated:
            return False
        return True


async def _check(request: context.Ask) -> None:
    """The token is still good. While the database cannot tell, it is what it was. Raises
    errors.NotAuthenticated.
    """
    with suppress(errors.Unavailable):
        await context.of(request).principals.of(request.scope)


async def _awaited(
    request: context.Ask, page: feed.Page, limit: int, names: tuple[str, ...], wait_s: float
) -> feed.Page:
    """The first page from here on with an event; an empty one when time is over. Raises
    errors.TooManyRequests.
    """
    domain_uuid = (await context.of(request).principals.of(request.scope)).domain_uuid

    async def found(topic: Topic, after: int) -> feed.Page:
        while True:
            news = topic.news
            page = await topic.read(after, limit, names)
            after = page.next
            if page.entries:
                return page
            if after >= page.last_seq:
                await news.wait()

    with context.of(request).feeds.listening(domain_uuid) as topic, suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            return await _while_there(request, found(topic, page.next)) or page
    return page


async def _while_there(request: context.Ask, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What the work gives; None when the client hangs up before, or we stop. Raises what the work
    raises.
    """
    working = asyncio.create_task(work)
    ends = [
        asyncio.create_task(_left(request.receive)),
        asyncio.create_task(context.of(request).feeds.closing.wait()),
    ]
    try:
        await asyncio.wait((working, *ends), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *ends):
            task.cancel()
        await asyncio.gather(working, *ends, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _set(news: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            return await news.wait()
    except TimeoutError:
        return False


async def _send(send: Send, text: str) -> None:
    """Raises TimeoutError when the reader takes nothing: until it does, nothing more is read for
    it.
    """
    async with asyncio.timeout(_STUCK_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _event(entry: feed.Entry) -> str:
    return f"id: {entry.seq}\nevent: {entry.name}\nwebhook-id: {entry.event_uuid}\ndata: {entry.body}\n\n"


def _told(entry: feed.Entry) -> FeedEvent:
    return FeedEvent(
        entry.seq, entry.event_uuid, entry.name, entry.created_at, msgspec.Raw(entry.body.encode())
    )


def _names(fields: Fields) -> tuple[str, ...]:
    texts = [part.strip() for text in fields.all("event") for part in text.split(",")]
    return tuple(sorted({_one_of(events.ALL, text) for text in texts if text}))


def _sampled(name: str) -> events.EventName:
    return _one_of(events.NAMES, name)


def _one_of(names: tuple[Name, ...], text: str) -> Name:
    for name in names:
        if name == text:
            return name
    raise errors.Invalid(f"one of {', '.join(names)} is needed", field="event")


def _after(request: context.Ask, fields: Fields, known: feed.Bounds, *, is_stream: bool) -> int:
    """The seq after which to go on. Raises errors.EventsGone when what follows it is no longer
    kept, errors.Invalid.
    """
    text = request.headers.get("last-event-id", "").strip() or fields.one("after")
    if not text:
        return known.last_seq if is_stream else known.first_seq - 1
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST):
        raise errors.Invalid("a seq is needed: a whole number", field="after")
    if int(text) > known.last_seq:
        raise errors.Invalid(f"the newest event has seq {known.last_seq}", field="after")
    if int(text) < known.first_seq - 1:
        raise errors.EventsGone
    return int(text)


HANDLERS = [read_feed, trigger_event]
