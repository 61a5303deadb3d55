"""API keys of programs: several for a user, beside the one that log-in shows."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.admin import named_keys as admin
from tongdai.api import changes, cursors, etags, idempotency, problems, responses
from tongdai.api.cursors import ListQuery
from tongdai.api.etags import IfMatch
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.permissions import OF_LEVEL
from tongdai.store import cdr_filter, db, lists, named_keys

Scopes = Annotated[
    list[str] | None,
    Meta(
        description="Permissions; null: all that the user may do.",
        examples=[["cdr:read", "call:create"]],
    ),
]
TokenLife = Annotated[
    int | None,
    Meta(
        description="Seconds that tokens of the key live; null: as long as the installation says.",
        examples=[315_360_000],
    ),
]
Expiry = Annotated[
    Utc | None,
    Meta(description="From then on neither the key nor its tokens are valid. null: never."),
]


class NewApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """An API key for a program."""

    username: Annotated[
        str, Meta(description="The user that it acts as, without the domain.", examples=["admin"])
    ]
    name: Annotated[str, Meta(description="Of the program.", examples=["CRM"])]
    scopes: Scopes = None
    token_life_s: TokenLife = None
    expires_at: Expiry = None


class ApiKeyChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a key that are to change; the others stay."""

    name: str | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    token_life_s: TokenLife | UnsetType = UNSET
    expires_at: Expiry | UnsetType = UNSET


class ShownApiKey(Struct, frozen=True):
    """An API key of a program."""

    id: UUID
    username: Annotated[str, Meta(examples=["admin"])]
    user_uuid: UUID
    name: Annotated[str, Meta(examples=["CRM"])]
    scopes: Scopes
    token_life_s: TokenLife
    expires_at: Expiry
    last_used_at: Annotated[Utc | None, Meta(description="Noted once an hour.")]
    created_at: Utc
    api_key: Annotated[
        str | UnsetType,
        Meta(description="The key itself: only when it is made or rotated. Keep it secret."),
    ] = UNSET


class ApiKeys(Struct, frozen=True):
    """Some keys of the domain; `next_cursor` is "" at the end."""

    data: list[ShownApiKey]
    next_cursor: str


class DeletedApiKey(Struct, frozen=True):
    """The key is gone."""

    deleted: bool


class OfApiKey(Struct, frozen=True):
    id: Annotated[UUID, Meta(description="Its id.")]


class ApiKeyQuery(ListQuery, frozen=True):
    """Which part of the keys is wanted; `search` looks in their names and users, too."""

    username: Annotated[str | None, Meta(description="Of this user only.")] = None


@operation(
    "GET",
    "/v1/admin/api-keys",
    may="api_key:read",
    tag="API keys",
    gives={200: ("Some of them.", ApiKeys)},
    fails=(errors.Invalid,),
)
async def list_api_keys(request: Request, principal: Principal, query: ApiKeyQuery) -> ASGIApp:
    """List the API keys of programs.

    Without the keys themselves: of these only digests are kept. A user's own key, which log-in
    shows, is not among them.
    """
    listing = named_keys.LISTING
    wanted, after = cursors.wanted(listing, query)
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        rows = await lists.page(
            tx, listing, principal.domain_uuid, wanted,
            limit=query.limit, after=after, of=query.username,
        )  # fmt: skip
    data = [_shown(one) for one in db.structs(rows, named_keys.NamedKey)]
    cursor = cursors.next_of(listing, wanted, rows[-1]) if len(data) == query.limit else ""
    return responses.json(ApiKeys(data, cursor))


@operation(
    "POST",
    "/v1/admin/api-keys",
    may="api_key:write",
    tag="API keys",
    gives={200: ("It is made; the answer shows it, once.", ShownApiKey)},
    fails=(errors.Invalid, errors.Conflict, errors.NotFound),
)
async def create_api_key(
    request: Request, principal: Principal, headers: IdempotencyKey, body: NewApiKey
) -> ASGIApp:
    """Make an API key for a program.

    It acts as the user, within its scopes. It can do no more than the API key that makes it, and
    expires no later.
    """
    master_key = request.context.master_key
    asked = idempotency.asked(request, principal, headers, body)
    async with changes.transaction(request, principal) as tx:

        async def made() -> Response:
            return _one(
                *await admin.create(
                    tx,
                    principal.domain_uuid,
                    master_key,
                    body.username.strip(),
                    body.name,
                    scopes=body.scopes,
                    token_life_s=body.token_life_s,
                    expires_at=_expiry(body.expires_at),
                    limits=limits(principal),
                )
            )

        return await idempotency.once(tx, master_key, asked, made)


