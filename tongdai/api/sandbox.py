"""The sandbox: a simulated customer calls a hotline."""

from typing import Annotated, Any
from uuid import UUID

from litestar import post
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.api import answers, context, inputs, operations
from tongdai.pbx import numbers
from tongdai.store import directory


class Inbound(Struct, frozen=True):
    """Who is to call whom."""

    hotline: Annotated[
        str,
        Meta(description='A hotline of the domain; "": its default one.', examples=["19001919"]),
    ] = ""
    customer: Annotated[
        str,
        Meta(
            description="How the customer behaves, or its number.",
            examples=["answers", "hangs_up", "0900000001"],
        ),
    ] = "answers"
    talk_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description="Seconds after the answer until the customer hangs up.",
            examples=[10],
        ),
    ] = 3600


class Calling(Struct, frozen=True):
    """The customer's phone dials. Events tell the rest."""

    status: str
    from_number: Annotated[str, Meta(examples=["0900000001"])]
    to_number: Annotated[str, Meta(examples=["19001919"])]


_says: dict[str, Any] = operations.says(
    tag="Sandbox",
    takes=Inbound,
    gives={200: ("The customer calls.", Calling)},
    fails=(errors.Invalid, errors.Forbidden, errors.NotFound),
)


@post("/v1/sandbox/inbound", status_code=200, opt=_says)
async def sandbox_inbound(request: context.Ask) -> ASGIApp:
    """Have a simulated customer call a hotline.

    For admins, and only where the sandbox is on; elsewhere this is 404.
    """
    here, principal = context.of(request), await context.principal(request)
    if (sandbox := here.deps.sandbox) is None:
        raise errors.NotFound
    if principal.user.level != "admin":
        raise errors.Forbidden
    given = await inputs.struct(request, Inbound)
    hotline = await _hotline(here, principal.domain_uuid, given.hotline.strip())
    customer = await sandbox.inbound(hotline, given.customer.strip() or "answers", given.talk_s)
    return answers.json(Calling("success", customer, hotline))


async def _hotline(here: context.Context, domain_uuid: UUID, number: str) -> str:
    """The domain's own hotline that is meant, as it is written. Raises errors.Invalid."""
    async with here.tenants.connection(domain_uuid) as tx:
        found = await directory.load(tx, domain_uuid)
    hotline = (
        found.hotline(numbers.phone(number, field="hotline"))
        if number
        else found.default_hotline()
    )
    if hotline is None:
        raise errors.Invalid("the domain has no such hotline", field="hotline")
    return hotline.number


HANDLERS = [sandbox_inbound]
