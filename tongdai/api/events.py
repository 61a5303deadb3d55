"""Event subscriptions: which call events are posted where."""

import re
from typing import Annotated, Any
from uuid import UUID

from litestar import delete, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, Struct, UnsetType

from tongdai import errors
from tongdai.api import answers, context, inputs, operations
from tongdai.pbx import events
from tongdai.store import subscriptions

# RFC 9110 §5.5 field values in ASCII, without space at the ends; no receiver needs a longer one
_APIKEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,1022}[\x21-\x7e])?")


class NewSubscription(Struct, frozen=True):
    """An event, and where to post it."""

    callback_url: Annotated[
        str, Meta(description="Gets a POST with the event's JSON.", examples=["https://webhook.demo/"])
    ]
    event: Annotated[
        str, Meta(description=f"One of {', '.join(events.NAMES)}. Others never happen.", examples=["hangup"])
    ]
    callback_apikey: Annotated[
        str | None, Meta(description="Sent as it is in the `Authorization` header of each POST.", examples=["foo"])
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
    secret: Annotated[
        str | UnsetType,
        Meta(description="Signs deliveries (Standard Webhooks): whsec_ and base64. Shown only once, here."),
    ] = UNSET


class Subscriptions(Struct, frozen=True):
    data: list[Subscription]


class Created(Struct, frozen=True):
    created: bool
    id: UUID
    data: Subscription
    warning: Annotated[str | UnsetType, Meta(description="Only for an event that never happens.")] = UNSET


class Deleted(Struct, frozen=True):
    deleted: bool


_list: dict[str, Any] = operations.says(tag="Events", gives={200: ("All of the domain's.", Subscriptions)})


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

    From now on each such event is posted to the URL, with the headers `webhook-id`, `webhook-timestamp` and
    `webhook-signature` of Standard Webhooks, until some 2xx is answered. Several subscriptions to one event are fine.
    An event name that we do not know is taken, with a warning, and never happens.
    """
    here, principal = context.of(request), await context.principal(request)
    given = await inputs.struct(request, NewSubscription)
    name, url, apikey = given.event.strip(), given.callback_url.strip(), given.callback_apikey or ""
    if not 1 <= len(name) <= 64:
        raise errors.Invalid("1 to 64 characters", field="event")
    if apikey and not _APIKEY.fullmatch(apikey):
        raise errors.Invalid("visible ASCII characters, at most 1024, no space at the ends", field="callback_apikey")
    here.deps.callback_guard(url)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        made = await subscriptions.insert(
            tx, principal.domain_uuid, here.seal, event_name=name, callback_url=url, callback_apikey=apikey
        )
    told = _told(made, principal.user.domain_name, made.secret)
    warning = UNSET if name in events.NAMES else f"There is no event {name!r}: it will never be posted."
    return answers.json(Created(created=True, id=made.subscription_uuid, data=told, warning=warning))


_delete: dict[str, Any] = operations.says(
    tag="Events",
    gives={200: ("It is deleted.", Deleted)},
    parameters=(operations.Parameter("id", "Its id or event_domain_uuid.", place="path", kind=UUID),),
    fails=(errors.NotFound,),
)


@delete("/v1/event/{id:str}", status_code=200, opt=_delete)
async def delete_event(request: context.Ask) -> ASGIApp:
    """Delete an event subscription."""
    here, principal = context.of(request), await context.principal(request)
    try:
        subscription_uuid = UUID(request.path_params["id"])
    except ValueError as reason:
        raise errors.NotFound from reason
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        await subscriptions.delete(tx, principal.domain_uuid, subscription_uuid)
    return answers.json(Deleted(deleted=True))


def _told(one: subscriptions.Subscription, domain_name: str, secret: str | UnsetType = UNSET) -> Subscription:
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
        secret,
    )


HANDLERS = [list_events, create_event, delete_event]
