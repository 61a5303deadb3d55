"""What was delivered to a subscription, attempt by attempt; sending it again; and a test."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors, ids
from tongdai.api import answers, context, filters, inputs, operations
from tongdai.api.events import ID, named
from tongdai.api.inputs import Fields
from tongdai.api.principals import Principal
from tongdai.pbx import events, samples
from tongdai.store import deliveries, delivery_log, outbox, subscriptions

_LIMIT, _MAX_LIMIT = 50, 500
_LARGEST = 2**63 - 1
_STATES: tuple[deliveries.State, ...] = get_args(deliveries.State)


class Delivery(Struct, frozen=True):
    """One event for the subscription. Times are UTC."""

    webhook_id: Annotated[UUID, Meta(description="The event, as in the header `webhook-id`.")]
    seq: Annotated[int, Meta(description="The event's number in the domain.", examples=[41])]
    event: Annotated[str, Meta(examples=["hangup"])]
    created_at: Annotated[datetime, Meta(description="When the event was published.")]
    state: Annotated[
        deliveries.State,
        Meta(
            description="due: it will be sent. failed: it was given up. Else it was answered with 2xx."
        ),
    ]
    next_attempt_at: Annotated[datetime | None, Meta(description="Of those that are due.")]
    attempts: int
    last_attempt_at: datetime | None
    last_status: Annotated[
        int | None, Meta(description="HTTP status of the last attempt; 0: no answer.")
    ]
    last_latency_ms: int | None
    last_error: str | None


class Deliveries(Struct, frozen=True):
    """Some deliveries, newest event first."""

    data: list[Delivery]
    next: Annotated[
        int | None, Meta(description="The `before` of the next page; null: this is the last.")
    ]


class Attempt(Struct, frozen=True):
    """One POST, or why there was none."""

    at: Annotated[datetime, Meta(description="UTC.")]
    status: Annotated[int, Meta(description="HTTP status; 0: no answer.", examples=[503])]
    latency_ms: int
    error: Annotated[
        str, Meta(description="What kept it from an answer.", examples=["no answer in time"])
    ]
    url: Annotated[
        str | None, Meta(description="Where it went, if not to the subscription's URL.")
    ]


class DeliveryDetail(Struct, frozen=True):
    """One delivery, all its attempts, oldest first, and what is sent."""

    data: Delivery
    attempts: list[Attempt]
    body: Annotated[msgspec.Raw, Meta(description="The same on each attempt, to the byte.")]


class Resend(Struct, frozen=True):
    """Which deliveries: one, or those of a state and a time."""

    webhook_id: Annotated[
        UUID | None, Meta(description="That event alone, whatever became of it.")
    ] = None
    state: Annotated[
        delivery_log.Choice | None,
        Meta(
            description="failed; delivered; or unsent: events from before the subscription, or while it was disabled. "
            "None: all three, and then since is needed."
        ),
    ] = None
    since: Annotated[
        str | None,
        Meta(
            description="Events from then on, local or with offset.",
            examples=["2026-11-20 08:00:00"],
        ),
    ] = None
    until: Annotated[
        str | None, Meta(description="And before then.", examples=["2026-11-21 08:00:00"])
    ] = None
    url: Annotated[
        str | None, Meta(description="Send there instead, held to the rules of callback_url.")
    ] = None


class Resent(Struct, frozen=True):
    resent: Annotated[int, Meta(description="How many deliveries are due now.", examples=[1000])]
    next: Annotated[
        datetime | None,
        Meta(
            description=f"Where there were more than {delivery_log.MOST}: the `since` to go on with."
        ),
    ]


class Tested(Struct, frozen=True):
    """What the endpoint said to a sample."""

    taken: Annotated[bool, Meta(description="Whether it was a 2xx.")]
    status: Annotated[int, Meta(description="HTTP status; 0: no answer.", examples=[204])]
    latency_ms: int
    error: Annotated[
        str, Meta(description="What kept it from an answer.", examples=["no connection"])
    ]
    webhook_id: UUID
    body: Annotated[msgspec.Raw, Meta(description="What was sent.")]


_P = operations.Parameter
_list: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("Newest event first.", Deliveries)},
    parameters=(
        ID,
        _P("state", "Only those.", choices=_STATES),
        _P(
            "since",
            "Of events published from then on, local or with offset.",
            "2026-11-20 08:00:00",
        ),
        _P("until", "And before then.", "2026-11-21 08:00:00"),
        _P("limit", f"Deliveries at a time, at most {_MAX_LIMIT}.", str(_LIMIT), kind=int),
        _P("before", "The `next` of the page before.", "41", kind=int),
    ),
    fails=(errors.Invalid, errors.NotFound),
)


@get("/v1/event/{id:str}/deliveries", opt=_list)
async def list_deliveries(request: context.Ask) -> ASGIApp:
    """List what was delivered to a subscription.

    What is due, and what became of the rest within the days that the log is kept.
    """
    here, principal = context.of(request), await context.principal(request)
    fields = inputs.query(request.scope)
    limit = filters.number(fields, "limit", _LIMIT, _MAX_LIMIT)
    before = filters.number(fields, "before", _LARGEST, _LARGEST)
    wanted = _filter(fields, principal)
    async with here.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
        page = await delivery_log.page(
            tx, principal.domain_uuid, found.subscription_uuid, wanted, limit=limit, before=before
        )
    after = page[-1].seq if len(page) == limit else None
    return answers.json(Deliveries([_told(entry) for entry in page], after))


_show: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It.", DeliveryDetail)},
    parameters=(ID, _P("webhook_id", "The event's id.", place="path", kind=UUID)),
    fails=(errors.NotFound,),
)


@get("/v1/event/{id:str}/deliveries/{webhook_id:str}", opt=_show)
async def get_delivery(request: context.Ask) -> ASGIApp:
    """Get a delivery with its attempts and its body."""
    here, principal = context.of(request), await context.principal(request)
    try:
        event_uuid = UUID(request.path_params["webhook_id"])
    except ValueError as reason:
        raise errors.NotFound from reason
    async with here.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
        entry, body, attempts = await delivery_log.get(
            tx, principal.domain_uuid, found.subscription_uuid, event_uuid
        )
    made = [
        Attempt(one.at, one.status, one.latency_ms, one.error, one.callback_url)
        for one in attempts
    ]
    return answers.json(DeliveryDetail(_told(entry), made, msgspec.Raw(body.encode())))


_resend: dict[str, Any] = operations.says(
    tag="Events",
    takes=Resend,
    gives={200: ("They are due.", Resent)},
    parameters=(ID,),
    fails=(errors.Invalid, errors.NotFound, errors.Conflict),
)


@post("/v1/event/{id:str}/resend", status_code=200, opt=_resend)
async def resend(request: context.Ask) -> ASGIApp:
    """Send events to a subscription again.

    One, all that failed, or those of a time. Body and `webhook-id` stay; the attempts begin anew
    and are in the log. With `url` they go there instead, signed by the same secret; how that goes
    says nothing about the subscription. A disabled subscription is to be enabled first. What waits
    for its next attempt is left to it, unless it is named.
    """
    here, principal = context.of(request), await context.principal(request)
    given, subscription_uuid = await inputs.struct(request, Resend), named(request)
    domain_uuid, url = principal.domain_uuid, _url(here, given.url)
    selection = None if given.webhook_id else _selection(given, principal)
    async with here.tenants.transaction(domain_uuid) as tx:
        await subscriptions.get(tx, domain_uuid, here.seal, subscription_uuid)
        if selection:
            done = await delivery_log.resend(tx, domain_uuid, subscription_uuid, selection, url)
        else:
            done = await delivery_log.resend_one(
                tx, domain_uuid, subscription_uuid, given.webhook_id or ids.new(), url
            )
    here.deps.published([domain_uuid])
    return answers.json(Resent(done.count, done.next))


_test: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("The endpoint was asked.", Tested)},
    parameters=(ID,),
    fails=(errors.Invalid, errors.NotFound),
)


@post("/v1/event/{id:str}/test", status_code=200, opt=_test)
async def test_event(request: context.Ask) -> ASGIApp:
    """Send a sample event to a subscription now.

    Once, signed as always, to no other subscription, and not in the log. Its `customer_id` is
    `test`.
    """
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
    event = _sample(found, principal.user.domain_name)
    if here.deps.trial is None:
        raise errors.Unavailable("Nothing is sent from here.")
    body = outbox.encoded(event)
    made = await here.deps.trial.send(found, event.event_uuid, body)
    is_taken = 200 <= made.status < 300
    return answers.json(
        Tested(
            is_taken, made.status, made.latency_ms, made.error, event.event_uuid, msgspec.Raw(body)
        )
    )


def _sample(one: subscriptions.Subscription, domain_name: str) -> events.Event | events.Notice:
    """An event of the subscription's name. Raises errors.Invalid where there is none."""
    for name in events.NAMES:
        if name == one.event_name:
            return samples.sample(one.domain_uuid, domain_name, name, ids.new())
    if one.event_name == events.DISABLED:
        return samples.notice(
            one.domain_uuid,
            domain_name,
            one.subscription_uuid,
            one.callback_url,
            datetime.now(UTC),
        )
    raise errors.Invalid(f"there is no event {one.event_name!r}", field="event")


