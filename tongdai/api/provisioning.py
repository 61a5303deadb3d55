"""Provisioning: links by which phones and softphones fetch the file with their account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, phone_files
from tongdai.admin import provisioning_links as admin
from tongdai.api import changes, idempotency, responses
from tongdai.api.idempotency import IdempotencyKey
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.phone_files import PhoneForm, SoftphoneForm
from tongdai.store import provisioning_links
from tongdai.store.provisioning_links import Kind, Opened

TAG = "Provisioning"


class OfDevice(Struct, frozen=True):
    name: Annotated[str, Meta(description="Its account: 101, 101-mobile.")]


class NewLink(Struct, frozen=True, forbid_unknown_fields=True):
    """A link for a device."""

    kind: Annotated[
        Kind,
        Meta(
            description="phone: a desk phone with a MAC, which fetches its file at each start; "
            "softphone: an app, which does so once.",
            examples=["softphone"],
        ),
    ]
    life_s: Annotated[
        int,
        Meta(
            ge=admin.SHORTEST_S,
            le=admin.LONGEST_S,
            description="Seconds until a softphone's link expires, used or not.",
        ),
    ] = admin.LIFE_S


class ShownUrl(Struct, frozen=True):
    """The link for phones of one form."""

    form: Annotated[
        PhoneForm | SoftphoneForm, Meta(description="The maker of the phone, or the app.")
    ]
    url: Annotated[
        str,
        Meta(
            description="To a phone as its provisioning server: it appends the name of its file.",
            examples=["https://pbx.example.vn/provisioning/linphone/SECRET"],
        ),
    ]
    qr_svg: Annotated[
        str, Meta(description='The URL as a QR code, an SVG element; "" for phones.')
    ]


class MadeLink(Struct, frozen=True):
    """A new link, shown this once."""

    account: Annotated[str, Meta(examples=["101-mobile"])]
    kind: Kind
    expires_at: Annotated[Utc | None, Meta(description="null: when it is replaced.")]
    urls: list[ShownUrl]


class ShownLink(Struct, frozen=True):
    """A link, without its secret."""

    account: Annotated[str, Meta(examples=["101-mobile"])]
    kind: Kind
    created_at: Utc
    expires_at: Annotated[Utc | None, Meta(description="null: when it is replaced.")]
    fetched_at: Annotated[Utc | None, Meta(description="Last; null: never yet.")]
    fetched_from: Annotated[str, Meta(description="The address of whoever fetched it last.")]
    user_agent: Annotated[str, Meta(description="The phone, as it says.")]


class OfPhoneFile(Struct, frozen=True):
    form: Annotated[PhoneForm, Meta(description="The maker of the phone.")]
    secret: Annotated[str, Meta(description="Of the link.")]
    file: Annotated[
        str, Meta(description="`{mac}.cfg`; Grandstream: `cfg{mac}.xml`. The MAC is without `:`.")
    ]


class OfSoftphoneFile(Struct, frozen=True):
    form: Annotated[SoftphoneForm, Meta(description="The app.")]
    secret: Annotated[str, Meta(description="Of the link.")]


@operation(
    "POST",
    "/v1/admin/devices/{name}/link",
    may="extension:write",
    tag=TAG,
    gives={201: ("It is made.", MadeLink)},
    fails=(errors.NotFound, errors.Invalid, errors.Conflict),
)
async def create_provisioning_link(
    request: Request, principal: Principal, path: OfDevice, headers: IdempotencyKey, body: NewLink
) -> ASGIApp:
    """Make a link by which a phone configures itself.

    The device gets a new SIP password, which only the file of the link tells: phones that have
    the old one are signed off at their next registration. The link before is refused from now on.
    A phone's link is refused once the device gets another password.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    asked = idempotency.asked(request, principal, headers, body)
    async with changes.transaction(request, principal) as tx:

        async def made() -> Response:
            link = await admin.create(
                tx,
                domain_uuid,
                context.master_key,
                context.deps.base_url,
                path.name,
                kind=body.kind,
                life_s=body.life_s,
            )
            return responses.json(
                MadeLink(path.name, link.kind, link.expires_at, [*map(_shown_url, link.urls)]),
                status=201,
                headers=responses.NO_STORE,
            )

        return await idempotency.once(tx, context.master_key, asked, made)


