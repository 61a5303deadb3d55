"""tongdai caller: who is blocked, let through, or has a destination of its own."""

from typing import Annotated

import typer

from tongdai.cli import options, session, terminal
from tongdai.pbx.causes import Rejection
from tongdai.pbx.directory import Caller, CallerAction
from tongdai.store import callers

app = typer.Typer(
    no_args_is_help=True,
    help="Callers from outside: blocked, let through, or with a destination of their own.",
)

Number = Annotated[
    str,
    typer.Argument(
        metavar="CALLER",
        help='A telephone number; the beginning of numbers: "0912*", "+44*"; "*" for everybody; '
        '"anonymous" for withheld numbers.',
        show_default=False,
    ),
]
ACTION = typer.Option(
    help="block: rejected; allow: let through, whatever a shorter pattern says; route: to "
    "--destination, and from there, unanswered, to the hotline's."
)
DESTINATION = typer.Option(
    help="Of route: a number of the domain, or a number outside.", show_default=False
)
ANSWER = typer.Option(help="What a blocked caller gets: 480, 486, 603 or 404.")
HOTLINES = typer.Option(
    help='Only for calls to these hotlines, comma-separated; "": to all.', show_default=False
)
NOTE = typer.Option(help="For people.", show_default=False)


@app.command()
def create(
    caller: Number,
    *,
    domain: options.Domain,
    action: Annotated[CallerAction, ACTION] = "block",
    destination: Annotated[str, DESTINATION] = "",
    answer: Annotated[Rejection, ANSWER] = "rejected",
    hotlines: Annotated[str, HOTLINES] = "",
    note: Annotated[str, NOTE] = "",
    as_json: options.Json = False,
) -> None:
    """Block a caller, let one through, or route its calls.

    Example: tongdai caller create 0912345678 --domain sales.example.vn --action route
    --destination 101
    """
    wanted = Caller(caller, action, destination, answer, options.listed(hotlines) or (), note)
    terminal.one(session.change(domain, callers.insert, wanted), as_json=as_json)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's callers, the first thousand."""
    columns = Caller.__struct_fields__
    terminal.many(session.call(domain, callers.list), *columns, as_json=as_json)


@app.command()
def show(caller: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a caller."""
    terminal.one(session.call(domain, callers.get, caller), as_json=as_json)


@app.command()
def update(
    caller: Number,
    *,
    domain: options.Domain,
    action: Annotated[CallerAction | None, ACTION] = None,
    destination: Annotated[str | None, DESTINATION] = None,
    answer: Annotated[Rejection | None, ANSWER] = None,
    hotlines: Annotated[str | None, HOTLINES] = None,
    note: Annotated[str | None, NOTE] = None,
    as_json: options.Json = False,
) -> None:
    """Change a caller; what is not given stays.

    Example: tongdai caller update 0912345678 --domain sales.example.vn --destination 102
    """
    changes = options.given(
        action=action,
        destination=destination,
        answer=answer,
        hotlines=options.listed(hotlines),
        note=note,
    )
    terminal.one(session.change(domain, callers.change, caller, changes), as_json=as_json)


@app.command()
def delete(caller: Number, *, domain: options.Domain) -> None:
    """Delete a caller: its calls are as any other's."""
    session.change(domain, callers.delete, caller)
    terminal.say(f"Deleted caller {caller}.")
