"""Reads and changes of the configuration on behalf of a principal; changes as the audit log tells
them.

Row-level security shows a principal's connection the rows of its domain only. What refers to other
domains' things, an operator reads and changes past it (`beyond`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from tongdai.api.principals import Caller
from tongdai.api.requests import Request
from tongdai.store import audit, db, domains

_INSTALLATION = UUID(int=0)


@asynccontextmanager
async def reading(
    request: Request, principal: Caller, *, beyond: bool = False
) -> AsyncIterator[db.Tx]:
    """A connection in the principal's domain."""
    if principal.domain_uuid is not None and not (beyond and principal.is_operator):
        async with request.context.tenants.connection(principal.domain_uuid) as tx:
            yield tx
    else:
        async with (
            request.context.health_probe.while_healthy(),
            request.context.deps.database.connection() as tx,
        ):
            yield tx


@asynccontextmanager
async def transaction(
    request: Request, principal: Caller, *, beyond: bool = False, is_deletion: bool = False
) -> AsyncIterator[db.Tx]:
    """A transaction in the principal's domain, or of an operator who is in none, whose changes are
    the principal's. No other one changes the domain's configuration meanwhile: the changes of one
    domain wait for each other here, and hold one of the connections that all domains share. Raises
    errors.Unavailable when they wait long, errors.Conflict while the domain is being deleted
    (unless `is_deletion`).
    """
    place = principal.domain_uuid or _INSTALLATION
    async with (
        request.context.turn(place),
        _whole(request, principal, beyond=beyond) as tx,
    ):
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        await audit.alone(tx, place)
        if not is_deletion:
            await domains.refuse_deleting(tx, place)
        yield tx


@asynccontextmanager
async def _whole(request: Request, principal: Caller, *, beyond: bool) -> AsyncIterator[db.Tx]:
    async with reading(request, principal, beyond=beyond) as tx, db.whole(tx):
        yield tx
