"""tongdai phone: the phones that are registered."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiohttp
import typer

from tongdai import services, settings
from tongdai.admin import phones as admin
from tongdai.asterisk import registrations
from tongdai.asterisk.registrations import Ari, Phone
from tongdai.cli import options, session, terminal
from tongdai.store import db

app = typer.Typer(no_args_is_help=True, help="Phones that are registered now.")

Result = TypeVar("Result")
COLUMNS = ("device", "address", "user_agent", "status", "expires_at")


@app.command("list")
def list_(
    extension: Annotated[
        str | None, typer.Argument(metavar="EXTENSION", help="Of this one only.")
    ] = None,
    *,
    domain: options.Domain,
    as_json: options.Json = False,
) -> None:
    """Show the phones that are registered: from where, as what program, until when, and whether
    they respond.

    Example: tongdai phone list 101 -d sales.example.vn
    """

    async def work(tx: db.Tx, domain_uuid: UUID, switch: Ari) -> Sequence[Phone]:
        return await admin.registered(tx, domain_uuid, switch, extension)

    terminal.many(_call(domain, work), *COLUMNS, as_json=as_json)


@app.command()
def drop(
    extension: Annotated[str, typer.Argument(metavar="EXTENSION", show_default=False)],
    *,
    domain: options.Domain,
    address: Annotated[
        str | None,
        typer.Option(help="The one that registered from there, host:port.", show_default="all"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """End the registrations of an extension's phones, and show them. A phone that is there
    registers again by itself.

    Example: tongdai phone drop 101 --address 203.0.113.9:5060 -d sales.example.vn
    """

    async def work(tx: db.Tx, domain_uuid: UUID, switch: Ari) -> Sequence[Phone]:
        return await admin.drop(tx, domain_uuid, switch, extension, address)

    terminal.many(_call(domain, work), *COLUMNS, as_json=as_json)


def _call(domain: str, work: Callable[[db.Tx, UUID, Ari], Awaitable[Result]]) -> Result:
    """The result of the work with the switch that the settings name."""
    url = urlsplit(services.with_running_switch(settings.load()).asterisk_url)
    login = aiohttp.encode_basic_auth(unquote(url.username or ""), unquote(url.password or ""))
    base = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"

    async def asked(tx: db.Tx, domain_uuid: UUID) -> Result:
        limit = aiohttp.ClientTimeout(total=registrations.REQUEST_S)
        headers = {"Authorization": login}
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as http:
            return await work(tx, domain_uuid, registrations.Http(http, base))

    return session.call(domain, asked)
