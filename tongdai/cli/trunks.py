"""tongdai trunk: SIP links to carriers."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from tongdai import errors, messages
from tongdai.admin import trunks as admin
from tongdai.cli import asking, carriers, options, session, terminal
from tongdai.pbx import directory, trunk_trials
from tongdai.pbx.carriers import CalledNumberIn
from tongdai.pbx.commands import TRIAL_RING_S, TRIAL_RINGS_S, TRIAL_TALK_S, TryTrunk
from tongdai.store import db, domains, trunk_registrations, trunks
from tongdai.store.trunk_registrations import Registration

app = typer.Typer(no_args_is_help=True, help="Trunks: SIP links to carriers.")

NEW = trunks.Trunk(name="", auth="ip", host="")  # with the defaults of a trunk
Name = Annotated[
    str, typer.Argument(metavar="TRUNK", help="Its name in the domain.", show_default=False)
]
HOST = typer.Option(help="The carrier's address: host or host:port.", show_default=False)
AUTH = typer.Option(
    help="ip: the carrier knows our address; digest: we answer its challenges; registration: "
    "we register too."
)
TRANSPORT = typer.Option(help="Transport of SIP.")
ADDRESSES = typer.Option(
    help="Source addresses and networks of its calls, comma-separated; none: its host.",
    show_default=False,
)
AUTH_USERNAME = typer.Option(
    help="The user name by which, and the password, its calls are authenticated from any address; "
    'with --auth digest its username, unless "" is given.',
    show_default=False,
)
USERNAME = typer.Option(help="For digest and registration.", show_default=False)
PASSWORD = typer.Option(
    help='For digest and registration; "-" reads it from standard input.', show_default=False
)
FROM_USER = typer.Option(
    help="User of From in outbound calls, if the carrier wants one.", show_default=False
)
FROM_DOMAIN = typer.Option(
    help="Host of From in outbound calls, if the carrier wants one.", show_default=False
)
NUMBER_FORMAT = typer.Option(
    help="Its format of called and calling numbers: 0899888999, +84899888999, or as they are."
)
SHARED = typer.Option(
    "--shared/--not-shared", help="Other domains' hotlines may use it.", show_default=False
)
MAX_CALLS = typer.Option(help="Calls at the same time.")
CALLED_NUMBER_IN = typer.Option(
    help="Where its INVITEs have the number called. auto: the Request-URI, but To if the "
    "Request-URI has the user name that we registered."
)
QUALIFY = typer.Option(
    "--qualify/--no-qualify",
    help="Ask it once a minute whether it is there (SIP OPTIONS). It is called all the same.",
)
TRANSFERS = typer.Option(
    "--transfers/--no-transfers",
    help="Callers and called parties behind it may transfer (REFER), at the domain's cost.",
    show_default=False,
)


@app.command()
def create(
    name: Name,
    *,
    domain: options.Domain,
    host: Annotated[str, HOST],
    auth: Annotated[directory.TrunkAuth, AUTH] = NEW.auth,
    transport: Annotated[trunks.Transport, TRANSPORT] = NEW.transport,
    addresses: Annotated[str, ADDRESSES] = "",
    username: Annotated[str, USERNAME] = "",
    auth_username: Annotated[str | None, AUTH_USERNAME] = None,
    password: Annotated[str, PASSWORD] = "",
    from_user: Annotated[str, FROM_USER] = "",
    from_domain: Annotated[str, FROM_DOMAIN] = "",
    number_format: Annotated[directory.NumberFormat, NUMBER_FORMAT] = NEW.number_format,
    shared: Annotated[bool, SHARED] = False,
    max_calls: Annotated[int, MAX_CALLS] = NEW.max_calls,
    called_number_in: Annotated[CalledNumberIn, CALLED_NUMBER_IN] = NEW.called_number_in,
    qualify: Annotated[bool, QUALIFY] = NEW.qualify,
    transfers: Annotated[bool, TRANSFERS] = False,
    as_json: options.Json = False,
) -> None:
    """Make a trunk.

    Example: tongdai trunk create viettel --domain sales.example.vn --host 203.0.113.7 --addresses
    203.0.113.0/28

    Example: tongdai trunk create vnpt -d sales.example.vn --host sip.vnpt.vn --auth digest
    --username u1 --password -
    """
    given = trunks.Trunk(
        name=name,
        auth=auth,
        host=host,
        transport=transport,
        addresses=options.listed(addresses) or (),
        username=username,
        from_user=from_user,
        from_domain=from_domain,
        number_format=number_format,
        shared=shared,
        max_calls=max_calls,
        called_number_in=called_number_in,
        qualify=qualify,
        transfers=transfers,
    )
    made = session.change(
        domain,
        admin.create,
        session.master_key(),
        given,
        auth_username=auth_username,
        password=options.secret(password) or "",
    )
    terminal.one(made, as_json=as_json)
    _remark(domain, made)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's trunks."""
    columns = (
        "name",
        "auth",
        "host",
        "transport",
        "addresses",
        "username",
        "registration",
        "shared",
        "enabled",
        "trunk_uuid",
    )
    states = _states(domain)
    rows = [
        carriers.Shown(**msgspec.structs.asdict(trunk), registration=carriers.state(trunk, states))
        for trunk in session.call(domain, trunks.list)
    ]
    terminal.many(rows, *columns, as_json=as_json)


