"""The log of deliveries to a subscription, attempt by attempt; sending again; and a test."""

from datetime import datetime
from typing import Annotated, get_args
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import dialects, errors, messages
from tongdai.admin import subscriptions as admin
from tongdai.api import filters, responses
from tongdai.api.context import Context
from tongdai.api.events import OfSubscription
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.api.schemas import EventBody
from tongdai.dialects import Utc
from tongdai.store import acceptance, deliveries, delivery_log, subscriptions

_LIMIT, _MAX_LIMIT = 50, 500
_LARGEST = 2**63 - 1


class Delivery(Struct, frozen=True):
    """One event for the subscription. Times are UTC."""

    webhook_id: Annotated[UUID, Meta(description="The event, as in the header `webhook-id`.")]
    seq: Annotated[int, Meta(description="The event's number in the domain.", examples=[41])]
    event: Annotated[str, Meta(examples=["hangup"])]
    created_at: Annotated[Utc, Meta(description="When the event was published.")]
    state: Annotated[
        deliveries.State,
        Meta(
            description="due: it will be sent. failed: it was given up. "
            "Else it was answered with 2xx."
        ),
    ]
    next_attempt_at: Annotated[Utc | None, Meta(description="Of those that are due.")]
    attempts: int
    last_attempt_at: Utc | None
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
    """One POST, or the reason that there was none."""

    at: Annotated[Utc, Meta(description="UTC.")]
    status: Annotated[int, Meta(description="HTTP status; 0: no answer.", examples=[503])]
    latency_ms: int
    error: Annotated[
        str, Meta(description="What kept it from an answer.", examples=["no answer in time"])
    ]
    url: Annotated[
        str | None, Meta(description="Where it went, if not to the subscription's URL.")
    ]


class DeliveryDetail(Struct, frozen=True):
    """One delivery, all its attempts, oldest first, and the body that is sent."""

    data: Delivery
    attempts: list[Attempt]
    body: Annotated[EventBody, Meta(description="The same on each attempt, to the byte.")]


class Resend(Struct, frozen=True):
    """The deliveries to send again: one, or those with a state and a time."""

    webhook_id: Annotated[UUID | None, Meta(description="Only that event, in any state.")] = None
    state: Annotated[
        delivery_log.Choice | None,
        Meta(
            description="failed; delivered; or unsent: events from before the subscription, "
            "or while it was disabled. None: all three, and then since is needed.",
            examples=["failed"],
        ),
    ] = None
    since: Annotated[
        str | None,
        Meta(
            description="Events from then on, local or with offset, such as `2026-11-20 08:00:00`."
        ),
    ] = None
    until: Annotated[str | None, Meta(description="And before then.")] = None
    url: Annotated[
        str | None, Meta(description="Send there instead, held to the rules of callback_url.")
    ] = None


class Resent(Struct, frozen=True):
    resent: Annotated[int, Meta(description="How many deliveries are due now.", examples=[1000])]
    next: Annotated[
        Utc | None,
        Meta(
            description=f"Where there were more than {delivery_log.MOST}: "
            "the `since` to go on with."
        ),
    ]


class Tested(Struct, frozen=True):
    """The endpoint's response to a sample."""

    taken: Annotated[bool, Meta(description="Whether it was a 2xx.")]
    status: Annotated[int, Meta(description="HTTP status; 0: no answer.", examples=[204])]
    latency_ms: int
    error: Annotated[
        str, Meta(description="What kept it from an answer.", examples=["no connection"])
    ]
    webhook_id: UUID
    body: Annotated[EventBody, Meta(description="What was sent.")]


class DeliveryQuery(Struct, frozen=True):
    """Conditions on the listed deliveries."""

    state: Annotated[deliveries.State | None, Meta(description="Only those.")] = None
    since: Annotated[
        str,
        Meta(
            description="Of events published from then on, local or with offset, "
            "such as `2026-11-20 08:00:00`."
        ),
    ] = ""
    until: Annotated[str, Meta(description="And before then.")] = ""
    limit: Annotated[
        int,
        Meta(ge=1, le=_MAX_LIMIT, description=f"Deliveries at a time, at most {_MAX_LIMIT}."),
    ] = _LIMIT
    before: Annotated[
        int,
        Meta(ge=1, le=_LARGEST, description="The `next` of the page before."),
    ] = _LARGEST


class OfDelivery(OfSubscription, frozen=True):
    webhook_id: Annotated[UUID, Meta(description="The event's id.")]


@operation(
    "GET",
    "/v1/event/{id}/deliveries",
    may="event:read",
    tag="Events",
    gives={200: ("Newest event first.", Deliveries)},
    fails=(errors.Invalid, errors.NotFound),
)
async def list_deliveries(
    request: Request, principal: Principal, path: OfSubscription, query: DeliveryQuery
) -> ASGIApp:
    """List what was delivered to a subscription.

    Due deliveries, and the results of the others within the days that the log is kept.
    """
    context, wanted = request.context, _filter(query, principal)
    async with context.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
        page = await delivery_log.page(
            tx,
            principal.domain_uuid,
            found.subscription_uuid,
            wanted,
            limit=query.limit,
            before=query.before,
        )
    after = page[-1].seq if len(page) == query.limit else None
    return responses.json(Deliveries([_delivery(entry) for entry in page], after))


