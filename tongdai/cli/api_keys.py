"""tongdai api-key: the keys with which API clients get their tokens."""

from typing import Annotated

import typer

from tongdai.admin import api_keys as admin
from tongdai.cli import options, session, terminal
from tongdai.cli.users import IsOperator, Who, operator_name, parts
from tongdai.permissions import PERMISSIONS
from tongdai.store import api_keys, operators

app = typer.Typer(
    no_args_is_help=True, help="API keys: API clients get tokens with them; one a user."
)

SCOPES = typer.Option(
    "--scopes",
    help=f"Comma-separated, of {', '.join(PERMISSIONS)}; all: all that the user may.",
    show_default=False,
)
TOKEN_LIFE = typer.Option(
    help="How long tokens of the key live: seconds, or such as 12h, 30d, 10y; default: as "
    "TONGDAI_TOKEN_LIFE_S says.",
    show_default=False,
)


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
def rotate(who: Who, *, operator: IsOperator = False, as_json: options.Json = False) -> None:
    """Give a user a new API key, and show it; the old key, and tokens made with it, are refused
    from now on.

    Example: tongdai api-key rotate admin@sales.example.vn
    """
    master_key = session.master_key()
    if operator:
        name = operator_name(who)
        key = session.run(lambda tx: operators.rotate_api_key(tx, master_key, name))
    else:
        username, domain = parts(who)
        key = session.call(domain, api_keys.rotate, master_key, username)
    _print(key, as_json=as_json)


@app.command()
def restrict(who: Who, *, scopes: Annotated[str, SCOPES]) -> None:
    """Restrict a user's API key, and tokens made with it, to some of what the user may do.

    Example: tongdai api-key restrict crm@sales.example.vn --scopes cdr:read,call:create
    """
    username, domain = parts(who)
    chosen = None if scopes == "all" else options.listed(scopes)
    session.call(domain, admin.restrict, username, chosen)
    terminal.say(f"The API key of {who} may do: {scopes}.")


@app.command()
def update(who: Who, *, token_life: Annotated[str, TOKEN_LIFE]) -> None:
    """Change how long tokens of a user's API key live, for programs that keep one for years.

    It holds for tokens that are given from now on; `rotate` ends those that are out.

    Example: tongdai api-key update crm@sales.example.vn --token-life 10y
    """
    username, domain = parts(who)
    life_s = None if token_life == "default" else options.seconds(token_life)  # noqa: S105 a word
    session.call(domain, admin.set_token_life, username, life_s)
    terminal.say(f"Tokens of the API key of {who} live: {token_life}.")


def _print(key: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json({"api_key": key})
    else:
        terminal.say(key)
