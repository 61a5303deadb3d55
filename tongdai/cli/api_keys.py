"""tongdai api-key: the keys with which API clients get their tokens."""

from typing import Annotated, Any
from uuid import UUID

import typer

from tongdai.admin import api_keys as admin
from tongdai.admin import named_keys as keys
from tongdai.cli import options, session, terminal
from tongdai.cli.users import IsOperator, Who, operator_name, parts
from tongdai.permissions import SCOPES
from tongdai.store import api_keys, db, domains, named_keys, operators

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: API clients get tokens with them. A user has its own, and others by name.",
)

SCOPES = typer.Option(
    "--scopes",
    help=f"Comma-separated, of {', '.join(SCOPES)}; all: all that the user may.",
    show_default=False,
)
NAME = typer.Option(
    help="Of a further key of the user, made for a program; without it the user's own key.",
    show_default=False,
)
NEW_NAME = typer.Option(help="Of the program that gets the key.", show_default=False)
EXPIRES = typer.Option(
    help="When it and its tokens end: 2027-01-01, local time; default: never.", show_default=False
)
TOKEN_LIFE = typer.Option(
    help="How long tokens of the key live: seconds, or such as 12h, 30d, 10y; default: as "
    "TONGDAI_TOKEN_LIFE_S says.",
    show_default=False,
)


@app.command("list")
def list_(who: Who, *, as_json: options.Json = False) -> None:
    """Show the keys that a user has besides its own."""
    username, domain = parts(who)
    columns = "name", "scopes", "token_life_s", "expires_at", "last_used_at", "created_at"
    found = session.call(domain, named_keys.list, username)
    terminal.many(found, *columns, as_json=as_json)


@app.command()
def create(
    who: Who,
    *,
    name: Annotated[str, NEW_NAME],
    scopes: Annotated[str, SCOPES] = "all",
    token_life: Annotated[str, TOKEN_LIFE] = "default",  # noqa: S107 a word
    expires: Annotated[str, EXPIRES] = "",
    as_json: options.Json = False,
) -> None:
    """Give a user a further API key, for a program, and show it.

    Example: tongdai api-key create crm@sales.example.vn --name CRM --scopes cdr:read
    --expires 2027-12-31
    """
    username, domain = parts(who)
    master_key = session.master_key()

    async def work(tx: db.Tx) -> tuple[named_keys.NamedKey, str]:
        found = await domains.by_name(tx, domain)
        await session.turn(tx, found.domain_uuid)
        return await keys.create(
            tx,
            found.domain_uuid,
            master_key,
            username,
            name,
            scopes=_scopes(scopes),
            token_life_s=_life_s(token_life),
            expires_at=options.moment(expires, found.time_zone),
        )

    made, key = session.run(work)
    terminal.one(made, as_json=as_json, api_key=key)
    terminal.once("API key")


@app.command()
def delete(who: Who, *, name: Annotated[str, NEW_NAME]) -> None:
    """Delete a further API key of a user: it and its tokens are refused from now on."""

    async def work(tx: db.Tx, domain_uuid: UUID, username: str) -> None:
        found = await named_keys.by_name(tx, domain_uuid, username, name)
        await named_keys.delete(tx, domain_uuid, found.api_key_uuid)

    username, domain = parts(who)
    session.change(domain, work, username)
    terminal.say(f"Deleted the API key {name} of {who}.")


@app.command()
def show(who: Who, *, operator: IsOperator = False, as_json: options.Json = False) -> None:
    """Show a user's API key, as JSON with its scopes (without any it has all of the user's
    permissions) and the life of its tokens.

    Example: tongdai api-key show admin@sales.example.vn
    """
    master_key = session.master_key()
    if operator:
        name = operator_name(who)
        return _print(
            session.run(lambda tx: operators.api_key(tx, master_key, name)), as_json=as_json
        )
    username, domain = parts(who)
    found = session.call(domain, api_keys.get, master_key, username)
    if as_json:
        return terminal.json(found)
    return terminal.say(found.api_key)


@app.command()
def rotate(
    who: Who,
    *,
    name: Annotated[str, NAME] = "",
    operator: IsOperator = False,
    as_json: options.Json = False,
) -> None:
    """Give a user a new API key, and show it; the old key, and tokens made with it, are refused
    from now on.

    Example: tongdai api-key rotate admin@sales.example.vn
    """
    master_key = session.master_key()

    async def named(tx: db.Tx, domain_uuid: UUID, username: str) -> str:
        found = await named_keys.by_name(tx, domain_uuid, username, name)
        _, key = await keys.rotate(tx, domain_uuid, master_key, found.api_key_uuid)
        return key

    if operator:
        account = operator_name(who)
        key = session.run(lambda tx: operators.rotate_api_key(tx, master_key, account))
    elif name:
        username, domain = parts(who)
        key = session.change(domain, named, username)
    else:
        username, domain = parts(who)
        key = session.change(domain, api_keys.rotate, master_key, username)
    _print(key, as_json=as_json)


@app.command()
def restrict(who: Who, *, scopes: Annotated[str, SCOPES], name: Annotated[str, NAME] = "") -> None:
    """Restrict a user's API key, and tokens made with it, to some of what the user may do.

    Example: tongdai api-key restrict crm@sales.example.vn --scopes cdr:read,call:create
    """
    username, domain = parts(who)
    if name:
        session.change(domain, _change, username, name, {"scopes": _scopes(scopes)})
    else:
        session.change(domain, admin.restrict, username, _scopes(scopes))
    terminal.say(f"The API key of {who} may do: {scopes}.")


@app.command()
def update(
    who: Who, *, token_life: Annotated[str, TOKEN_LIFE], name: Annotated[str, NAME] = ""
) -> None:
    """Change how long tokens of a user's API key live, for programs that keep one for years.

    It holds for tokens that are given from now on; `rotate` ends those that are out.

    Example: tongdai api-key update crm@sales.example.vn --token-life 10y
    """
    username, domain = parts(who)
    if name:
        session.change(domain, _change, username, name, {"token_life_s": _life_s(token_life)})
    else:
        session.change(domain, admin.set_token_life, username, _life_s(token_life))
    terminal.say(f"Tokens of the API key of {who} live: {token_life}.")


async def _change(
    tx: db.Tx, domain_uuid: UUID, username: str, name: str, changes: dict[str, Any]
) -> None:
    found = await named_keys.by_name(tx, domain_uuid, username, name)
    await keys.update(tx, domain_uuid, found.api_key_uuid, changes)


def _scopes(text: str) -> tuple[str, ...] | None:
    return None if text == "all" else options.listed(text)


def _life_s(text: str) -> int | None:
    return None if text == "default" else options.seconds(text)


def _print(key: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json({"api_key": key})
    else:
        terminal.say(key)