@app.command()
def show(name: Name, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a trunk, without its password, and the state of its registration."""
    trunk = session.call(domain, trunks.by_name, name)
    state = carriers.state(trunk, _states(domain))
    terminal.one(trunk, as_json=as_json, registration=state)


def _states(domain: str) -> Sequence[Registration]:
    return session.call(domain, trunk_registrations.list)


@app.command()
def update(
    name: Name,
    *,
    domain: options.Domain,
    new_name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    host: Annotated[str | None, HOST] = None,
    auth: Annotated[directory.TrunkAuth | None, AUTH] = None,
    transport: Annotated[trunks.Transport | None, TRANSPORT] = None,
    addresses: Annotated[str | None, ADDRESSES] = None,
    username: Annotated[str | None, USERNAME] = None,
    auth_username: Annotated[str | None, AUTH_USERNAME] = None,
    password: Annotated[str | None, PASSWORD] = None,
    from_user: Annotated[str | None, FROM_USER] = None,
    from_domain: Annotated[str | None, FROM_DOMAIN] = None,
    number_format: Annotated[directory.NumberFormat | None, NUMBER_FORMAT] = None,
    shared: Annotated[bool | None, SHARED] = None,
    max_calls: Annotated[int | None, MAX_CALLS] = None,
    called_number_in: Annotated[CalledNumberIn | None, CALLED_NUMBER_IN] = None,
    qualify: Annotated[bool | None, QUALIFY] = None,
    transfers: Annotated[bool | None, TRANSFERS] = None,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    as_json: options.Json = False,
) -> None:
    """Change a trunk; what is not given stays, its password too.

    Example: tongdai trunk update viettel --domain sales.example.vn --host 203.0.113.8 --max-calls
    30
    """
    changes = options.given(
        name=new_name,
        host=host,
        auth=auth,
        transport=transport,
        addresses=options.listed(addresses),
        username=username,
        auth_username=auth_username,
        from_user=from_user,
        from_domain=from_domain,
        number_format=number_format,
        shared=shared,
        max_calls=max_calls,
        called_number_in=called_number_in,
        qualify=qualify,
        transfers=transfers,
        enabled=enabled,
    )
    new = options.secret(password)
    changed = session.change(
        domain, admin.update, session.master_key(), name, changes, password=new
    )
    terminal.one(changed, as_json=as_json)
    _remark(domain, changed)


def _remark(domain: str, trunk: trunks.Trunk) -> None:
    """Says what the operator should know of the trunk's address."""
    neighbours = session.call(domain, carriers.conflicts, trunk.trunk_uuid)
    for line in carriers.remarks(trunk, neighbours):
        terminal.aside(line)


@app.command("test")
def try_(
    name: Name,
    number: Annotated[
        str,
        typer.Argument(
            metavar="NUMBER", help="The number to call, as a phone dials it.", show_default=False
        ),
    ],
    *,
    domain: options.Domain,
    hotline: Annotated[
        str, typer.Option(help="The number to present.", show_default="the first on the trunk")
    ] = "",
    ring: Annotated[
        int,
        typer.Option(min=TRIAL_RING_S[0], max=TRIAL_RING_S[1], help="Seconds that it may ring."),
    ] = TRIAL_RINGS_S,
    talk: Annotated[
        int,
        typer.Option(min=0, max=TRIAL_TALK_S, help="Seconds from the answer to the end."),
    ] = 0,
    as_json: options.Json = False,
) -> None:
    """Call a number by one trunk, and show what the carrier answered.

    No phone rings, and there is no record of the call. It ends with 1 unless it was answered.

    Example: tongdai trunk test viettel 0899888999 -d sales.example.vn
    """
    asked = TryTrunk(trunk=name, number=number, hotline=hotline, ring_s=ring, talk_s=talk)
    trial = session.in_steps(lambda database: _tried(database, domain, asked))
    terminal.fields(trunk_trials.flat(trial), as_json=as_json)
    if trial.result != "answered":
        raise typer.Exit(1)


async def _tried(database: db.Database, domain: str, asked: TryTrunk) -> trunk_trials.Trial:
    async with database.transaction() as tx:
        known = await domains.by_name(tx, domain)
    within_s = asked.ring_s + asked.talk_s + asking.ANSWER_S
    outcome = await asking.outcome_of(database, known.domain_uuid, asked, within_s)
    if outcome.error:
        why = messages.by_key(outcome.why)
        raise errors.by_code(outcome.error)(why, field=outcome.field)
    return msgspec.json.decode(outcome.report, type=trunk_trials.Trial)


@app.command()
def delete(name: Name, *, domain: options.Domain) -> None:
    """Delete a trunk that no hotline uses."""
    session.change(domain, admin.delete, name)
    terminal.say(f"Deleted trunk {name}.")
