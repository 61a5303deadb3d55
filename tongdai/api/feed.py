"""The event feed: the events of a domain in order, by page, by long poll, or as a stream of
server-sent events.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict
from starlette.types import ASGIApp, Receive, Scope, Send

from tongdai import dialects, errors, ids, messages
from tongdai.api import problems, responses, streams
from tongdai.api.feeds import Topic
from tongdai.api.operations import operation, permitted, principal_of
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.api.schemas import EventBody
from tongdai.dialects import Utc
from tongdai.pbx import events, samples
from tongdai.pbx.call import Direction
from tongdai.store import feed, outbox

Result = TypeVar("Result")
Name = TypeVar("Name", bound=str)

_LIMIT, _MAX_LIMIT, _MAX_WAIT_S = 100, 1000, 60
_LARGEST = 2**63 - 1 - feed.WINDOW


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
    created_at: Annotated[Utc, Meta(description="When it was published, UTC.")]
    body: Annotated[
        EventBody, Meta(description="What webhooks of this dialect deliver, to the byte.")
    ]


class FeedPage(Struct, frozen=True):
    """Some events in their order, and the position of the next ones."""

    data: list[FeedEvent]
    next: Annotated[int, Meta(description="The `after` of the next request.", examples=[42])]
    first_seq: Annotated[int, Meta(description="The oldest event that is kept.", examples=[1])]
    last_seq: Annotated[
        int, Meta(description="The newest event. When next has reached it, that is all.")
    ]


def _names(text: str, name: str) -> tuple[str, ...]:
    """The event names of "a,b". Raises errors.Invalid."""
    texts = [part.strip() for part in text.split(",")]
    return tuple(_one_of(events.ALL, one, name) for one in texts if one)


def _seq(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST):
        raise errors.Invalid(messages.SEQ_NEEDED, field=name)
    return int(text)


def _header_seq(text: str, _: str) -> int:
    return _seq(text, "after")


class FeedQuery(Struct, frozen=True):
    """The position to continue from, the number of events, and their names."""

    after: Annotated[
        int | None,
        Meta(
            description="The events after this seq. "
            "None: all that is kept; a stream: from now on.",
            ge=0,
            le=_LARGEST,
            extra={"read": _seq},
        ),
    ] = None
    limit: Annotated[
        int,
        Meta(
            ge=1,
            le=_MAX_LIMIT,
            description=f"Events at a time, at most {_MAX_LIMIT}; not for streams.",
        ),
    ] = _LIMIT
    event: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(
            description="Only events of this name; may be repeated. The seq then skips.",
            extra={"read": _names},
            extra_json_schema={"enum": list(events.ALL)},
        ),
    ] = ()
    wait: Annotated[
        int,
        Meta(
            ge=1,
            le=_MAX_WAIT_S,
            description="Seconds to wait for an event where there is none, "
            f"at most {_MAX_WAIT_S}.",
        ),
    ] = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names, each once, in order."""
        return tuple(sorted({name for names in self.event for name in names}))


class FeedHeaders(
    Struct, frozen=True, rename={"last_event_id": "Last-Event-ID", "accept": "Accept"}
):
    last_event_id: Annotated[
        int | None,
        Meta(
            description="As after, and stronger: browsers send it when they connect again.",
            extra={"read": _header_seq},
            extra_json_schema={"type": "string"},
        ),
    ] = None
    accept: Annotated[
        str, Meta(description=f"`{streams.MEDIA_TYPE}` for a stream of server-sent events.")
    ] = ""


