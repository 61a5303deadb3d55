"""tongdai migrate."""

import asyncio
from typing import Annotated

import typer

from tongdai.cli import options, session, terminal
from tongdai.store import migrate as migrations


def migrate(
    *,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only list the files that would be applied.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Bring the database's schema up to this version.

    `tongdai up` does so itself. With several processes on one database, run it once before they
    start.
    """
    names = asyncio.run((migrations.pending if pending else migrations.apply)(session.dsn()))
    if as_json:
        terminal.json(names)
    elif not names:
        terminal.say("The schema is up to date.")
    else:
        terminal.say("\n".join(f"{'pending' if pending else 'applied'} {name}" for name in names))
