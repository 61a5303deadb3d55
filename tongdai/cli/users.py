"""tongdai user: who may use the API."""

import secrets
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from tongdai.cli import options, session, terminal
from tongdai.store import db, users

app = typer.Typer(
    no_args_is_help=True, help="Users: who may use the API. They log in as user@domain."
)

Who = Annotated[
    str, typer.Argument(metavar="USER@DOMAIN", help="As it logs in.", show_default=False)
]
LEVEL = typer.Option(help="What it may do.")


def parts(who: str) -> tuple[str, str]:
    """User name and domain of user@domain. Raises typer.BadParameter."""
    username, at, domain = who.partition("@")
    if not at or not username or not domain:
        raise typer.BadParameter("expected user@domain, such as admin@sales.example.vn")
    return username, domain


@app.command()
def create(
    who: Who,
    *,
    password: Annotated[str | None, options.PASSWORD] = None,
    level: Annotated[users.Level, LEVEL] = "admin",
    as_json: options.Json = False,
) -> None:
    """Make a user, and show its password and API key.

    Example: tongdai user create admin@sales.example.vn
    """
    username, domain = parts(who)
    chosen = options.secret(password) or secrets.token_urlsafe(12)
    account = session.call(domain, users.insert, session.seal(), username, chosen, level=level)
    terminal.one(account, as_json=as_json, password=chosen)
    terminal.once("password")


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's users."""
    terminal.many(
        session.call(domain, users.list),
        "username",
        "level",
        "enabled",
        "created_at",
        "user_uuid",
        as_json=as_json,
    )


@app.command()
def show(who: Who, *, as_json: options.Json = False) -> None:
    """Show a user. For its API key see: tongdai api-key show."""
    username, domain = parts(who)
    terminal.one(session.call(domain, users.get, username), as_json=as_json)


@app.command()
def update(
    who: Who,
    *,
    password: Annotated[
        str | None, typer.Option(help='A new one; "-" reads it from standard input.')
    ] = None,
    level: Annotated[users.Level | None, LEVEL] = None,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    as_json: options.Json = False,
) -> None:
    """Change a user; what is not given stays. Disabled users are refused at once.

    Example: tongdai user update admin@sales.example.vn --password - < password.txt
    """
    username, domain = parts(who)
    changes = options.given(level=level, enabled=enabled)
    chosen = options.secret(password)

    async def work(tx: db.Tx, domain_uuid: UUID) -> users.User:
        changed = msgspec.structs.replace(await users.get(tx, domain_uuid, username), **changes)
        await users.update(tx, domain_uuid, changed, chosen)
        return changed

    terminal.one(session.call(domain, work), as_json=as_json)


@app.command()
def delete(who: Who) -> None:
    """Delete a user, with its API key."""
    username, domain = parts(who)
    session.call(domain, users.delete, username)
    terminal.say(f"Deleted user {who}.")
