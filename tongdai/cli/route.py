"""tongdai route: the way of a call, without making it."""

from typing import Annotated

import msgspec
import typer

from tongdai import errors
from tongdai.cli import asking, options, session, terminal
from tongdai.dialects import route as dialect
from tongdai.pbx import simulation
from tongdai.pbx.commands import FindRoute
from tongdai.store import db, domains


class Line(msgspec.Struct, frozen=True):
    """A step, for people."""

    after: str
    step: str
    who: str
    lasts: str
    why: str


def route(
    caller: Annotated[
        str,
        typer.Argument(
            metavar="CALLER",
            help="An extension of the domain; any other number calls from outside.",
            show_default=False,
        ),
    ],
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="The number dialled.", show_default=False)
    ],
    *,
    domain: options.Domain,
    at: Annotated[
        str,
        typer.Option(
            help="Another time, such as 2027-01-05 20:05, local to the domain: no other calls "
            "then, and every phone is registered.",
            show_default="now, with the present calls and phones",
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Show the way of a call, without making it.

    Step by step who rings, why and for how long, where it ends if nobody answers, and which limit
    stops it.

    Example: tongdai route 0899888999 19001919 --at "2027-01-05 20:05" -d sales.example.vn
    """
    found = session.in_steps(lambda database: _found(database, domain, caller, number, at))
    if as_json:
        return terminal.json(dialect.route(found, "en"))
    terminal.many(list(map(_line, found.steps)), *Line.__struct_fields__, as_json=False)
    return _told(found.end)


async def _found(
    database: db.Database, domain: str, caller: str, number: str, at: str
) -> simulation.Route:
    async with database.transaction() as tx:
        known = await domains.by_name(tx, domain)
    terminal.in_zone(known.time_zone)
    moment = options.moment(at, known.time_zone)
    question = FindRoute(caller=caller, dialled=number, at=moment)
    outcome = await asking.outcome_of(database, known.domain_uuid, question)
    if outcome.error:
        raise errors.SwitchDown
    return msgspec.json.decode(outcome.report, type=simulation.Route)


def _line(step: simulation.RouteStep) -> Line:
    who = ", ".join(step.extensions) or step.number
    lasts = f"{step.lasts_s} s" if step.lasts_s else ""
    return Line(f"{step.after_s} s", step.kind.replace("_", " "), who, lasts, step.why.en)


def _told(end: simulation.End | None) -> None:
    if end is None:
        return terminal.say("It goes on; there are too many steps to show.")
    sip = f", the caller gets SIP {end.sip_status}" if end.sip_status else ""
    limit = f", by the limit {end.limit}" if end.limit else ""
    return terminal.say(f"If nobody answers: {end.status} / {end.cause}{sip}{limit}")