@operation(
    "GET",
    "/v1/admin/api-keys/{id}",
    may="api_key:read",
    tag="API keys",
    gives={200: ("It.", ShownApiKey)},
    fails=(errors.NotFound,),
)
async def get_api_key(request: Request, principal: Principal, path: OfApiKey) -> ASGIApp:
    """Get an API key of a program, without the key itself."""
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        found = await named_keys.get(tx, principal.domain_uuid, path.id)
    return _one(found)


@operation(
    "PATCH",
    "/v1/admin/api-keys/{id}",
    may="api_key:write",
    tag="API keys",
    gives={200: ("It is changed.", ShownApiKey)},
    fails=(errors.Invalid, errors.Conflict, errors.NotFound, problems.PreconditionFailed),
)
async def update_api_key(
    request: Request,
    principal: Principal,
    path: OfApiKey,
    headers: IfMatch,
    body: ApiKeyChange,
) -> ASGIApp:
    """Change an API key of a program.

    Scopes and expiry hold at once, for its tokens too; the life of tokens for those that are given
    from now on. An API key changes, replaces and deletes only what it could have made.
    """
    wanted: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    if "expires_at" in wanted:
        wanted["expires_at"] = _expiry(wanted["expires_at"])
    async with changes.transaction(request, principal) as tx:
        await _check(tx, principal, path, headers)
        changed = await admin.update(tx, principal.domain_uuid, path.id, wanted, limits(principal))
    return _one(changed)


@operation(
    "POST",
    "/v1/admin/api-keys/{id}/rotate",
    may="api_key:write",
    tag="API keys",
    gives={200: ("There is a new one; the answer shows it, once.", ShownApiKey)},
    fails=(errors.Invalid, errors.NotFound, errors.Conflict),
)
async def rotate_api_key(
    request: Request, principal: Principal, path: OfApiKey, headers: IdempotencyKey
) -> ASGIApp:
    """Replace an API key of a program.

    The key before, and tokens made with it, are refused from now on.
    """
    master_key, within = request.context.master_key, limits(principal)
    asked = idempotency.asked(request, principal, headers, None)
    async with changes.transaction(request, principal) as tx:

        async def rotated() -> Response:
            return _one(
                *await admin.rotate(tx, principal.domain_uuid, master_key, path.id, within)
            )

        return await idempotency.once(tx, master_key, asked, rotated)


@operation(
    "DELETE",
    "/v1/admin/api-keys/{id}",
    may="api_key:write",
    tag="API keys",
    gives={200: ("It is deleted.", DeletedApiKey)},
    fails=(errors.NotFound, problems.PreconditionFailed),
)
async def delete_api_key(
    request: Request, principal: Principal, path: OfApiKey, headers: IfMatch
) -> ASGIApp:
    """Delete an API key of a program.

    It and its tokens are refused from now on.
    """
    async with changes.transaction(request, principal) as tx:
        await _check(tx, principal, path, headers)
        await admin.delete(tx, principal.domain_uuid, path.id, limits(principal))
    return responses.json(DeletedApiKey(deleted=True))


def limits(principal: Principal) -> admin.Limits:
    """The limits of the principal's own API key and level."""
    user, permissions = principal.user, principal.permissions
    is_restricted = user.api_key_scopes is not None or not permissions >= OF_LEVEL["admin"]
    return admin.Limits(permissions if is_restricted else None, user.api_key_expires_at)


def _expiry(at: datetime | None) -> datetime | None:
    """The moment, within those that the database can hold."""
    return at and min(max(at, cdr_filter.FIRST), cdr_filter.LAST)


async def _check(tx: db.Tx, principal: Principal, path: OfApiKey, headers: IfMatch) -> None:
    """Raises problems.PreconditionFailed, errors.NotFound."""
    etags.check(_etag(await named_keys.get(tx, principal.domain_uuid, path.id)), headers)


def _etag(one: named_keys.NamedKey) -> str:
    """It changes with each change of the key, and when it is rotated; not when it is used."""
    return etags.of(replace(one, last_used_at=None))


def _one(one: named_keys.NamedKey, key: str | UnsetType = UNSET) -> Response:
    headers = {"ETag": _etag(one), **responses.NO_STORE}
    return responses.json(_shown(one, key), headers=headers)


def _shown(one: named_keys.NamedKey, key: str | UnsetType = UNSET) -> ShownApiKey:
    return ShownApiKey(
        one.api_key_uuid,
        one.username,
        one.user_uuid,
        one.name,
        None if one.scopes is None else [*one.scopes],
        one.token_life_s,
        one.expires_at,
        one.last_used_at,
        one.created_at,
        key,
    )


OPERATIONS = (
    list_api_keys,
    create_api_key,
    get_api_key,
    update_api_key,
    rotate_api_key,
    delete_api_key,
)
