"""Changes of the configuration on behalf of a principal, as the audit log tells them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.store import audit, db


@asynccontextmanager
async def transaction(request: Request, principal: Principal) -> AsyncIterator[db.Tx]:
    """A transaction in the principal's domain, whose changes are the principal's. No other one
    changes the domain's configuration meanwhile: the changes of one domain wait for each other
    here, and hold one of the connections that all domains share. Raises errors.Unavailable when
    they wait long.
    """
    async with (
        request.context.turn(principal.domain_uuid),
        request.context.tenants.transaction(principal.domain_uuid) as tx,
    ):
        await audit.acting(tx, principal.actor, request.address)
        await audit.alone(tx, principal.domain_uuid)
        yield tx