@operation(
    "GET",
    "/v1/event/feed",
    may="event:read",
    tag="Events",
    gives={
        200: (
            "The events after that one; or, where `Accept` asks for it, a stream of them.",
            (FeedPage, streams.MEDIA_TYPE),
        )
    },
    fails=(errors.Invalid, errors.EventsGone, errors.TooManyRequests),
)
async def read_feed(
    request: Request, principal: Principal, query: FeedQuery, headers: FeedHeaders
) -> ASGIApp:
    """Read the domain's events in order.

    Every event, with or without subscriptions to it, numbered without gaps: a client that goes
    on from `next` misses nothing. Events are kept for a number of days; where `after` is older
    than that the answer is 410 with `first_seq` and `last_seq`, and what is missing is in the
    CDRs.
    """
    tenants, domain_uuid, names = request.context.tenants, principal.domain_uuid, query.names
    is_stream = streams.MEDIA_TYPE in headers.accept
    asked = query.after if headers.last_event_id is None else headers.last_event_id
    try:
        async with tenants.connection(domain_uuid) as tx:
            known = await feed.bounds(tx, domain_uuid)
            after = _after(asked, known, is_stream=is_stream)
            if is_stream:
                return Stream(request, domain_uuid, after, names)
            page = await feed.read(tx, domain_uuid, after, query.limit, names)
        if query.wait and not page.entries:
            page = await _awaited(request, page, query.limit, names, query.wait, domain_uuid)
            await _check(request)
    except errors.EventsGone as gone:
        async with tenants.connection(domain_uuid) as tx:
            kept = await feed.bounds(tx, domain_uuid)
        more = msgspec.structs.asdict(kept)
        return problems.response(gone, request.language, request.scope["path"], **more)
    return responses.json(
        FeedPage(
            [_event(entry) for entry in page.entries], page.next, known.first_seq, page.last_seq
        ),
        headers=responses.NO_STORE,
    )


Number: TypeAlias = Annotated[str, Meta(max_length=64)]
Id: TypeAlias = Annotated[str, Meta(max_length=256)]
TalkS: TypeAlias = Annotated[int, Meta(ge=0, le=14_400)]


class NewSample(Struct, frozen=True):
    """The event to be published, and what it says of its call."""

    event: Annotated[
        str,
        Meta(
            description=f"One of {', '.join(events.NAMES)}.",
            examples=["ringing"],
            extra={problems.NEEDED: messages.ONE_SAMPLE(names=", ".join(events.NAMES))},
        ),
    ]
    call_id: Annotated[
        UUID | None, Meta(description="The same for several events of one call. None: a new one.")
    ] = None
    direction: Annotated[Direction | None, Meta(description="None: inbound.")] = None
    customer: Annotated[Number | None, Meta(description="The other party's number.")] = None
    extension: Number | None = None
    hotline: Number | None = None
    sip_call_id: Id | None = None
    customer_id: Annotated[Id | None, Meta(description="None: `test`.")] = None
    outcome: Annotated[samples.Outcome | None, Meta(description="None: answered.")] = None
    talk_s: Annotated[TalkS | None, Meta(description="Seconds of the talk.")] = None


@operation(
    "POST",
    "/v1/event/trigger",
    may="event:trigger",
    tag="Events",
    gives={200: ("It is published.", FeedEvent)},
    fails=(errors.Invalid,),
)
async def trigger_event(request: Request, principal: Principal, body: NewSample) -> ASGIApp:
    """Publish a sample event.

    It goes to all subscriptions of its name and into the feed, as a real one does, though no call
    is behind it: unless others are given, its `customer_id` is `test` and its `sip_call_id` begins
    with `test-`. With the same `call_id` several events are of one call.
    """
    context, name = request.context, _one_of(events.NAMES, body.event.strip(), "event")
    event = samples.sample(
        principal.domain_uuid, principal.user.domain_name, name, _sample(body, principal)
    )
    async with context.tenants.transaction(principal.domain_uuid) as tx:
        await outbox.publish_many(tx, [event])
        entry = await feed.of_event(tx, event.domain_uuid, event.event_uuid)
    context.deps.published([event.domain_uuid])
    return responses.json(_event(entry))


def _sample(body: NewSample, principal: Principal) -> samples.Sample:
    given = {name: value for name, value in asdict(body).items() if value is not None}
    del given["event"]
    return samples.Sample(
        call_uuid=given.pop("call_id", None) or ids.new(),
        at=datetime.now(UTC),
        time_zone=principal.zone.key,
        **given,
    )