def _url(here: context.Context, given: str | None) -> str | None:
    """The URL, if it may be called. Raises errors.Invalid."""
    if given is None:
        return None
    try:
        here.deps.callback_guard(given.strip())
    except errors.Invalid as wrong:
        raise errors.Invalid(wrong.why, field="url") from wrong
    return given.strip()


def _selection(given: Resend, principal: Principal) -> delivery_log.Selection:
    if not (given.state or given.since):
        raise errors.Invalid("webhook_id, state or since is needed", field="state")
    states: tuple[delivery_log.Choice, ...] = (
        (given.state,) if given.state else get_args(delivery_log.Choice)
    )
    return delivery_log.Selection(
        states=states,
        since=_bound(given.since, principal, "since") or delivery_log.FIRST,
        until=_bound(given.until, principal, "until") or delivery_log.LAST,
    )


def _filter(fields: Fields, principal: Principal) -> delivery_log.Filter:
    state: deliveries.State | Literal[""] = ""
    if given := fields.one("state"):
        state = next((one for one in _STATES if one == given), "")
        if not state:
            raise errors.Invalid(f"one of {', '.join(_STATES)} is needed", field="state")
    return delivery_log.Filter(
        state=state,
        since=_bound(fields.one("since"), principal, "since") or delivery_log.FIRST,
        until=_bound(fields.one("until"), principal, "until") or delivery_log.LAST,
    )


def _bound(text: str | None, principal: Principal, field: str) -> datetime | None:
    """A moment; None where none is given. Raises errors.Invalid."""
    if not text:
        return None
    moment, _ = filters.moment(text, principal.zone, field)
    return min(max(moment, delivery_log.FIRST), delivery_log.LAST)


def _told(entry: delivery_log.Entry) -> Delivery:
    return Delivery(
        entry.event_uuid,
        entry.seq,
        entry.event_name,
        entry.created_at,
        entry.state,
        entry.due_at,
        entry.attempts,
        entry.last_at,
        entry.status,
        entry.latency_ms,
        entry.error,
    )


HANDLERS = [list_deliveries, get_delivery, resend, test_event]
