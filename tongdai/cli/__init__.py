"""The command line: one file for each noun. It parses, calls and shows; it decides nothing.

A command's module is imported when that command is used: the imports of `up` take seconds, which
`domain list` does not need. Help and tables are plain text: rich takes longer to import than all
of Typer.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# by name: module and attribute, a noun's app or a single command; and its help's first line
COMMANDS = {
    "up": (
        "running:up",
        (
            "Run everything in one process: PostgreSQL, Asterisk, engine, webhooks, API. Ctrl-C "
            "stops it all."
        ),
    ),
    "serve": (
        "running:serve",
        "Run some roles in this process, on the database and Asterisk that the settings name.",
    ),
    "listen": (
        "listen:listen",
        (
            "Show a domain's events as they happen, and forward each to a URL as a webhook: no "
            "tunnel is needed."
        ),
    ),
    "trigger": (
        "trigger:trigger",
        (
            "Fire sample events: to a URL as a webhook, or else to all subscriptions to them in "
            "the domain."
        ),
    ),
    "backup": (
        "backup:backup",
        (
            "Back up the database, the recordings and the master key into a folder, while calls "
            "go on."
        ),
    ),
    "restore": (
        "backup:restore",
        (
            "Restore a backup into a new data folder, and into TONGDAI_DSN, an empty database, if "
            "it is set."
        ),
    ),
    "migrate": ("schema:migrate", "Bring the database's schema up to this version."),
    "outstanding": (
        "outstanding:outstanding",
        "Show what is outstanding in each domain: live calls, ended calls, and due deliveries.",
    ),
    "config": (
        "config:config",
        "Show every setting: its variable, its value now, its default and its meaning.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check this set-up; show its faults, and how to mend them.",
    ),
    "plan": ("company:plan", "Show how a company differs from its file, and change nothing."),
    "apply": ("company:apply", "Make a company as its file says, in one transaction."),
    "export": ("company:export", "Print a company as a file, without its secrets."),
    "import": (
        "importing:app",
        (
            "Companies of other telephone systems, as company files for `tongdai apply`, and "
            "their call records."
        ),
    ),
    "domain": ("domains:app", "Domains: the tenants. A domain's name is also its SIP domain."),
    "user": ("users:app", "Users: accounts of the API. They log in as user@domain."),
    "api-key": (
        "api_keys:app",
        "API keys: API clients get tokens with them. A user has its own, and others by name.",
    ),
    "extension": ("extensions:app", "Extensions: internal numbers, which phones register as."),
    "calls": ("calls:app", "Calls that go on now; steer one, or hang it up."),
    "cdr": ("cdrs:app", "Records of calls that have ended."),
    "status": ("status:status", "Show what goes on now."),
    "route": ("route:route", "Show the way of a call, without making it."),
    "phone": ("phones:app", "Phones that are registered now."),
    "trunk": ("trunks:app", "Trunks: SIP links to carriers."),
    "hotline": ("hotlines:app", "Hotlines: the public numbers of a domain."),
    "caller": (
        "callers:app",
        "Callers from outside: blocked, let through, or with a destination of their own.",
    ),
    "hours-plan": ("hours_plans:app", "Hours plans: when hotlines are open."),
    "ring-group": ("ring_groups:app", "Ring groups: extensions that ring together or in turn."),
    "queue": ("queues:app", "Queues: callers wait in order, with music, for agents."),
    "menu": (
        "menus:app",
        ("Menus: prompts after which callers press keys. Without keys a menu is an announcement."),
    ),
    "feature-codes": (
        "feature_codes:feature_codes_",
        "Show what the extensions of a domain dial for each feature.",
    ),
    "prompt": (
        "prompts:app",
        "Prompts: sound of a company, played as hold music and to callers.",
    ),
    "event": ("events:app", "Event subscriptions and their deliveries."),
    "audit": ("audit:audit", "Show who changed what of a domain, from where, before and after."),
    "ban": ("bans:app", "Bans: addresses that gave too many wrong SIP passwords."),
    "sandbox": (
        "sandbox:app",
        "The sandbox: a simulated carrier, while `tongdai up` runs with it.",
    ),
}


BY_URL = ("listen", "trigger")
"""Commands that use the API of any server."""


class Commands(TyperGroup):
    """A refusal of a command ends as one line on standard error and an exit code."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {
            name: TyperCommand(name, short_help=summary, rich_markup_mode=None)
            for name, (_, summary) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Lists commands by name and help alone; imports the command that is run. With a server
        named, it is that server's.
        """
        if (there := _server(ctx.params)) and args[0] not in BY_URL:
            return args[0], _remote(there, args[0]), args[1:]
        if there:
            os.environ.update(TONGDAI_URL=there.server, TONGDAI_API_KEY=there.api_key)
        name, command, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as reason:
            if not _is_refusal(reason):
                raise
            raise typer.Exit(import_module("tongdai.cli.terminal").refused(reason)) from reason


def _is_refusal(reason: Exception) -> bool:
    """Where nothing has imported the errors, nothing has raised one."""
    errors = sys.modules.get("tongdai.errors")
    return errors is not None and isinstance(reason, errors.TongdaiError)


def _server(given: Mapping[str, Any]) -> Any:
    """The server that the options, the environment or a profile name (client.Access), or None."""
    names = ("TONGDAI_SERVER", "TONGDAI_PROFILE")
    alone = find_spec("asyncpg") is None  # nothing of a server is installed
    named = given.get("server") or given.get("profile") or any(map(os.environ.get, names))
    if not (alone or named):
        return None
    client = import_module("tongdai.client")
    try:
        return client.access(
            given.get("server") or "",
            given.get("api_key") or "",
            given.get("profile") or "",
            use_default=alone,
        )
    except client.Refused as refused:
        raise _exit(refused) from refused


def _remote(there: Any, noun: str) -> Any:
    """The command of that noun of the server; what follows is its own affair."""
    client = import_module("tongdai.client")
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @single.command(noun, context_settings=settings)
    def done(ctx: typer.Context) -> None:
        try:
            client.run(there, noun, ctx.args)
        except client.Refused as refused:
            raise _exit(refused) from refused

    return typer.main.get_command(single)


def _exit(refused: Any) -> typer.Exit:
    typer.echo(f"error: {refused}", err=True)
    return typer.Exit(refused.code)


def loaded(name: str) -> Any:
    """The complete command of that name in COMMANDS."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(f"tongdai.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(found)
        return typer.main.get_command(single)
    found.rich_markup_mode = None
    group = typer.main.get_group(found)
    group.name = name
    return group


app = typer.Typer(
    cls=Commands,
    name="tongdai",
    help="A multi-tenant cloud PBX with a CRM integration API.",
    epilog="Settings come from the environment and from files: `tongdai config` lists them. "
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not found, 4 not possible now (database "
    "away, wrong set-up).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)


def _said(is_asked: bool) -> None:  # noqa: FBT001  typer calls it so
    """Shows the version, and ends the command."""
    if is_asked:
        typer.echo(f"tongdai {import_module('tongdai').__version__}")
        raise typer.Exit


@app.callback()
def tongdai(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_said)
    ] = False,
    server: Annotated[
        str,
        typer.Option(
            help="URL of a server on another machine, such as https://pbx.example.vn: its nouns "
            "and verbs are used, and listen and trigger. TONGDAI_SERVER.",
            show_default=False,
        ),
    ] = "",
    api_key: Annotated[
        str, typer.Option(help="For that server. TONGDAI_API_KEY.", show_default=False)
    ] = "",
    profile: Annotated[
        str,
        typer.Option(
            help="Server and key of that name in ~/.config/tongdai/profiles.toml. "
            "TONGDAI_PROFILE.",
            show_default=False,
        ),
    ] = "",
) -> None:
    pass
