"""tongdai ring-group: extensions that ring together or in turn."""

from typing import Annotated, get_args

import typer

from tongdai.cli import options, session, terminal
from tongdai.pbx import hunting
from tongdai.pbx.directory import RingGroup, Strategy
from tongdai.store import ring_groups

app = typer.Typer(
    no_args_is_help=True, help="Ring groups: extensions that ring together or in turn."
)

NEW = RingGroup("")  # with the defaults of a ring group
Number = Annotated[
    str, typer.Argument(metavar="RING-GROUP", help="2 to 8 digits.", show_default=False)
]
STRATEGY = typer.Option(
    help="; ".join(f"{one}: {hunting.meaning(one)}" for one in get_args(Strategy)) + "."
)
MEMBERS = typer.Option(help="Extensions, in order, comma-separated.", show_default=False)
RING_TIMEOUT = typer.Option(help="Seconds that a member rings before the next one does, 3 to 300.")
TIMEOUT = typer.Option(help="Seconds until the group gives up, 3 to 3600.")


@app.command()
def create(
    number: Number,
    *,
    domain: options.Domain,
    members: Annotated[str, MEMBERS] = "",
    name: Annotated[str, options.NAME] = "",
    strategy: Annotated[Strategy, STRATEGY] = NEW.strategy,
    ring_timeout: Annotated[int, RING_TIMEOUT] = NEW.ring_timeout_s,
    timeout: Annotated[int, TIMEOUT] = NEW.timeout_s,
    overflow: Annotated[str, options.OVERFLOW] = "",
    as_json: options.Json = False,
) -> None:
    """Make a ring group.

    Example: tongdai ring-group create 600 --domain sales.example.vn --members 101,102 --overflow
    700
    """
    made = RingGroup(
        number,
        name=name,
        strategy=strategy,
        members=options.listed(members) or (),
        ring_timeout_s=ring_timeout,
        timeout_s=timeout,
        overflow=overflow,
    )
    session.change(domain, ring_groups.insert, made)
    terminal.one(made, as_json=as_json)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's ring groups."""
    columns = "number", "name", "strategy", "members", "ring_timeout_s", "timeout_s", "overflow"
    terminal.many(session.call(domain, ring_groups.list), *columns, as_json=as_json)


@app.command()
def show(number: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a ring group."""
    terminal.one(session.call(domain, ring_groups.get, number), as_json=as_json)


@app.command()
def update(
    number: Number,
    *,
    domain: options.Domain,
    members: Annotated[str | None, MEMBERS] = None,
    name: Annotated[str | None, options.NAME] = None,
    strategy: Annotated[Strategy | None, STRATEGY] = None,
    ring_timeout: Annotated[int | None, RING_TIMEOUT] = None,
    timeout: Annotated[int | None, TIMEOUT] = None,
    overflow: Annotated[str | None, options.OVERFLOW] = None,
    as_json: options.Json = False,
) -> None:
    """Change a ring group; what is not given stays.

    Example: tongdai ring-group update 600 --domain sales.example.vn --members 101,102,103
    --strategy round_robin
    """
    changes = options.given(
        members=options.listed(members),
        name=name,
        strategy=strategy,
        ring_timeout_s=ring_timeout,
        timeout_s=timeout,
        overflow=overflow,
    )
    changed = session.change(domain, ring_groups.change, number, changes)
    terminal.one(changed, as_json=as_json)


@app.command()
def delete(number: Number, *, domain: options.Domain) -> None:
    """Delete a ring group that nothing leads to."""
    session.change(domain, ring_groups.delete, number)
    terminal.say(f"Deleted ring group {number}.")
