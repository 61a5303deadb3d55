"""tongdai user: accounts of the API."""

from typing import Annotated

import typer

from tongdai.admin import users as admin
from tongdai.cli import options, session, terminal
from tongdai.permissions import Level
from tongdai.store import operators, users

app = typer.Typer(
    no_args_is_help=True, help="Users: accounts of the API. They log in as user@domain."
)

Who = Annotated[
    str,
    typer.Argument(
        metavar="USER@DOMAIN",
        help="The name for log-in; an operator's has no @.",
        show_default=False,
    ),
]
IsOperator = Annotated[
    bool,
    typer.Option("--operator", help="An operator of the installation, without a domain."),
]
LEVEL = typer.Option(
    help="admin: everything in the domain. supervisor, agent: records, events, click-to-call, "
    "live calls; a supervisor also hangs them up."
)


def parts(who: str) -> tuple[str, str]:
    """User name and domain of user@domain. Raises typer.BadParameter."""
    username, at, domain = who.partition("@")
    if not at or not username or not domain:
        raise typer.BadParameter("expected user@domain, such as admin@sales.example.vn")
    return username, domain


def operator_name(who: str) -> str:
    """The name of an operator. Raises typer.BadParameter for user@domain."""
    if "@" in who:
        raise typer.BadParameter("an operator belongs to no domain: give a name without @")
    return who


@app.command()
def create(
    who: Who,
    *,
    password: Annotated[str | None, options.PASSWORD] = None,
    level: Annotated[Level, LEVEL] = admin.LEVEL,
    operator: IsOperator = False,
    as_json: options.Json = False,
) -> None:
    """Make a user, and show its password and API key.

    Example: tongdai user create admin@sales.example.vn

    Example: tongdai user create root --operator
    """
    given = options.secret(password)
    if operator:
        name, master_key = operator_name(who), session.master_key()
        made, chosen = session.run(
            lambda tx: admin.create_operator(tx, master_key, name, password=given)
        )
        terminal.one(made, as_json=as_json, password=chosen)
    else:
        username, domain = parts(who)
        account, chosen = session.change(
            domain, admin.create, session.master_key(), username, password=given, level=level
        )
        terminal.one(account, as_json=as_json, password=chosen)
    terminal.once("password")


@app.command("list")
def list_(
    *,
    domain: Annotated[str, options.ANY_DOMAIN] = "",
    operator: IsOperator = False,
    as_json: options.Json = False,
) -> None:
    """Show a domain's users; with --operator the installation's operators."""
    if operator:
        shown = "username", "enabled", "created_at", "operator_uuid"
        return terminal.many(session.run(operators.list), *shown, as_json=as_json)
    if not domain:
        raise typer.BadParameter("give --domain, or --operator")
    columns = "username", "level", "enabled", "created_at", "user_uuid"
    return terminal.many(session.call(domain, users.list), *columns, as_json=as_json)


@app.command()
def show(who: Who, *, operator: IsOperator = False, as_json: options.Json = False) -> None:
    """Show a user. For its API key see: tongdai api-key show."""
    if operator:
        name = operator_name(who)
        return terminal.one(session.run(lambda tx: operators.get(tx, name)), as_json=as_json)
    username, domain = parts(who)
    return terminal.one(session.call(domain, users.get, username), as_json=as_json)


@app.command()
def update(
    who: Who,
    *,
    password: Annotated[
        str | None, typer.Option(help='A new one; "-" reads it from standard input.')
    ] = None,
    level: Annotated[Level | None, LEVEL] = None,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    operator: IsOperator = False,
    as_json: options.Json = False,
) -> None:
    """Change a user; what is not given stays. Disabled users are refused at once.

    Example: tongdai user update admin@sales.example.vn --password - < password.txt
    """
    chosen = options.secret(password)
    if operator:
        name, changes = operator_name(who), options.given(enabled=enabled)
        if level is not None:
            raise typer.BadParameter("an operator has no level")
        changed = session.run(lambda tx: admin.update_operator(tx, name, changes, chosen))
        return terminal.one(changed, as_json=as_json)
    username, domain = parts(who)
    changes = options.given(level=level, enabled=enabled)
    return terminal.one(
        session.change(domain, admin.update, username, changes, chosen), as_json=as_json
    )


@app.command()
def forget_second_factor(who: Who, *, operator: IsOperator = False) -> None:
    """Let a user who lost the authenticator app sign in by password alone.

    Example: tongdai user forget-second-factor admin@sales.example.vn
    """
    if operator:
        name = operator_name(who)
        session.run(lambda tx: admin.forget_second_factor_of_operator(tx, name))
    else:
        username, domain = parts(who)
        session.change(domain, admin.forget_second_factor, username)
    terminal.say(f"{who} signs in by password alone.")


@app.command()
def delete(who: Who, *, operator: IsOperator = False) -> None:
    """Delete a user, with its API key."""
    if operator:
        name = operator_name(who)
        session.run(lambda tx: operators.delete(tx, name))
    else:
        username, domain = parts(who)
        session.change(domain, users.delete, username)
    terminal.say(f"Deleted {'operator' if operator else 'user'} {who}.")
