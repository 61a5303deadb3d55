"""Event subscriptions: each posts one kind of call event to one URL."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import changes, idempotency, problems, responses
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.pbx import events
from tongdai.store import checks, subscriptions

BY_HAND = "Disabled by hand."
ONE_EVENT = messages.ONE_EVENT(names=", ".join(events.ALL))


class OfSubscription(Struct, frozen=True):
    id: Annotated[UUID, Meta(description="Its id or event_domain_uuid.")]


NumbersAsText: TypeAlias = Annotated[
    bool, Meta(description='`duration` and `billsec` are sent as text, such as "11".')
]
AcceptRedirects: TypeAlias = Annotated[
    bool,
    Meta(
        description="302 and 303 count as accepted, as Google Apps Script answers; "
        "the redirect is not followed."
    ),
]
CallbackHeaders: TypeAlias = Annotated[
    dict[str, str],
    Meta(description="Further headers of each POST, ten at most; they replace none of ours."),
]
CallbackCa: TypeAlias = Annotated[
    str,
    Meta(
        description="PEM certificates that the receiver is trusted by, in place of the usual "
        "authorities: of a private CA, or the receiver's own."
    ),
]


class NewSubscription(Struct, frozen=True):
    """An event name, and the URL to post such events to."""

    callback_url: Annotated[
        str,
        Meta(
            description="Gets a POST with the event's JSON.", examples=["http://127.0.0.1:9000/"]
        ),
    ]
    event: Annotated[
        str,
        Meta(
            description=f"One of {', '.join(events.ALL)}. Others never happen.",
            examples=["hangup"],
            extra={problems.NEEDED: ONE_EVENT},
        ),
    ]
    callback_apikey: Annotated[
        str | None,
        Meta(description="Sent as it is in the `Authorization` header of each POST."),
    ] = None
    numbers_as_text: NumbersAsText | None = None
    accept_redirects: AcceptRedirects | None = None
    callback_headers: CallbackHeaders | None = None
    callback_ca: CallbackCa | None = None


class SubscriptionOptions(Struct, frozen=True):
    """How its events are sent; what is not given stays."""

    event: Annotated[
        str | None,
        Meta(description="It stays: another is refused.", extra={problems.NEEDED: ONE_EVENT}),
    ] = None
    callback_url: Annotated[str | None, Meta(description="It stays: another is refused.")] = None
    numbers_as_text: NumbersAsText | None = None
    accept_redirects: AcceptRedirects | None = None
    callback_headers: CallbackHeaders | None = None
    callback_ca: CallbackCa | None = None


class Subscription(Struct, frozen=True):
    """An event name, and the URL that such events are posted to."""

    event_domain_uuid: Annotated[UUID, Meta(description="The subscription's id.")]
    domain_uuid: UUID
    domain_name: Annotated[str, Meta(examples=["test.tel4vn.com"])]
    event_name: Annotated[str, Meta(examples=["hangup"])]
    callback_url: str
    callback_apikey: str
    id: Annotated[UUID, Meta(description="The same as event_domain_uuid.")]
    event: Annotated[str, Meta(description="The same as event_name.")]
    enabled: Annotated[bool, Meta(description="false after the URL failed for too long.")]
    disabled_reason: str
    failing_since: Annotated[Utc | None, Meta(description="Nothing but failures since then, UTC.")]
    previous_secret_until: Annotated[
        Utc | None,
        Meta(description="Until then deliveries are signed by the secret before, too, UTC."),
    ]
    numbers_as_text: NumbersAsText
    accept_redirects: AcceptRedirects
    callback_headers: Annotated[
        dict[str, str], Meta(description="Their names; the values are not shown.")
    ]
    callback_ca: CallbackCa
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="Signs deliveries (Standard Webhooks): whsec_ and base64. "
            "Shown only when it is made."
        ),
    ] = UNSET


class Subscriptions(Struct, frozen=True):
    data: list[Subscription]
    total: int


class Created(Struct, frozen=True):
    created: bool
    id: UUID
    data: Subscription
    warning: Annotated[
        str | UnsetType, Meta(description="Only for an event that never happens.")
    ] = UNSET


@operation(
    "GET",
    "/v1/event",
    may="event:read",
    tag="Events",
    gives={200: ("All of the domain's.", Subscriptions)},
)
async def list_subscriptions(request: Request, principal: Principal) -> ASGIApp:
    """List event subscriptions."""
    context = request.context
    async with context.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.list(tx, principal.domain_uuid, context.master_key)
    shown = [_shown(one, principal.user.domain_name) for one in found]
    return responses.json(Subscriptions(shown, len(shown)))


@operation(
    "POST",
    "/v1/event",
    may="event:write",
    tag="Events",
    gives={200: ("It is created.", Created)},
    fails=(errors.Invalid, errors.Conflict),
)
async def create_subscription(
    request: Request, principal: Principal, headers: IdempotencyKey, body: NewSubscription
) -> ASGIApp:
    """Subscribe to an event.

    From now on each such event is posted to the URL, with the headers `webhook-id`,
    `webhook-timestamp` and `webhook-signature` of Standard Webhooks, until the response is a 2xx.
    Several subscriptions to one event are fine; how many a domain may have is limited (100 unless
    the operator says otherwise). An unknown event name is accepted, with a
    warning; such an event never comes.
    """
    context = request.context
    name, url, apikey = (
        body.event.strip(),
        body.callback_url.strip(),
        body.callback_apikey or "",
    )
    if not 1 <= len(name) <= 64:
        raise errors.Invalid(messages.NAME_LENGTH, field="event")
    _one(name)
    if apikey:
        checks.header_value(apikey, "callback_apikey")
    context.deps.callback_guard(url)
    options = _options(subscriptions.USUAL, body)
    asked = idempotency.asked(request, principal, headers, body)
    async with changes.transaction(request, principal) as tx:

        async def made() -> Response:
            one = await subscriptions.insert(
                tx,
                principal.domain_uuid,
                context.master_key,
                event_name=name,
                callback_url=url,
                callback_apikey=apikey,
                options=options,
                most=context.deps.most_subscriptions,
            )
            shown = _shown(one, principal.user.domain_name, one.secret)
            warning = _warning(request, name)
            answer = Created(created=True, id=one.subscription_uuid, data=shown, warning=warning)
            return responses.json(answer, headers=responses.NO_STORE)

        return await idempotency.once(tx, context.master_key, asked, made)


@operation(
    "DELETE",
    "/v1/event/{id}",
    may="event:write",
    tag="Events",
    gives={200: ("It is deleted.", responses.Deleted)},
    fails=(errors.NotFound,),
)
async def delete_subscription(
    request: Request, principal: Principal, path: OfSubscription
) -> ASGIApp:
    """Delete an event subscription."""
    async with changes.transaction(request, principal) as tx:
        await subscriptions.delete(tx, principal.domain_uuid, path.id)
    return responses.json(responses.Deleted(deleted=True))


@operation(
    "GET",
    "/v1/event/{id}",
    may="event:read",
    tag="Events",
    gives={200: ("It.", Subscription)},
    fails=(errors.NotFound,),
)
async def get_subscription(
    request: Request, principal: Principal, path: OfSubscription
) -> ASGIApp:
    """Get an event subscription."""
    context = request.context
    async with context.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
    return responses.json(_shown(found, principal.user.domain_name))


@operation(
    "PATCH",
    "/v1/event/{id}",
    may="event:write",
    tag="Events",
    gives={200: ("It is changed.", Subscription)},
    fails=(errors.Invalid, errors.NotFound),
)
async def change_subscription(
    request: Request, principal: Principal, path: OfSubscription, body: SubscriptionOptions
) -> ASGIApp:
    """Change how a subscription's events are sent.

    What is not given stays. An empty object removes the further headers, an empty text the
    certificates.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    async with changes.transaction(request, principal) as tx:
        found = await subscriptions.get(tx, domain_uuid, context.master_key, path.id)
        _one(body.event or "")
        _stays(body.event, found.event_name, "event")
        _stays(body.callback_url, found.callback_url, "callback_url")
        options = _options(found.options, body)
        found = await subscriptions.change(tx, domain_uuid, context.master_key, path.id, options)
    return responses.json(_shown(found, principal.user.domain_name))


