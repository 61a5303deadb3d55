"""Outstanding events and records, of calls and of deliveries."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai.api import responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.store import outstanding


class LiveCalls(Struct, frozen=True):
    """Calls in progress."""

    count: int
    oldest_s: Annotated[
        int, Meta(description="Seconds since the oldest began; 0 when there is none.")
    ]


class EndedCall(Struct, frozen=True):
    """A call that has ended."""

    conversation_id: UUID
    outstanding: Annotated[
        list[str], Meta(description="Events that are not published yet.", examples=[["cdr"]])
    ]
    age_s: Annotated[int, Meta(description="Seconds since it ended.")]


class EndedCalls(Struct, frozen=True):
    """Ended calls that are not completely published yet: for a moment, while a recording is
    closed.
    """

    count: int
    oldest_s: int
    oldest: Annotated[list[EndedCall], Meta(description=f"At most {outstanding.LISTED} of them.")]


class DueDeliveries(Struct, frozen=True):
    """Events that no endpoint has accepted yet."""

    due: int
    oldest_s: Annotated[
        int, Meta(description="Seconds since the oldest happened; 0 when there is none.")
    ]


class Outstanding(Struct, frozen=True):
    """The outstanding events, records and deliveries of the domain."""

    calls: LiveCalls
    ended_calls: EndedCalls
    deliveries: DueDeliveries


@operation(
    "GET",
    "/v1/event/outstanding",
    may="event:read",
    tag="Events",
    gives={200: ("What is outstanding now.", Outstanding)},
)
async def get_outstanding(request: Request, principal: Principal) -> ASGIApp:
    """Show what is outstanding.

    Every call has its events and its record outstanding until it has ended. If some are still
    outstanding afterwards, the call is listed among the ended ones, and is completed within
    seconds. A delivery is outstanding until a callback URL has accepted it.
    """
    async with request.context.tenants.transaction(principal.domain_uuid) as tx:
        found = await outstanding.of(tx, principal.domain_uuid)
        ended = await outstanding.ended_calls(tx, principal.domain_uuid)
    oldest = [EndedCall(call.call_uuid, [*call.outstanding], call.age_s) for call in ended]
    return responses.json(
        Outstanding(
            calls=LiveCalls(found.live, found.live_s),
            ended_calls=EndedCalls(found.ended, found.ended_s, oldest),
            deliveries=DueDeliveries(found.due, found.due_s),
        )
    )


OPERATIONS = (get_outstanding,)
