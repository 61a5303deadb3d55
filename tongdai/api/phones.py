"""Registered phones. The engine of the domain's node asks its switch."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import asking, resources, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.pbx import commands
from tongdai.pbx.commands import DropPhones, ListPhones
from tongdai.store import audit
from tongdai.store import commands as store_commands


class ShownPhone(Struct, frozen=True):
    """A registered phone."""

    extension: str
    device: Annotated[str, Meta(description="Of the extension, by name.")]
    address: Annotated[str, Meta(description="From which it registered, host:port.")]
    user_agent: Annotated[str, Meta(description="The program, as the phone says it.")]
    status: Annotated[
        commands.PhoneStatus,
        Meta(description="By its answers to OPTIONS; unknown: not asked yet."),
    ]
    since: Annotated[
        Utc | None,
        Meta(description="Registered since then; null: since before the engine began to look."),
    ]
    expires_at: Annotated[Utc, Meta(description="Unless it registers again before.")]


class Phones(Struct, frozen=True):
    """Registered phones, by extension, device and address."""

    data: list[ShownPhone]


class PhonesQuery(Struct, frozen=True):
    extension: Annotated[str, Meta(description="Of this one only.")] = ""


class OfExtension(Struct, frozen=True):
    extension: Annotated[str, Meta(description="Its number.")]


class DropQuery(Struct, frozen=True):
    address: Annotated[
        str, Meta(description="Only the one that registered from there, host:port.")
    ] = ""


@operation(
    "GET",
    "/v1/admin/phones",
    may="extension:read",
    tag=resources.TAG,
    gives={200: ("The phones.", Phones)},
    fails=(errors.NotFound, errors.SwitchDown),
)
async def list_phones(request: Request, principal: Principal, query: PhonesQuery) -> ASGIApp:
    """List the phones that are registered now: from where, since when, until when."""
    asked = ListPhones(extension=query.extension)
    return _told(await asking.outcome_of(request.context, principal.domain_uuid, asked))


@operation(
    "DELETE",
    "/v1/admin/phones/{extension}",
    may="extension:write",
    tag=resources.TAG,
    gives={200: ("These were signed off.", Phones)},
    fails=(errors.NotFound, errors.SwitchDown),
)
async def drop_phones(
    request: Request, principal: Principal, path: OfExtension, query: DropQuery
) -> ASGIApp:
    """Sign the phones of an extension off, or the one at an address.

    A phone that is there registers again by itself: to keep it out, change the password.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    command = DropPhones(extension=path.extension, address=query.address)
    async with context.tenants.transaction(domain_uuid) as tx:
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        asked = await store_commands.ask(tx, domain_uuid, command)
    return _told(await asking.answered(context, domain_uuid, asked))


def _told(outcome: commands.Outcome) -> ASGIApp:
    if outcome.error:
        raise errors.by_code(outcome.error)(messages.by_key(outcome.why))
    found = msgspec.json.decode(outcome.report, type=list[commands.Phone])
    return responses.json(Phones([_shown(one) for one in found]))


def _shown(phone: commands.Phone) -> ShownPhone:
    return ShownPhone(**msgspec.structs.asdict(phone))


OPERATIONS = (list_phones, drop_phones)
