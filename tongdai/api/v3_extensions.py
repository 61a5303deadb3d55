"""Extensions as clients of version 3 make, change and read them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.admin import extension_entries as admin
from tongdai.admin.extensions import naming
from tongdai.api import changes, idempotency, parameters, responses, v3_pages
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import v3
from tongdai.pbx import numbers
from tongdai.store import extension_entries

_SAME_PASSWORD = "deFauLt"  # noqa: S105 clients send it for the password that they do not know
_LONGEST_ID, _LONGEST_FOLLOW_ME = 128, 4096  # characters


class NewExtensionV3(Struct, frozen=True):
    """An extension, with the SIP password of its default device."""

    extension: Annotated[str | int, Meta(description="2 to 8 digits.", examples=["101"])]
    password: Annotated[str, Meta(examples=["Chosen-Secret.1"])]
    enabled: Annotated[bool | str | int, Meta(examples=[True])] = True
    user_uuid: Annotated[
        str | None, Meta(description="Kept and shown again; it means nothing for calls.")
    ] = None
    follow_me: Annotated[
        Any, Meta(description="Any JSON, kept and shown again; it means nothing for calls yet.")
    ] = None


class ExtensionChangeV3(Struct, frozen=True):
    """The fields of an extension that are to change; the others stay."""

    extension: Annotated[
        str | int | None, Meta(description="Its number, which does not change.", examples=["101"])
    ] = None
    password: Annotated[
        str | None,
        Meta(
            description=f"`{_SAME_PASSWORD}` keeps the one that it has.", examples=[_SAME_PASSWORD]
        ),
    ] = None
    enabled: Annotated[bool | str | int | None, Meta(examples=[True])] = None
    user_uuid: str | None = None
    follow_me: Any = None


def _name(text: str, field: str) -> str:
    return numbers.extension(text) if text.isdigit() else str(parameters.uuid(text, field))


class OfExtension(Struct, frozen=True):
    id: Annotated[
        str,
        Meta(description="Its number or extension_uuid.", examples=["101"], extra={"read": _name}),
    ]


class ExtensionQuery(Struct, frozen=True):
    """Which part of the list is wanted."""

    limit: v3_pages.Limit = 0
    offset: v3_pages.Offset = None
    page: v3_pages.Page = None


class ExtensionRows(Struct, frozen=True):
    """Some extensions, by number; `offset` of `total` are before them."""

    data: list[v3.ExtensionRow]
    limit: int
    offset: int
    total: int


@operation(
    "POST",
    "/v3/extension",
    may="extension:write",
    tag="Extensions",
    gives={200: ("It is created.", v3.ExtensionCreated)},
    fails=(errors.Invalid, errors.Conflict),
)
async def create_extension_v3(
    request: Request, principal: Principal, headers: IdempotencyKey, body: NewExtensionV3
) -> ASGIApp:
    """Create an extension.

    A phone registers by its number, the domain and the password.
    """
    asked = idempotency.asked(request, principal, headers, body)
    with naming():
        async with changes.transaction(request, principal) as tx:

            async def made() -> Response:
                one = await admin.create(
                    tx,
                    principal.domain_uuid,
                    str(body.extension).strip(),
                    body.password,
                    enabled=_enabled(body.enabled),
                    user_uuid=_user_uuid(body.user_uuid),
                    follow_me=_follow_me(body.follow_me),
                )
                shown = v3.ExtensionCreated(
                    created=True,
                    extension_uuid=one.extension_uuid,
                    enabled=one.enabled,
                    extension=one.extension,
                )
                return responses.json(shown)

            return await idempotency.once(tx, request.context.master_key, asked, made)


@operation(
    "PUT",
    "/v3/extension/{id}",
    may="extension:write",
    tag="Extensions",
    gives={200: ("It is changed.", v3.ExtensionUpdated)},
    fails=(errors.Invalid, errors.NotFound),
)
async def update_extension_v3(
    request: Request, principal: Principal, path: OfExtension, body: ExtensionChangeV3
) -> ASGIApp:
    """Change an extension.

    A new password holds from the next registration on; phones that are registered stay so until
    then. A disabled extension neither calls nor rings.
    """
    domain_uuid = principal.domain_uuid
    is_same = body.password in (None, "", _SAME_PASSWORD)
    with naming():
        async with changes.transaction(request, principal) as tx:
            known = await extension_entries.get(tx, domain_uuid, path.id)
            if body.extension is not None and str(body.extension).strip() != known.extension:
                raise errors.Invalid(messages.NUMBER_STAYS, field="extension")
            changed = await admin.update(
                tx,
                domain_uuid,
                known.extension,
                enabled=None if body.enabled is None else _enabled(body.enabled),
                password=None if is_same else body.password,
                user_uuid=_user_uuid(body.user_uuid),
                follow_me=_follow_me(body.follow_me),
            )
    shown = v3.ExtensionUpdated(
        "success", changed.extension_uuid, changed.enabled, changed.extension
    )
    return responses.json(shown)


@operation(
    "GET",
    "/v3/extension/{id}",
    may="extension:read",
    tag="Extensions",
    gives={200: ("It.", v3.ExtensionRow)},
    fails=(errors.NotFound,),
)
async def get_extension_v3(request: Request, principal: Principal, path: OfExtension) -> ASGIApp:
    """Get an extension."""
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        found = await extension_entries.get(tx, principal.domain_uuid, path.id)
    return responses.json(_row(found))


@operation(
    "GET",
    "/v3/extension",
    may="extension:read",
    tag="Extensions",
    gives={200: ("A part of the list, or all of it.", ExtensionRows)},
    fails=(errors.Invalid,),
)
async def list_extensions_v3(
    request: Request, principal: Principal, query: ExtensionQuery
) -> ASGIApp:
    """List the domain's extensions, by number."""
    domain_uuid = principal.domain_uuid
    first, most = v3_pages.part(query.limit, query.offset, query.page)
    async with request.context.tenants.connection(domain_uuid) as tx:
        total = await extension_entries.total(tx, domain_uuid)
        found = await extension_entries.list(tx, domain_uuid, limit=most, offset=first)
    rows = [_row(one) for one in found]
    return responses.json(ExtensionRows(rows, most, first, total))


def _enabled(given: object) -> bool:
    return parameters.boolean(str(given), "enabled")


def _user_uuid(given: str | None) -> str | None:
    if given and len(given) > _LONGEST_ID:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_LONGEST_ID), field="user_uuid")
    if given and not given.isprintable():
        raise errors.Invalid(messages.NO_CONTROL, field="user_uuid")
    return given


def _follow_me(given: Any) -> str | None:
    """The JSON that is kept; None for none."""
    if given is None:
        return None
    text = msgspec.json.encode(given).decode()
    if len(text) > _LONGEST_FOLLOW_ME:
        most = messages.AT_MOST_CHARACTERS(most=_LONGEST_FOLLOW_ME)
        raise errors.Invalid(most, field="follow_me")
    return text


def _row(entry: extension_entries.Entry) -> v3.ExtensionRow:
    kept = msgspec.json.decode(entry.follow_me) if entry.follow_me else ""
    return v3.ExtensionRow(
        entry.extension_uuid, entry.extension, entry.enabled, entry.user_uuid, kept
    )


OPERATIONS = (create_extension_v3, list_extensions_v3, get_extension_v3, update_extension_v3)