class Stream:
    """An ASGI response: server-sent events (WHATWG HTML §9.2) until the reader leaves, its token
    expires, or we stop.

    Each event has its seq as `id`, its name as `event`, its webhook-id in a field of that name,
    which browsers ignore, and its body as `data`. A heartbeat carries the seq up to which no event
    came.
    """

    def __init__(
        self, request: Request, domain_uuid: UUID, after: int, names: tuple[str, ...]
    ) -> None:
        self._request, self._feeds = request, request.context.feeds
        self._timing = request.context.deps.timing
        self._domain_uuid, self._after, self._names = domain_uuid, after, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 ASGI's signature
        """Raises errors.TooManyRequests before anything is sent."""
        # the reader takes nothing
        with self._feeds.listening(self._domain_uuid) as topic, suppress(TimeoutError):
            await send({"type": "http.response.start", "status": 200, "headers": streams.HEADERS})
            await streams.while_there(self._request, self._feeds.closing, self._pump(topic, send))
            async with asyncio.timeout(streams.END_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, topic: Topic, send: Send) -> None:
        await self._send(send, f"retry: {streams.RETRY_MS}\nid: {self._after}\n\n")
        while await self._is_allowed():
            news = topic.news
            try:
                page = await topic.read(self._after, _LIMIT, self._names)
            except errors.EventsGone:  # the reader gets this error when it connects again
                return
            except errors.Unavailable:
                await asyncio.sleep(self._timing.away_s)
                page = feed.Page([], self._after, self._after)
            if page.entries:
                await self._send(send, "".join(map(_line, page.entries)))
            self._after = page.next
            is_all = self._after >= page.last_seq
            if is_all and not await streams.came(news, self._feeds.heartbeat_s):
                await self._send(send, f":\nid: {self._after}\n\n")

    async def _send(self, send: Send, text: str) -> None:
        """Raises TimeoutError when the reader takes nothing: nothing more is read from the
        database until it does.
        """
        await streams.sent(send, text.encode(), self._timing.reader_s)

    async def _is_allowed(self) -> bool:
        try:
            await _check(self._request)
        except (errors.NotAuthenticated, errors.Forbidden):
            return False
        return True


async def _check(request: Request) -> None:
    """Returns while the token is valid and has the permission, and while the database cannot
    answer. Raises errors.NotAuthenticated, errors.Forbidden.
    """
    with suppress(errors.Unavailable):
        permitted(await principal_of(request), "event:read")


async def _awaited(  # noqa: PLR0917 - all of the request
    request: Request,
    page: feed.Page,
    limit: int,
    names: tuple[str, ...],
    wait_s: float,
    domain_uuid: UUID,
) -> feed.Page:
    """The first page from here on with an event; an empty one when the time is over. Raises
    errors.TooManyRequests.
    """

    async def found(topic: Topic, after: int) -> feed.Page:
        while True:
            news = topic.news
            page = await topic.read(after, limit, names)
            after = page.next
            if page.entries:
                return page
            if after >= page.last_seq:
                await news.wait()

    with request.context.feeds.listening(domain_uuid) as topic, suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            closing = request.context.feeds.closing
            return await streams.while_there(request, closing, found(topic, page.next)) or page
    return page


def _line(entry: feed.Entry) -> str:
    head = f"id: {entry.seq}\nevent: {entry.name}\nwebhook-id: {entry.event_uuid}\n"
    return f"{head}data: {_body(entry).decode()}\n\n"


def _event(entry: feed.Entry) -> FeedEvent:
    return FeedEvent(
        entry.seq, entry.event_uuid, entry.name, entry.created_at, msgspec.Raw(_body(entry))
    )


def _body(entry: feed.Entry) -> bytes:
    """The dialect of the feed is that of its URL."""
    return dialects.event("v1", entry.name, entry.facts)


def _one_of(names: tuple[Name, ...], text: str, field: str) -> Name:
    for name in names:
        if name == text:
            return name
    raise errors.Invalid(messages.ONE_OF(choices=", ".join(names)), field=field)


def _after(asked: int | None, known: feed.Bounds, *, is_stream: bool) -> int:
    """The seq to continue after. Raises errors.EventsGone when the events that follow it are no
    longer kept, errors.Invalid.
    """
    if asked is None:
        return known.last_seq if is_stream else known.first_seq - 1
    if asked > known.last_seq:
        raise errors.Invalid(messages.NEWEST_SEQ(seq=known.last_seq), field="after")
    if asked < known.first_seq - 1:
        raise errors.EventsGone
    return asked


OPERATIONS = (read_feed, trigger_event)
