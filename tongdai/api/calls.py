"""Live calls: the list, one by any of its ids, and their end by command."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import asking, cdrs, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Caller, Operator, Principal
from tongdai.api.requests import Request
from tongdai.dialects import live as dialect
from tongdai.pbx import live
from tongdai.pbx.commands import Command, EndCall
from tongdai.store import audit, calls, commands


class Calls(Struct, frozen=True):
    """Calls that go on now, the oldest first."""

    data: list[dialect.LiveCall]


class OfCall(Struct, frozen=True):
    id: Annotated[
        str,
        Meta(
            description="The call's id, the call_id of any of its legs, or the SIP Call-ID of one."
        ),
    ]


class Ended(Struct, frozen=True):
    """The call is being ended; its events and its record follow."""

    id: UUID


@operation(
    "GET",
    "/v1/calls",
    may="call:read",
    tag="Live calls",
    gives={200: ("The calls.", Calls)},
)
async def list_calls(request: Request, principal: Caller) -> ASGIApp:
    """List the calls that go on now.

    Those of the domain; for an operator who names no domain, those of all domains.
    """
    context = request.context
    if isinstance(principal, Operator):
        health = context.tenants.health_probe
        async with health.while_healthy(), context.deps.database.connection() as tx:
            found = await calls.of_all_domains(tx)
    else:
        async with context.tenants.connection(principal.domain_uuid) as tx:
            found = await calls.of_domain(tx, principal.domain_uuid)
    return responses.json(Calls([dialect.call(live.of(each)) for each in found]))


@operation(
    "GET",
    "/v1/calls/{id:path}",
    may="call:read",
    tag="Live calls",
    gives={200: ("The call.", dialect.LiveCall)},
    fails=(errors.NotFound,),
)
async def get_call(request: Request, principal: Principal, path: OfCall) -> ASGIApp:
    """Get one call, live or ended.

    By any id that this API gives: `conversation_id`, the `call_id` of an event or of
    click-to-call, or the SIP Call-ID that a phone knows. What an ended call has besides is in its
    record, `GET /v1/cdr/{id}`.
    """
    domain_uuid = principal.domain_uuid
    async with request.context.tenants.connection(domain_uuid) as tx:
        found = await calls.named(tx, domain_uuid, path.id)
    if found:
        return responses.json(dialect.call(live.of(found)))
    record = await cdrs.find(request.context, principal, path.id)
    return responses.json(dialect.ended(record, principal.user.domain_name))


@operation(
    "DELETE",
    "/v1/calls/{id:path}",
    may="call:control",
    tag="Live calls",
    gives={200: ("It is being ended.", Ended)},
    fails=(errors.NotFound, errors.CallEnded, errors.SwitchDown),
)
async def end_call(request: Request, principal: Principal, path: OfCall) -> ASGIApp:
    """Hang up a live call.

    Whatever it is doing: phones that ring stop, and all parties are released. A caller who has had
    no answer yet gets SIP 480. The record says `hangup_by` `system`, and the audit log who asked.
    """
    asked = await ask(request, principal, path.id, lambda call: EndCall(call_uuid=call))
    return responses.json(Ended(asked))


async def ask(
    request: Request, principal: Principal, name: str, command: Callable[[UUID], Command]
) -> UUID:
    """The engine has carried out the command on the live call, as the audit log tells. `name` is
    any id of the call. Returns its id. Raises errors.NotFound, errors.CallEnded,
    errors.SwitchDown, and those that the outcome names.
    """
    context, domain_uuid = request.context, principal.domain_uuid
    async with context.tenants.transaction(domain_uuid) as tx:
        found = await calls.named(tx, domain_uuid, name)
        if found:
            await audit.acting(tx, principal.actor, request.address, principal.api_key)
            asked = await commands.ask(tx, domain_uuid, command(found.call_uuid))
    if not found:
        await cdrs.find(context, principal, name)
        raise errors.CallEnded
    outcome = await asking.answered(context, domain_uuid, asked)
    if outcome.error:
        raise errors.by_code(outcome.error)(messages.by_key(outcome.why), field=outcome.field)
    return found.call_uuid


OPERATIONS = (list_calls, get_call, end_call)
