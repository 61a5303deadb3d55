"""Event subscriptions: which call events are posted where."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import delete, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, Struct, UnsetType

from tongdai import errors
from tongdai.api import answers, context, inputs, operations, problems
from tongdai.pbx import events
from tongdai.store import subscriptions

# RFC 9110 §5.5 field values in ASCII, without space at the ends; no receiver needs a longer one
_APIKEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,1022}[\x21-\x7e])?")


ID = operations.Parameter("id", "Its id or event_domain_uuid.", place="path", kind=UUID)
BY_HAND = "Disabled by hand."


class NewSubscription(Struct, frozen=True):
    """An event, and where to post it."""

    callback_url: Annotated[
        str,
        Meta(description="Gets a POST with the event's JSON.", examples=["https://webhook.demo/"]),
    ]
    event: Annotated[
        str,
        Meta(
            description=f"One of {', '.join(events.ALL)}. Others never happen.",
            examples=["hangup"],
        ),
    ]
    callback_apikey: Annotated[
        str | None,
        Meta(
            description="Sent as it is in the `Authorization` header of each POST.",
            examples=["foo"],
        ),
    ] = None


class Subscription(Struct, frozen=True):
    """An event, and where it is posted."""

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
    failing_since: Annotated[
        datetime | None, Meta(description="Nothing but failures since then, UTC.")
    ]
    previous_secret_until: Annotated[
        datetime | None,
        Meta(description="Until then deliveries are signed by the secret before, too, UTC."),
    ]
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="Signs deliveries (Standard Webhooks): whsec_ and base64. Shown only when it is made."
        ),
    ] = UNSET


class Subscriptions(Struct, frozen=True):
    data: list[Subscription]


class Created(Struct, frozen=True):
    created: bool
    id: UUID
    data: Subscription
    warning: Annotated[
        str | UnsetType, Meta(description="Only for an event that never happens.")
    ] = UNSET


class Deleted(Struct, frozen=True):
    deleted: bool


_list: dict[str, Any] = operations.says(
    tag="Events", gives={200: ("All of the domain's.", Subscriptions)}
)


@get("/v1/event", opt=_list)
async def list_events(request: context.Ask) -> ASGIApp:
    """List event subscriptions."""
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.list(tx, principal.domain_uuid, here.seal)
    return answers.json(Subscriptions([_told(one, principal.user.domain_name) for one in found]))


_create: dict[str, Any] = operations.says(
    tag="Events",
    takes=NewSubscription,
    gives={200: ("It is created.", Created)},
    fails=(errors.Invalid,),
)


@post("/v1/event", status_code=200, opt=_create)
async def create_event(request: context.Ask) -> ASGIApp:
    """Subscribe to an event.

    From now on each such event is posted to the URL, with the headers `webhook-id`,
    `webhook-timestamp` and `webhook-signature` of Standard Webhooks, until some 2xx is answered.
    Several subscriptions to one event are fine. An event name that we do not know is taken, with a
    warning, and never happens.
    """
    here, principal = context.of(request), await context.principal(request)
    given = await inputs.struct(request, NewSubscription)
    name, url, apikey = (
        given.event.strip(),
        given.callback_url.strip(),
        given.callback_apikey or "",
    )
    if not 1 <= len(name) <= 64:
        raise errors.Invalid("1 to 64 characters", field="event")
    if apikey and not _APIKEY.fullmatch(apikey):
        raise errors.Invalid(
            "up to 1,024 printable ASCII characters, no space at the ends", field="callback_apikey"
        )
    here.deps.callback_guard(url)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        made = await subscriptions.insert(
            tx,
            principal.domain_uuid,
            here.seal,
            event_name=name,
            callback_url=url,
            callback_apikey=apikey,
        )
    told = _told(made, principal.user.domain_name, made.secret)
    made_it = Created(
        created=True, id=made.subscription_uuid, data=told, warning=_warning(request, name)
    )
    return answers.json(made_it, headers=answers.NO_STORE)


_delete: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It is deleted.", Deleted)},
    parameters=(ID,),
    fails=(errors.NotFound,),
)


@delete("/v1/event/{id:str}", status_code=200, opt=_delete)
async def delete_event(request: context.Ask) -> ASGIApp:
    """Delete an event subscription."""
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        await subscriptions.delete(tx, principal.domain_uuid, named(request))
    return answers.json(Deleted(deleted=True))


_show: dict[str, Any] = operations.says(
    tag="Events", gives={200: ("It.", Subscription)}, parameters=(ID,), fails=(errors.NotFound,)
)


@get("/v1/event/{id:str}", opt=_show)
async def get_event(request: context.Ask) -> ASGIApp:
    """Get an event subscription."""
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.connection(principal.domain_uuid) as tx:
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
    return answers.json(_told(found, principal.user.domain_name))


_enable: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It is enabled.", Subscription)},
    parameters=(ID,),
    fails=(errors.NotFound,),
)


@post("/v1/event/{id:str}/enable", status_code=200, opt=_enable)
async def enable_event(request: context.Ask) -> ASGIApp:
    """Enable an event subscription.

    It gets events from now on, as if it had never failed. Those that it missed can be sent again:
    see resend.
    """
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        await subscriptions.enable(tx, principal.domain_uuid, named(request))
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
    return answers.json(_told(found, principal.user.domain_name))


_disable: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It is disabled.", Subscription)},
    parameters=(ID,),
    fails=(errors.NotFound,),
)


@post("/v1/event/{id:str}/disable", status_code=200, opt=_disable)
async def disable_event(request: context.Ask) -> ASGIApp:
    """Disable an event subscription.

    It gets no events until it is enabled again; what was still due to it is given up, and counts
    as failed.
    """
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        await subscriptions.disable(tx, principal.domain_uuid, named(request), BY_HAND)
        found = await subscriptions.get(tx, principal.domain_uuid, here.seal, named(request))
    return answers.json(_told(found, principal.user.domain_name))


_rotate: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It has a new secret.", Subscription)},
    parameters=(ID,),
    fails=(errors.NotFound,),
)


@post("/v1/event/{id:str}/rotate_secret", status_code=200, opt=_rotate)
async def rotate_secret(request: context.Ask) -> ASGIApp:
    """Replace the secret of an event subscription.

    The answer shows the new one, once. For 24 hours deliveries carry two signatures, by the new
    secret and by the one before, with a space between: receivers that know either take them.
    """
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        found = await subscriptions.rotate_secret(
            tx, principal.domain_uuid, here.seal, named(request)
        )
    told = _told(found, principal.user.domain_name, found.secret)
    return answers.json(told, headers=answers.NO_STORE)


def named(request: context.Ask) -> UUID:
    """The subscription that the path names. Raises errors.NotFound for what is no id."""
    try:
        return UUID(request.path_params["id"])
    except ValueError as reason:
        raise errors.NotFound from reason


def _warning(request: context.Ask, name: str) -> str | UnsetType:
    """Of an event that never happens."""
    if name in events.ALL:
        return UNSET
    return problems.reason(request, f"There is no event {name!r}: it will never be posted.")


def _told(
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
        secret,
    )


HANDLERS = [
    list_events,
    create_event,
    get_event,
    delete_event,
    enable_event,
    disable_event,
    rotate_secret,
]