@operation(
    "GET",
    "/v1/admin/devices/{name}/link",
    may="extension:read",
    tag=TAG,
    gives={200: ("It, without its secret.", ShownLink)},
    fails=(errors.NotFound,),
)
async def get_provisioning_link(request: Request, principal: Principal, path: OfDevice) -> ASGIApp:
    """Get a device's link: when it was fetched, and by whom."""
    async with changes.reading(request, principal) as tx:
        link = await admin.get(tx, principal.domain_uuid, path.name)
    return responses.json(
        ShownLink(
            path.name,
            link.kind,
            link.created_at,
            link.expires_at,
            link.fetched_at,
            link.fetched_from,
            link.user_agent,
        )
    )


@operation(
    "DELETE",
    "/v1/admin/devices/{name}/link",
    may="extension:write",
    tag=TAG,
    gives={200: ("It is refused from now on.", responses.Deleted)},
    fails=(errors.NotFound, errors.Conflict),
)
async def delete_provisioning_link(
    request: Request, principal: Principal, path: OfDevice
) -> ASGIApp:
    """End a device's link; its SIP password stays."""
    async with changes.transaction(request, principal) as tx:
        await admin.delete(tx, principal.domain_uuid, path.name)
    return responses.json(responses.Deleted(deleted=True))


@operation(
    "GET",
    "/provisioning/{form}/{secret}/{file}",
    may=PUBLIC,
    tag=TAG,
    gives={200: ("The file.", ("text/plain", "application/xml"))},
    fails=(errors.NotFound, errors.Gone),
)
async def get_phone_file(request: Request, path: OfPhoneFile) -> ASGIApp:
    """Fetch the file of a desk phone.

    Its link is the only secret that is needed; the file is of the phone whose MAC the device has.
    """
    async with _opened(request, path.secret, "phone") as opened:
        if path.file.lower() != phone_files.file_name(path.form, opened.mac):
            raise errors.NotFound
        return _file(request, opened, path.form, path.secret)


@operation(
    "GET",
    "/provisioning/{form}/{secret}",
    may=PUBLIC,
    tag=TAG,
    gives={200: ("The file.", "application/xml")},
    fails=(errors.NotFound, errors.Gone),
    answers_head=False,
)
async def get_softphone_file(request: Request, path: OfSoftphoneFile) -> ASGIApp:
    """Fetch the file of a softphone, once."""
    async with _opened(request, path.secret, "softphone") as opened:
        return _file(request, opened, path.form, path.secret)


@asynccontextmanager
async def _opened(request: Request, secret: str, kind: Kind) -> AsyncIterator[Opened]:
    """The device of a link, which is fetched if nothing is raised inside."""
    context, address = request.context, request.address
    context.wrong_links.check(address)
    async with context.health_probe.while_healthy(), context.deps.database.transaction() as tx:
        try:
            opened = await provisioning_links.opened(tx, context.master_key, secret, kind)
        except errors.NotFound:
            context.wrong_links.count(address)
            raise
        yield opened
        await provisioning_links.note_fetch(tx, opened, address, request.header(b"user-agent"))


def _file(
    request: Request, opened: Opened, form: PhoneForm | SoftphoneForm, secret: str
) -> ASGIApp:
    deps = request.context.deps
    text = admin.file(opened, form, secret, deps.sip_server, deps.base_url)
    headers = responses.NO_STORE
    return Response(text, headers=headers, media_type=phone_files.media_type(form))


def _shown_url(one: admin.Url) -> ShownUrl:
    is_app = one.form in phone_files.SOFTPHONE_FORMS
    return ShownUrl(one.form, one.url, one.qr_svg if is_app else "")


OPERATIONS = (
    create_provisioning_link,
    get_provisioning_link,
    delete_provisioning_link,
    get_phone_file,
    get_softphone_file,
)