@operation(
    "POST",
    "/v1/event/{id}/enable",
    may="event:write",
    tag="Events",
    gives={200: ("It is enabled.", Subscription)},
    fails=(errors.NotFound,),
)
async def enable_subscription(
    request: Request, principal: Principal, path: OfSubscription
) -> ASGIApp:
    """Enable an event subscription.

    It gets events from now on, as if it had never failed. Missed events can be sent again:
    see resend.
    """
    context = request.context
    async with changes.transaction(request, principal) as tx:
        await subscriptions.enable(tx, principal.domain_uuid, path.id)
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
    return responses.json(_shown(found, principal.user.domain_name))


@operation(
    "POST",
    "/v1/event/{id}/disable",
    may="event:write",
    tag="Events",
    gives={200: ("It is disabled.", Subscription)},
    fails=(errors.NotFound,),
)
async def disable_subscription(
    request: Request, principal: Principal, path: OfSubscription
) -> ASGIApp:
    """Disable an event subscription.

    It gets no events until it is enabled again; its due deliveries count as failed.
    """
    context = request.context
    async with changes.transaction(request, principal) as tx:
        await subscriptions.disable(tx, principal.domain_uuid, path.id, BY_HAND)
        found = await subscriptions.get(tx, principal.domain_uuid, context.master_key, path.id)
    return responses.json(_shown(found, principal.user.domain_name))


