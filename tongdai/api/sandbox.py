"""The sandbox: a simulated customer calls a hotline."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import responses
from tongdai.api.context import Context
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.pbx import numbers
from tongdai.store import directory


class Inbound(Struct, frozen=True):
    """The customer that calls, and the hotline."""

    hotline: Annotated[
        str,
        Meta(description='A hotline of the domain; "": its default one.'),
    ] = ""
    customer: Annotated[
        str,
        Meta(
            description="How the customer behaves, or its number. Default: answers.",
            examples=["answers", "hangs_up", "0900000001"],
        ),
    ] = "answers"
    talk_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description="Seconds after the answer until the customer hangs up. Default: 3600.",
            examples=[10],
        ),
    ] = 3600


class Calling(Struct, frozen=True):
    """The customer's phone dials. Events report the rest."""

    status: str
    from_number: Annotated[str, Meta(examples=["0900000001"])]
    to_number: Annotated[str, Meta(examples=["19001919"])]


@operation(
    "POST",
    "/v1/sandbox/inbound",
    may="sandbox:call",
    tag="Sandbox",
    gives={200: ("The customer calls.", Calling)},
    fails=(errors.Invalid, errors.NotFound),
)
async def sandbox_inbound(request: Request, principal: Principal, body: Inbound) -> ASGIApp:
    """Have a simulated customer call a hotline.

    Only where the sandbox is on, and in its own domain; elsewhere this is 404.
    """
    context, sandbox = request.context, request.context.deps.sandbox
    if sandbox is None or not sandbox.carries(principal.user.domain_name):
        raise errors.NotFound
    hotline = await _hotline(context, principal.domain_uuid, body.hotline.strip())
    customer = await sandbox.inbound(hotline, body.customer.strip() or "answers", body.talk_s)
    return responses.json(Calling("success", customer, hotline))


async def _hotline(context: Context, domain_uuid: UUID, number: str) -> str:
    """The domain's own hotline that is meant, in its stored form. Raises errors.Invalid."""
    async with context.tenants.connection(domain_uuid) as tx:
        found = await directory.load(tx, domain_uuid)
    hotline = (
        found.hotline(numbers.phone(number, field="hotline"))
        if number
        else found.default_hotline()
    )
    if hotline is None:
        raise errors.Invalid(messages.NO_SUCH_HOTLINE, field="hotline")
    return hotline.number


OPERATIONS = (sandbox_inbound,)
