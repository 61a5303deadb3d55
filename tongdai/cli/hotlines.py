"""tongdai hotline: public numbers."""

from typing import Annotated, get_args

import typer

from tongdai.admin import hotlines as admin
from tongdai.cli import carriers, options, session, terminal
from tongdai.pbx.causes import Rejection
from tongdai.store import hotlines

app = typer.Typer(no_args_is_help=True, help="Hotlines: the public numbers of a domain.")

Number = Annotated[
    str,
    typer.Argument(
        metavar="HOTLINE",
        help="National, international or short: 02873001234.",
        show_default=False,
    ),
]
TRUNK = typer.Option(
    help="The trunk that carries it: one of the domain, or a shared one; name or uuid.",
    show_default=False,
)
FURTHER_TRUNKS = typer.Option(
    help="The trunks that carry its outbound calls, in order, when the first one fails before "
    'ringing: names or uuids, comma-separated; "" has none.',
    show_default=False,
)
DESTINATION = typer.Option(
    help='The destination of its calls: an extension, ring group, queue or menu; "" refuses them.',
    show_default=False,
)
HOURS = typer.Option(help='The name of its hours plan; "": it is always open.', show_default=False)
CLOSED_DESTINATION = typer.Option(
    help="The destination of its calls while it is closed: a number of the domain, or a number "
    'outside, which is a call out; "" rejects them.',
    show_default=False,
)
CLOSED_CAUSE = typer.Option(
    help="What a caller gets who is rejected while it is closed: "
    f"{', '.join(get_args(Rejection))}.",
    show_default=False,
)
DEFAULT = typer.Option("--default/--not-default", help="Outbound calls present it by default.")


@app.command()
def create(
    number: Number,
    *,
    domain: options.Domain,
    trunk: Annotated[str, TRUNK],
    name: Annotated[str, options.NAME] = "",
    destination: Annotated[str, DESTINATION] = "",
    default: Annotated[bool, DEFAULT] = False,
    further_trunks: Annotated[str, FURTHER_TRUNKS] = "",
    hours: Annotated[str, HOURS] = "",
    closed_destination: Annotated[str, CLOSED_DESTINATION] = "",
    closed_cause: Annotated[Rejection, CLOSED_CAUSE] = "unavailable",
    as_json: options.Json = False,
) -> None:
    """Make a hotline.

    Example: tongdai hotline create 02873001234 --domain sales.example.vn --trunk viettel
    --destination 600 --default
    """
    made = session.change(
        domain,
        admin.create,
        number,
        trunk=trunk,
        name=name,
        destination=destination,
        is_default=default,
        further_trunks=options.listed(further_trunks) or (),
        hours=hours or None,
        closed_destination=closed_destination,
        closed_cause=closed_cause,
    )
    terminal.one(made, as_json=as_json)
    for trunk_uuid in made.trunks:
        for each in session.call(domain, carriers.conflicts, trunk_uuid):
            if made.number in each.numbers:
                terminal.aside(f"warning: {next(carriers.described(each))}")


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's hotlines."""
    columns = "number", "name", "trunk", "destination", "is_default", "enabled", "canonical"
    if as_json:  # with all fields
        return terminal.many(session.call(domain, hotlines.list), as_json=True)
    found = session.call(domain, hotlines.all_configured)
    return terminal.many(found, *columns, as_json=False)


@app.command()
def show(number: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a hotline."""
    terminal.one(session.call(domain, hotlines.get, number), as_json=as_json)


@app.command()
def update(
    number: Number,
    *,
    domain: options.Domain,
    trunk: Annotated[str | None, TRUNK] = None,
    name: Annotated[str | None, options.NAME] = None,
    destination: Annotated[str | None, DESTINATION] = None,
    default: Annotated[bool | None, DEFAULT] = None,
    further_trunks: Annotated[str | None, FURTHER_TRUNKS] = None,
    hours: Annotated[str | None, HOURS] = None,
    closed_destination: Annotated[str | None, CLOSED_DESTINATION] = None,
    closed_cause: Annotated[Rejection | None, CLOSED_CAUSE] = None,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    as_json: options.Json = False,
) -> None:
    """Change a hotline; what is not given stays.

    Example: tongdai hotline update 02873001234 --domain sales.example.vn --destination 700
    """
    changes = options.given(
        name=name,
        destination=destination,
        is_default=default,
        enabled=enabled,
        closed_destination=closed_destination,
        closed_cause=closed_cause,
    )
    if hours is not None:
        changes["hours"] = hours or None
    further = options.listed(further_trunks)
    changed = session.change(
        domain, admin.update, number, changes, trunk=trunk, further_trunks=further
    )
    terminal.one(changed, as_json=as_json)


@app.command()
def delete(number: Number, *, domain: options.Domain) -> None:
    """Delete a hotline that no extension shows."""
    session.change(domain, hotlines.delete, number)
    terminal.say(f"Deleted hotline {number}.")
