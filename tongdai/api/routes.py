"""The route simulator."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import asking, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.dialects import route as dialect
from tongdai.pbx import numbers, simulation
from tongdai.pbx.commands import FindRoute

_LONGEST = 64


class AskedRoute(Struct, frozen=True):
    """Who calls which number, and when."""

    caller: Annotated[
        str,
        Meta(
            description="An extension of the domain; any other number calls from outside.",
            examples=["0899888999"],
        ),
    ]
    number: Annotated[str, Meta(description="The number that is dialled.", examples=["19001919"])]
    at: Annotated[
        Utc | None,
        Meta(
            description="Another time, with its offset: no other calls then, and every phone is "
            "registered. Default: now, with the present calls and phones.",
        ),
    ] = None


@operation(
    "POST",
    "/v1/admin/route",
    may="routing:read",
    tag="Administration",
    gives={200: ("The way of the call.", dialect.Route)},
    fails=(errors.Invalid, errors.SwitchDown),
)
async def find_route(request: Request, principal: Principal, body: AskedRoute) -> ASGIApp:
    """Show the way of a call, without making it.

    Step by step who rings, why and for how long, where it ends if nobody answers, and which limit
    stops it. The code that routes real calls decides.
    """
    question = FindRoute(
        caller=_number(body.caller, "caller"), dialled=_number(body.number, "number"), at=body.at
    )
    outcome = await asking.outcome_of(request.context, principal.domain_uuid, question)
    if outcome.error:
        raise errors.by_code(outcome.error)(messages.by_key(outcome.why))
    found = msgspec.json.decode(outcome.report, type=simulation.Route)
    return responses.json(dialect.route(found, request.language))


def _number(text: str, name: str) -> str:
    """A number as a phone or a carrier may send it. Raises errors.Invalid."""
    plain = text.strip()
    if not plain:
        raise errors.Invalid(messages.NEEDED, field=name)
    if len(plain) > _LONGEST or not plain.isprintable():
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_LONGEST), field=name)
    return numbers.clean(plain) or plain


OPERATIONS = (find_route,)
