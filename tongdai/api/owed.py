"""What is owed: events and records that have yet to come, of calls and of deliveries."""

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
    """A call that is over."""

    conversation_id: UUID
    owes: Annotated[
        list[str], Meta(description="Events that have yet to be told.", examples=[["cdr"]])
    ]
    age_s: Annotated[int, Meta(description="Seconds since it was over.")]


class Debts(Struct, frozen=True):
    """Calls that are over, and not accounted for: for a moment, while a recording is closed."""

    count: int
    oldest_s: int
    oldest: Annotated[list[Debt], Meta(description=f"At most {owed.SHOWN} of them.")]


class DeliveriesOwed(Struct, frozen=True):
    """Events that have happened, and have yet to be taken by a callback URL."""

    due: int
    oldest_s: Annotated[
        int, Meta(description="Seconds since the oldest happened; 0 when there is none.")
    ]


class Owed(Struct, frozen=True):
    """What the domain will yet be told."""

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
    """What is owed.

    Every call that began owes its events and its record. While it goes on that is as it should be;
    once it is over it is a debt, which is settled within seconds. Deliveries are owed until a
    callback URL has taken them.
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
