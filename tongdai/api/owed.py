"""Outstanding events and records, of calls and of deliveries."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai.api import responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.store import owed


class Live(Struct, frozen=True):
    """Calls that go on."""

    count: int
    oldest_s: Annotated[
        int, Meta(description="Seconds since the oldest began; 0 when there is none.")
    ]


class Debt(Struct, frozen=True):
    """A call that is over, and what it has yet to publish."""

    conversation_id: UUID
    owes: Annotated[
        list[str], Meta(description="Events that have yet to be published.", examples=[["cdr"]])
    ]
    age_s: Annotated[int, Meta(description="Seconds since it was over.")]


class Debts(Struct, frozen=True):
    """Calls that are over, and incomplete: for a moment, while a recording is closed."""

    count: int
    oldest_s: int
    oldest: Annotated[list[Debt], Meta(description=f"At most {owed.SHOWN} of them.")]


class DeliveriesOwed(Struct, frozen=True):
    """Events that no callback URL has taken yet."""

    due: int
    oldest_s: Annotated[
        int, Meta(description="Seconds since the oldest happened; 0 when there is none.")
    ]


class Owed(Struct, frozen=True):
    """Outstanding events and records of the domain."""

    calls: Live
    debts: Debts
    deliveries: DeliveriesOwed


@operation(
    "GET",
    "/v1/event/owed",
    may="event:read",
    tag="Events",
    gives={200: ("What is owed now.", Owed)},
)
async def owed_events(request: Request, principal: Principal) -> ASGIApp:
    """Show what is outstanding.

    Every call has its events and its record outstanding until it is over. Where some are still
    outstanding afterwards the call is listed as a debt, and is completed within seconds. A
    delivery is outstanding until a callback URL has taken it.
    """
    async with request.context.tenants.transaction(principal.domain_uuid) as tx:
        found = await owed.of(tx, principal.domain_uuid)
        debts = await owed.debts(tx, principal.domain_uuid)
    told = [Debt(debt.call_uuid, [*debt.owes], debt.age_s) for debt in debts]
    return responses.json(
        Owed(
            calls=Live(found.live, found.live_s),
            debts=Debts(found.debts, found.debts_s, told),
            deliveries=DeliveriesOwed(found.due, found.due_s),
        )
    )


OPERATIONS = (owed_events,)
