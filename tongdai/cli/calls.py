"""tongdai calls: the calls that go on now."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import typer

from tongdai import errors, messages
from tongdai.cli import asking, options, session, terminal
from tongdai.dialects import live as dialect
from tongdai.pbx import live
from tongdai.pbx.call import Call
from tongdai.pbx.commands import (
    Command,
    EndCall,
    HoldCall,
    MuteParty,
    ParkCall,
    PlayPrompt,
    RecordCall,
    SendDigits,
    TransferCall,
    UnholdCall,
)
from tongdai.store import calls as store
from tongdai.store import cdr_search, commands, db, domains

app = typer.Typer(help="Calls that go on now; steer one, or hang it up.")

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


Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Any id of the call, SIP Call-ID too.", show_default=False),
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
    id: Id,
    *,
    domain: options.Domain,
) -> None:
    """Hang up a call. The audit log says who did.

    Example: tongdai calls hangup 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"hung up: {_asked(domain, id, lambda call: EndCall(call_uuid=call))}")


@app.command()
def hold(id: Id, *, domain: options.Domain) -> None:
    """Put a talk on hold: both parties hear music, for 15 minutes at most.

    Example: tongdai calls hold 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"on hold: {_asked(domain, id, lambda call: HoldCall(call_uuid=call))}")


@app.command()
def unhold(id: Id, *, domain: options.Domain) -> None:
    """Take a talk back from hold.

    Example: tongdai calls unhold 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"talks again: {_asked(domain, id, lambda call: UnholdCall(call_uuid=call))}")


@app.command()
def record(
    id: Id,
    do: Annotated[
        Literal["start", "stop", "pause", "resume"],
        typer.Argument(help="What to do with it.", show_default=False),
    ],
    *,
    domain: options.Domain,
) -> None:
    """Start, stop, pause or resume the recording of a talk.

    Example: tongdai calls record 01a2b3c4-d5e6-7890-abcd-ef0123456789 pause -d sales.example.vn
    """
    asked = _asked(domain, id, lambda call: RecordCall(call_uuid=call, do=do))
    terminal.say(f"recording, {do}: {asked}")


@app.command()
def transfer(
    id: Id,
    to: Annotated[
        str,
        typer.Argument(help="Extension, group, queue or number outside.", show_default=False),
    ],
    *,
    by: Annotated[
        str,
        typer.Option(help="The extension that leaves.", show_default="the only one in the talk"),
    ] = "",
    domain: options.Domain,
) -> None:
    """Transfer the other party of a talk, as if the extension's phone had.

    Example: tongdai calls transfer 01a2b3c4-d5e6-7890-abcd-ef0123456789 102 -d sales.example.vn
    """
    asked = _asked(domain, id, lambda call: TransferCall(call_uuid=call, to=to, by=by))
    terminal.say(f"transferred to {to}: {asked}")


@app.command()
def park(
    id: Id,
    *,
    by: Annotated[
        str,
        typer.Option(help="The extension that parks.", show_default="the only one in the talk"),
    ] = "",
    domain: options.Domain,
) -> None:
    """Park the other party of a talk: it waits with music at a slot, until it is taken back.

    Example: tongdai calls park 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    asked = _asked(domain, id, lambda call: ParkCall(call_uuid=call, by=by))
    terminal.say(f"parked: {asked}")


OfParty = Annotated[
    str,
    typer.Option("--party", help="Its number.", show_default="the one extension in the talk"),
]


@app.command()
def mute(id: Id, *, party: OfParty = "", domain: options.Domain) -> None:
    """Mute a party of a talk: the other one does not hear it.

    Example: tongdai calls mute 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"muted: {_muted(domain, id, party, is_muted=True)}")


@app.command()
def unmute(id: Id, *, party: OfParty = "", domain: options.Domain) -> None:
    """Undo the muting of a party.

    Example: tongdai calls unmute 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.say(f"heard again: {_muted(domain, id, party, is_muted=False)}")


def _muted(domain: str, name: str, party: str, *, is_muted: bool) -> UUID:
    return _asked(
        domain, name, lambda call: MuteParty(call_uuid=call, is_muted=is_muted, party=party)
    )


@app.command()
def dtmf(
    id: Id,
    digits: Annotated[str, typer.Argument(help="0-9, *, #, A-D.", show_default=False)],
    *,
    party: Annotated[
        str,
        typer.Option(help="Number of who hears them.", show_default="beside the extension"),
    ] = "",
    domain: options.Domain,
) -> None:
    """Send keys to a party of a talk, as if the other one had pressed them.

    Example: tongdai calls dtmf 01a2b3c4-d5e6-7890-abcd-ef0123456789 1# -d sales.example.vn
    """
    asked = _asked(domain, id, lambda call: SendDigits(call_uuid=call, digits=digits, party=party))
    terminal.say(f"sent: {asked}")


@app.command()
def play(
    id: Id,
    prompt: Annotated[str, typer.Argument(help="The prompt's name.", show_default=False)],
    *,
    domain: options.Domain,
) -> None:
    """Play a prompt into a talk: both parties hear it.

    Example: tongdai calls play 01a2b3c4-d5e6-7890-abcd-ef0123456789 recorded -d sales.example.vn
    """
    asked = _asked(domain, id, lambda call: PlayPrompt(call_uuid=call, prompt=prompt))
    terminal.say(f"plays: {asked}")


def _asked(domain: str, name: str, command: Callable[[UUID], Command]) -> UUID:
    return session.in_steps(lambda database: _ask(database, domain, name, command))


async def _ask(
    database: db.Database, domain: str, name: str, command: Callable[[UUID], Command]
) -> UUID:
    """The engine has carried out the command on the call. Raises errors.NotFound,
    errors.CallEnded, errors.SwitchDown, and those that the outcome names.
    """
    async with database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, domain)).domain_uuid
        call = await _named(tx, domain_uuid, name)
        asked = await commands.ask(tx, domain_uuid, command(call.call_uuid))
    outcome = await asking.answered(database, domain_uuid, asked)
    if outcome.error:
        raise errors.by_code(outcome.error)(messages.by_key(outcome.why), field=outcome.field)
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
