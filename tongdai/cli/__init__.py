"""The command line: one file a noun. Parses, calls and shows; decides nothing."""

from typing import Any

import typer
from typer.core import TyperGroup

from tongdai import errors
from tongdai.cli import (
    api_keys,
    bans,
    config,
    doctor,
    domains,
    extensions,
    hotlines,
    listen,
    owed,
    queues,
    ring_groups,
    running,
    sandbox,
    schema,
    terminal,
    trigger,
    trunks,
    users,
)


class Commands(TyperGroup):
    """Whatever a command refuses ends as one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except errors.TongdaiError as refused:
            raise typer.Exit(terminal.refused(refused)) from refused


app = typer.Typer(
    cls=Commands,
    name="tongdai",
    help="A multi-tenant cloud PBX with a CRM integration API.",
    epilog="Settings come from the environment: `tongdai config` lists them. "
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not found, 4 not possible now (database away, wrong set-up).",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)
app.add_typer(domains.app, name="domain")
app.add_typer(users.app, name="user")
app.add_typer(api_keys.app, name="api-key")
app.add_typer(extensions.app, name="extension")
app.add_typer(trunks.app, name="trunk")
app.add_typer(hotlines.app, name="hotline")
app.add_typer(ring_groups.app, name="ring-group")
app.add_typer(queues.app, name="queue")
app.add_typer(bans.app, name="ban")
app.add_typer(sandbox.app, name="sandbox")
app.command()(running.up)
app.command()(running.serve)
app.command()(listen.listen)
app.command()(trigger.trigger)
app.command()(schema.migrate)
app.command()(owed.owed)
app.command()(config.config)
app.command()(doctor.doctor)
