"""Links by which an outside developer opens the page for developers, and no other."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import api_keys, changes, cookies, idempotency, responses, sessions
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.permissions import OF_DEVELOPERS
from tongdai.store import audit, developer_links
from tongdai.store.developer_links import Opened

_TAG = "Sessions"
_DAY_S = 86_400
_SHORTEST_S, _LIFE_S, _LONGEST_S = 60, 7 * _DAY_S, 90 * _DAY_S


class NewDeveloperLink(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description="Of whom it is for.", examples=["CRM, Minh"])]
    life_s: Annotated[
        int,
        Meta(ge=_SHORTEST_S, le=_LONGEST_S, description="Seconds until it expires."),
    ] = _LIFE_S


class DeveloperLink(Struct, frozen=True):
    """A link, without its secret."""

    id: UUID
    name: Annotated[str, Meta(examples=["CRM, Minh"])]
    created_at: Utc
    expires_at: Utc
    opened_at: Annotated[Utc | None, Meta(description="Last; null: never yet.")]
    opened_from: Annotated[str, Meta(description="The address of whoever opened it last.")]


class MadeDeveloperLink(DeveloperLink, frozen=True):
    url: Annotated[
        str,
        Meta(
            description="Shown this once. Whoever has it opens the page.",
            examples=["https://pbx.example.vn/developers#link=SECRET"],
        ),
    ]


class DeveloperLinks(Struct, frozen=True):
    """Those that have not expired, the newest first."""

    data: list[DeveloperLink]


class OfDeveloperLink(Struct, frozen=True):
    id: UUID


class LinkSecret(Struct, frozen=True, forbid_unknown_fields=True):
    secret: Annotated[
        str, Meta(description="The end of the link's URL.", max_length=100, examples=["SECRET"])
    ]


@operation(
    "GET",
    "/v1/admin/developer-links",
    may="api_key:read",
    tag=_TAG,
    gives={200: ("The links.", DeveloperLinks)},
)
async def list_developer_links(request: Request, principal: Principal) -> ASGIApp:
    """List the links of outside developers."""
    async with changes.reading(request, principal) as tx:
        found = await developer_links.list(tx, principal.domain_uuid)
    return responses.json(DeveloperLinks([DeveloperLink(*_fields(one)) for one in found]))


@operation(
    "POST",
    "/v1/admin/developer-links",
    may="api_key:write",
    tag=_TAG,
    gives={201: ("It is made; the answer shows its URL, once.", MadeDeveloperLink)},
    fails=(errors.Invalid, errors.Conflict),
)
async def create_developer_link(
    request: Request, principal: Principal, headers: IdempotencyKey, body: NewDeveloperLink
) -> ASGIApp:
    """Make a link for an outside developer.

    It opens the page for developers, and no other, without an account: subscriptions, their
    deliveries, and events as they are published. An API key makes only links of which it has the
    permissions, and which expire no later than it does.
    """
    context = request.context
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=body.life_s)
    api_keys.limits(principal).check(sorted(OF_DEVELOPERS), expires_at)
    asked = idempotency.asked(request, principal, headers, body)
    async with changes.transaction(request, principal) as tx:

        async def made() -> Response:
            link, secret = await developer_links.insert(
                tx, principal.domain_uuid, context.master_key, body.name.strip(), expires_at
            )
            url = f"{context.deps.base_url}/developers#link={secret}"
            shown = MadeDeveloperLink(*_fields(link), url)
            return responses.json(shown, status=201, headers=responses.NO_STORE)

        return await idempotency.once(tx, context.master_key, asked, made)


@operation(
    "DELETE",
    "/v1/admin/developer-links/{id}",
    may="api_key:write",
    tag=_TAG,
    gives={200: ("It and all sessions made by it have ended.", responses.Deleted)},
    fails=(errors.NotFound,),
)
async def delete_developer_link(
    request: Request, principal: Principal, path: OfDeveloperLink
) -> ASGIApp:
    """Revoke a link for an outside developer."""
    async with changes.transaction(request, principal) as tx:
        await developer_links.delete(tx, principal.domain_uuid, path.id)
    return responses.json(responses.Deleted(deleted=True))


@operation(
    "POST",
    "/v1/session/link",
    may=PUBLIC,
    tag=_TAG,
    gives={200: ("The account; the cookie is set.", sessions.Me)},
    fails=(errors.Gone, errors.Forbidden, errors.Invalid),
)
async def open_developer_link(request: Request, body: LinkSecret) -> ASGIApp:
    """Sign in by a link for developers, by a cookie.

    As by user name and password, but with the permissions `account:read`, `event:read` and
    `event:write` alone, and until the link expires or is revoked at the longest. A link may be
    opened again until then.
    """
    if not cookies.is_ours(request):
        raise errors.Forbidden(messages.NOT_OUR_PAGE(header=cookies.PROOF))
    context, secret = request.context, secrets.token_urlsafe(32)
    context.wrong_links.check(request.address)
    async with context.health_probe.while_healthy(), context.deps.database.transaction() as tx:
        opened = await developer_links.opened(tx, context.master_key, body.secret, request.address)
        if opened:
            await audit.acting(tx, f"developer:{opened.name}", request.address)
            await sessions.begin(tx, request, opened.holder, secret)
    return await _answered(request, opened, secret)


async def _answered(request: Request, opened: Opened | None, secret: str) -> ASGIApp:
    if opened is None:
        request.context.wrong_links.count(request.address)
        raise errors.Gone(messages.LINK_ENDED)
    return await sessions.begun(request, secret)


def _fields(
    link: developer_links.Link,
) -> tuple[UUID, str, datetime, datetime, datetime | None, str]:
    return (
        link.link_uuid,
        link.name,
        link.created_at,
        link.expires_at,
        link.opened_at,
        link.opened_from,
    )


OPERATIONS = (
    list_developer_links,
    create_developer_link,
    delete_developer_link,
    open_developer_link,
)
