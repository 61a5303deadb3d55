"""What is owed: events and records that have yet to come, of calls and of deliveries."""

from typing import Annotated, Any
from uuid import UUID

from litestar import get
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai.api import answers, context, operations
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


_owed: dict[str, Any] = operations.says(tag="Events", gives={200: ("What is owed now.", Owed)})


@get("/v1/event/owed", opt=_owed)
async def owed_events(request: context.Ask) -> ASGIApp:
    """What is owed.

    Every call that began owes its events and its record. While it goes on that is as it should be;
    once it is over it is a debt, which is settled within seconds. Deliveries are owed until a
    callback URL has taken them.
    """
    here, principal = context.of(request), await context.principal(request)
    async with here.tenants.transaction(principal.domain_uuid) as tx:
        found = await owed.of(tx, principal.domain_uuid)
        debts = await owed.debts(tx, principal.domain_uuid)
    told = [Debt(debt.call_uuid, [*debt.owes], debt.age_s) for debt in debts]
    return answers.json(
        Owed(
            calls=Live(found.live, found.live_s),
            debts=Debts(found.debts, found.debts_s, told),
            deliveries=DeliveriesOwed(found.due, found.due_s),
        )
    )


HANDLERS = [owed_events]
