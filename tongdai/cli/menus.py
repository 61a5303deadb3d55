"""tongdai menu: prompts after which callers press keys."""

from typing import Annotated

import typer

from tongdai.cli import options, session, terminal
from tongdai.pbx.directory import Menu
from tongdai.store import menus

app = typer.Typer(
    no_args_is_help=True,
    help="Menus: prompts after which callers press keys. Without keys a menu is an announcement.",
)

NEW = Menu("")  # with the defaults of a menu
Number = Annotated[str, typer.Argument(metavar="MENU", help="2 to 8 digits.", show_default=False)]
PROMPT = typer.Option(help='What callers hear: a prompt; "": silence.', show_default=False)
INVALID_PROMPT = typer.Option(
    help='A prompt that is heard before it, after a key that leads nowhere; "": none.',
    show_default=False,
)
KEYS = typer.Option(
    help="Keys (0 to 9, *, #) and the numbers of the domain that they lead to, comma-separated: "
    "1=101,2=600,*=800.",
    show_default=False,
)
DIRECT_DIALLING = typer.Option(
    "--direct-dialling/--no-direct-dialling", help="Callers may dial extensions, too."
)
TIMEOUT = typer.Option(help="Seconds that it waits for a key after the prompt, 1 to 30.")
RETRIES = typer.Option(help="How often it is heard again without a choice, 0 to 9.")


@app.command()
def create(
    number: Number,
    *,
    domain: options.Domain,
    prompt: Annotated[str, PROMPT] = "",
    invalid_prompt: Annotated[str, INVALID_PROMPT] = "",
    keys: Annotated[str, KEYS] = "",
    direct_dialling: Annotated[bool, DIRECT_DIALLING] = NEW.direct_dialling,
    name: Annotated[str, options.NAME] = "",
    timeout: Annotated[int, TIMEOUT] = NEW.timeout_s,
    retries: Annotated[int, RETRIES] = NEW.retries,
    overflow: Annotated[str, options.OVERFLOW] = "",
    as_json: options.Json = False,
) -> None:
    """Make a menu, or without keys an announcement.

    Example: tongdai menu create 800 --domain sales.example.vn --prompt "Lời chào" --keys
    1=101,2=600 --direct-dialling --overflow 700
    """
    made = Menu(
        number,
        name=name,
        prompt=prompt,
        invalid_prompt=invalid_prompt,
        keys=options.listed(keys) or (),
        direct_dialling=direct_dialling,
        timeout_s=timeout,
        retries=retries,
        overflow=overflow,
    )
    session.change(domain, menus.insert, made)
    terminal.one(made, as_json=as_json)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's menus."""
    columns = Menu.__struct_fields__
    terminal.many(session.call(domain, menus.list), *columns, as_json=as_json)


@app.command()
def show(number: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a menu."""
    terminal.one(session.call(domain, menus.get, number), as_json=as_json)


@app.command()
def update(
    number: Number,
    *,
    domain: options.Domain,
    prompt: Annotated[str | None, PROMPT] = None,
    invalid_prompt: Annotated[str | None, INVALID_PROMPT] = None,
    keys: Annotated[str | None, KEYS] = None,
    direct_dialling: Annotated[bool | None, DIRECT_DIALLING] = None,
    name: Annotated[str | None, options.NAME] = None,
    timeout: Annotated[int | None, TIMEOUT] = None,
    retries: Annotated[int | None, RETRIES] = None,
    overflow: Annotated[str | None, options.OVERFLOW] = None,
    as_json: options.Json = False,
) -> None:
    """Change a menu; what is not given stays.

    Example: tongdai menu update 800 --domain sales.example.vn --keys 1=101,2=600,0=700
    """
    changes = options.given(
        prompt=prompt,
        invalid_prompt=invalid_prompt,
        keys=options.listed(keys),
        direct_dialling=direct_dialling,
        name=name,
        timeout_s=timeout,
        retries=retries,
        overflow=overflow,
    )
    terminal.one(session.change(domain, menus.change, number, changes), as_json=as_json)


@app.command()
def delete(number: Number, *, domain: options.Domain) -> None:
    """Delete a menu that nothing leads to."""
    session.change(domain, menus.delete, number)
    terminal.say(f"Deleted menu {number}.")
