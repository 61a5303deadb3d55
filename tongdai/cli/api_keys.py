"""tongdai api-key: what API clients get their tokens with."""

import typer

from tongdai.cli import options, session, terminal
from tongdai.cli.users import Who, parts
from tongdai.store import users

app = typer.Typer(
    no_args_is_help=True, help="API keys: what API clients get their tokens with, one a user."
)


@app.command()
def show(who: Who, *, as_json: options.Json = False) -> None:
    """Show a user's API key.

    Example: tongdai api-key show admin@sales.example.vn
    """
    username, domain = parts(who)
    _print(session.call(domain, users.api_key, session.seal(), username), as_json=as_json)


@app.command()
def rotate(who: Who, *, as_json: options.Json = False) -> None:
    """Give a user a new API key, and show it; the old one, and tokens made with it, are refused
    from now on.

    Example: tongdai api-key rotate admin@sales.example.vn
    """
    username, domain = parts(who)
    _print(session.call(domain, users.rotate_api_key, session.seal(), username), as_json=as_json)


def _print(key: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json({"api_key": key})
    else:
        terminal.say(key)
