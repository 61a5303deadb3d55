"""tongdai ban: addresses that gave too many wrong SIP passwords."""

from typing import Annotated

import typer

from tongdai.cli import options, session, terminal
from tongdai.store import bans

app = typer.Typer(
    no_args_is_help=True, help="Bans: addresses that gave too many wrong SIP passwords."
)

Address = Annotated[str, typer.Argument(help="An IP address.", show_default=False)]


@app.command("list")
def list_(*, as_json: options.Json = False) -> None:
    """Show the addresses that are banned now."""
    terminal.many(session.run(bans.list), "address", "why", "banned_at", "until", as_json=as_json)


@app.command()
def lift(address: Address) -> None:
    """Let an address register and call again.

    Example: tongdai ban lift 203.0.113.9
    """
    session.run(lambda tx: bans.lift(tx, address))
    terminal.say(f"Lifted the ban of {address}.")