@operation(
    "GET",
    "/v1/event/{id}/deliveries/{webhook_id}",
    may="event:read",
    tag="Events",
    gives={200: ("It.", DeliveryDetail)},
    fails=(errors.NotFound,),
)
async def get_delivery(request: Request, principal: Principal, path: OfDelivery) -> ASGIApp:
    """Get a delivery with its attempts and its body."""
    context = request.context
    async with context.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
        entry, facts, attempts = await delivery_log.get(
            tx, principal.domain_uuid, found.subscription_uuid, path.webhook_id
        )
    made = [
        Attempt(one.at, one.status, one.latency_ms, one.error, one.callback_url)
        for one in attempts
    ]
    body = dialects.event(
        found.dialect,
        entry.event_name,
        facts,
        numbers_as_text=found.options.numbers_as_text,
    )
    return responses.json(DeliveryDetail(_delivery(entry), made, msgspec.Raw(body)))


@operation(
    "POST",
    "/v1/event/{id}/resend",
    may="event:write",
    tag="Events",
    gives={200: ("They are due.", Resent)},
    fails=(errors.Invalid, errors.NotFound, errors.Conflict),
)
async def resend_events(
    request: Request, principal: Principal, path: OfSubscription, body: Resend
) -> ASGIApp:
    """Send events to a subscription again.

    One, all that failed, or those of a time. Body and `webhook-id` stay; the attempts begin anew
    and are in the log. With `url` they go there instead, signed by the same secret; the
    result does not count for the subscription. Enable a disabled subscription first. A delivery
    that waits for its next attempt keeps waiting, unless it is named.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    url, chosen = _url(context, body.url), body.webhook_id or _selection(body, principal)
    async with context.tenants.transaction(domain_uuid) as tx:
        await subscriptions.get(tx, domain_uuid, context.master_key, path.id)
        if isinstance(chosen, UUID):
            done = await delivery_log.resend_one(tx, domain_uuid, path.id, chosen, url)
        else:
            done = await delivery_log.resend(tx, domain_uuid, path.id, chosen, url)
    context.deps.published([domain_uuid])
    return responses.json(Resent(done.count, done.next))


@operation(
    "POST",
    "/v1/event/{id}/test",
    may="event:write",
    tag="Events",
    gives={200: ("The endpoint was asked.", Tested)},
    fails=(errors.Invalid, errors.NotFound),
)
async def test_subscription(
    request: Request, principal: Principal, path: OfSubscription
) -> ASGIApp:
    """Send a sample event to a subscription now.

    Once, signed as always, to no other subscription, and not in the log. Its `customer_id` is
    `test`.
    """
    context = request.context
    async with context.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
    event = admin.sample(found, principal.user.domain_name)
    if context.deps.trial is None:
        raise errors.Unavailable(messages.NOTHING_SENT)
    as_text = found.options.numbers_as_text
    body = dialects.event_of(found.dialect, event, numbers_as_text=as_text)
    made = await context.deps.trial.send(found, event.event_uuid, body)
    accept_redirects = found.options.accept_redirects
    is_taken = acceptance.is_accepted(made.status, accept_redirects=accept_redirects)
    return responses.json(
        Tested(
            is_taken, made.status, made.latency_ms, made.error, event.event_uuid, msgspec.Raw(body)
        )
    )


def _url(context: Context, given: str | None) -> str | None:
    """The URL, if it may be called. Raises errors.Invalid."""
    if given is None:
        return None
    try:
        context.deps.callback_guard(given.strip())
    except errors.Invalid as wrong:
        raise errors.Invalid(wrong.reason, field="url") from wrong
    return given.strip()


def _selection(given: Resend, principal: Principal) -> delivery_log.Selection:
    if not (given.state or given.since):
        raise errors.Invalid(messages.RESEND_WHAT, field="state")
    states: tuple[delivery_log.Choice, ...] = (
        (given.state,) if given.state else get_args(delivery_log.Choice)
    )
    return delivery_log.Selection(
        states=states,
        since=_bound(given.since, principal, "since") or delivery_log.FIRST,
        until=_bound(given.until, principal, "until") or delivery_log.LAST,
    )


def _filter(query: DeliveryQuery, principal: Principal) -> delivery_log.Filter:
    return delivery_log.Filter(
        state=query.state or "",
        since=_bound(query.since, principal, "since") or delivery_log.FIRST,
        until=_bound(query.until, principal, "until") or delivery_log.LAST,
    )


def _bound(text: str | None, principal: Principal, field: str) -> datetime | None:
    """A moment; None if none is given. Raises errors.Invalid."""
    if not text:
        return None
    moment, _ = filters.moment(text, principal.zone, field)
    return min(max(moment, delivery_log.FIRST), delivery_log.LAST)


def _delivery(entry: delivery_log.Entry) -> Delivery:
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


OPERATIONS = (list_deliveries, get_delivery, resend_events, test_subscription)