@operation(
    "POST",
    "/v1/event/{id}/rotate_secret",
    may="event:write",
    tag="Events",
    gives={200: ("It has a new secret.", Subscription)},
    fails=(errors.Invalid, errors.NotFound, errors.Conflict),
)
async def rotate_secret(
    request: Request, principal: Principal, path: OfSubscription, headers: IdempotencyKey
) -> ASGIApp:
    """Replace the secret of an event subscription.

    The answer shows the new one, once. For 24 hours deliveries carry two signatures, by the new
    secret and by the one before, with a space between: receivers that know either take them.
    """
    master_key, domain_uuid = request.context.master_key, principal.domain_uuid
    asked = idempotency.asked(request, principal, headers, None)
    async with changes.transaction(request, principal) as tx:

        async def rotated() -> Response:
            found = await subscriptions.rotate_secret(tx, domain_uuid, master_key, path.id)
            shown = _shown(found, principal.user.domain_name, found.secret)
            return responses.json(shown, headers=responses.NO_STORE)

        return await idempotency.once(tx, master_key, asked, rotated)


def _one(event: str) -> None:
    """Raises errors.Invalid for several names of events."""
    if "," in event:
        raise errors.Invalid(ONE_EVENT, field="event")


def _stays(given: str | None, known: str, field: str) -> None:
    """Raises errors.Invalid for another value than the one that is known."""
    if given is not None and given.strip() != known:
        raise errors.Invalid(messages.SUBSCRIPTION_STAYS, field=field)


def _options(
    before: subscriptions.Options, given: NewSubscription | SubscriptionOptions
) -> subscriptions.Options:
    """The options with what is given. Raises errors.Invalid."""
    wanted: dict[str, Any] = {
        "numbers_as_text": given.numbers_as_text,
        "accept_redirects": given.accept_redirects,
    }
    if given.callback_headers is not None:
        wanted["callback_headers"] = checks.callback_headers(given.callback_headers)
    if given.callback_ca is not None:
        wanted["callback_ca"] = checks.certificates(given.callback_ca)
    return replace(before, **{name: value for name, value in wanted.items() if value is not None})


def _warning(request: Request, name: str) -> str | UnsetType:
    """A warning about an event that never happens."""
    if name in events.ALL:
        return UNSET
    return messages.NEVER_POSTED(name=name).of(request.language)


def _shown(
    one: subscriptions.Subscription, domain_name: str, secret: str | UnsetType = UNSET
) -> Subscription:
    return Subscription(
        one.subscription_uuid,
        one.domain_uuid,
        domain_name,
        one.event_name,
        one.callback_url,
        one.callback_apikey,
        one.subscription_uuid,
        one.event_name,
        one.enabled,
        one.disabled_reason,
        one.failing_since,
        one.previous_secret_until,
        one.options.numbers_as_text,
        one.options.accept_redirects,
        dict.fromkeys(one.options.callback_headers, "***"),
        one.options.callback_ca,
        secret,
    )


OPERATIONS = (
    list_subscriptions,
    create_subscription,
    get_subscription,
    delete_subscription,
    change_subscription,
    enable_subscription,
    disable_subscription,
    rotate_secret,
)
