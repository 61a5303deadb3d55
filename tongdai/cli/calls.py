"""tongdai calls: the calls that go on now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from tongdai import errors
from tongdai.cli import asking, options, session, terminal
from tongdai.dialects import live as dialect
from tongdai.pbx import live
from tongdai.pbx.call import Call
from tongdai.pbx.commands import EndCall
from tongdai.store import calls as store
from tongdai.store import cdr_search, commands, db, domains

app = typer.Typer(help="Calls that go on now; hang one up.")

AnyDomain = Annotated[
    str,
    typer.Option(
        "--domain",
        "-d",
        envvar="TONGDAI_DOMAIN",
        help="The domain's name.",
        show_default="all domains",
    ),
]


class Line(msgspec.Struct, frozen=True):
    """A call, for people."""

    domain: str
    id: UUID
    direction: str
    from_number: str
    to_number: str
    state: str
    since: datetime
    lasts_s: int
    parties: tuple[str, ...]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context, *, domain: AnyDomain = "", as_json: options.Json = False
) -> None:
    """Show the calls that go on now, the oldest first: of a domain, or of all.

    Example: tongdai calls -d sales.example.vn
    """
    if context.invoked_subcommand:
        return None
    found = session.call(domain, store.of_domain) if domain else session.run(store.of_all_domains)
    seen = [live.of(call) for call in found]
    if as_json:
        return terminal.many([dialect.call(each) for each in seen], as_json=True)
    now = datetime.now(UTC)
    lines = [_line(each, now) for each in seen]
    return terminal.many(lines, *Line.__struct_fields__, as_json=False)


@app.command()
def hangup(
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Any id of the call, SIP Call-ID too.", show_default=False
        ),
    ],
    *,
    domain: options.Domain,
) -> None:
    """Hang up a call. The audit log says who did.

    Example: tongdai calls hangup 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"hung up: {session.in_steps(lambda database: _end(database, domain, id))}")


async def _end(database: db.Database, domain: str, name: str) -> UUID:
    """The call is being ended. Raises errors.NotFound, errors.CallEnded, errors.SwitchDown."""
    async with database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, domain)).domain_uuid
        call = await _named(tx, domain_uuid, name)
        asked = await commands.ask(tx, domain_uuid, EndCall(call_uuid=call.call_uuid))
    outcome = await asking.answered(database, domain_uuid, asked)
    if outcome.error == errors.CallEnded.code:
        raise errors.CallEnded
    if outcome.error:
        raise errors.SwitchDown
    return call.call_uuid


async def _named(tx: db.Tx, domain_uuid: UUID, name: str) -> Call:
    found = await store.named(tx, domain_uuid, name)
    if found is None:
        await cdr_search.get(tx, domain_uuid, name)  # errors.NotFound
        raise errors.CallEnded
    return found


def _line(call: live.LiveCall, now: datetime) -> Line:
    return Line(
        call.domain,
        call.call_uuid,
        call.direction,
        call.from_number,
        call.to_number,
        call.stage,
        call.since,
        max(0, int((now - call.started_at).total_seconds())),
        _parties(call.legs),
    )


def _parties(legs: Sequence[live.LiveLeg]) -> tuple[str, ...]:
    return tuple(f"{leg.number} rings" if leg.is_ringing else leg.number for leg in legs)
