"""tongdai extension device: the phones and browsers that register as an extension."""

from typing import Annotated

import typer

from tongdai import settings
from tongdai.admin import devices as admin
from tongdai.admin import provisioning_links as links
from tongdai.cli import options, session, terminal
from tongdai.pbx.endpoint import Endpoint, account
from tongdai.store import devices, provisioning_links

app = typer.Typer(
    no_args_is_help=True,
    help="Devices of an extension: each registers with a user name and password of its own. "
    "Calls ring all of them.",
)

Extension = Annotated[
    str, typer.Argument(metavar="EXTENSION", help="The extension's number.", show_default=False)
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE",
        help='Its name: lower-case letters, digits and -. "default": the one that every '
        "extension has.",
        show_default=False,
    ),
]
KIND = typer.Option(help="sip: a SIP phone; browser: WebRTC (SIP over WebSocket, encrypted).")
SRTP = typer.Option(
    "--srtp-required/--srtp-optional",
    help="No call without encrypted audio (SRTP). Where it is optional, phones on TLS use it if "
    "they can.",
)
MAX_CONTACTS = typer.Option(min=1, max=20, help="The most registrations at the same time.")
MAC = typer.Option(
    help='The MAC of a desk phone that fetches its configuration by a link; "" for none.',
    show_default=False,
)


@app.command()
def create(
    extension: Extension,
    name: Name,
    *,
    domain: options.Domain,
    kind: Annotated[devices.Kind, KIND] = "sip",
    max_contacts: Annotated[int, MAX_CONTACTS] = devices.MAX_CONTACTS,
    srtp_required: Annotated[bool, SRTP] = False,
    mac: Annotated[str, MAC] = "",
    password: Annotated[str | None, options.PASSWORD] = None,
    as_json: options.Json = False,
) -> None:
    """Give an extension one more device, and show the user name and password that it registers
    with.

    Example: tongdai extension device create 101 browser --kind browser -d sales.example.vn
    """
    made = devices.Device(
        name=name, kind=kind, max_contacts=max_contacts, srtp_required=srtp_required, mac=mac
    )
    chosen = session.change(domain, devices.insert, extension, made, options.secret(password))
    user = Endpoint(extension, domain, name).user
    terminal.one(made, as_json=as_json, user=user, password=chosen)
    terminal.once("password")


@app.command("list")
def list_(extension: Extension, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show an extension's devices."""
    known = session.call(domain, devices.list, extension)
    terminal.many(known, "name", "kind", "max_contacts", "srtp_required", "mac", as_json=as_json)


@app.command()
def update(
    extension: Extension,
    name: Name,
    *,
    domain: options.Domain,
    kind: Annotated[devices.Kind | None, KIND] = None,
    max_contacts: Annotated[int | None, MAX_CONTACTS] = None,
    srtp_required: Annotated[bool | None, SRTP] = None,
    mac: Annotated[str | None, MAC] = None,
    password: Annotated[
        str | None, typer.Option(help='A new one; "-" reads it from standard input.')
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Make a new random one, and show it.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Change a device; what is not given stays.

    Example: tongdai extension device update 101 default --kind browser -d sales.example.vn
    """
    changes = options.given(
        kind=kind, max_contacts=max_contacts, srtp_required=srtp_required, mac=mac
    )
    changed, chosen = session.change(
        domain,
        admin.update,
        extension,
        name,
        changes,
        password=options.secret(password),
        new_password=new_password,
    )
    if chosen is None:
        return terminal.one(changed, as_json=as_json)
    terminal.one(changed, as_json=as_json, password=chosen)
    return terminal.once("password")


@app.command()
def delete(extension: Extension, name: Name, *, domain: options.Domain) -> None:
    """Take a device from an extension; its default one stays."""
    session.change(domain, devices.delete, extension, name)
    terminal.say(f"Deleted device {name} of extension {extension}.")


@app.command()
def link(
    extension: Extension,
    name: Name,
    *,
    domain: options.Domain,
    kind: Annotated[
        provisioning_links.Kind,
        typer.Option(
            "--for",
            help="phone: a desk phone with a MAC, which fetches its configuration at each start; "
            "softphone: an app, which does so once.",
        ),
    ] = "softphone",
    life: Annotated[
        str, typer.Option(help="Until a softphone's link expires, used or not: 90s, 12h, 7d.")
    ] = "24h",
    as_json: options.Json = False,
) -> None:
    """Make a link by which a phone configures itself, and show it; for an app as a QR code too.

    The device gets a new SIP password. The link before it is refused from now on.

    Example: tongdai extension device link 101 mobile -d sales.example.vn

    Example: tongdai extension device link 101 default --for phone -d sales.example.vn
    """
    made = session.change(
        domain,
        links.create,
        session.master_key(),
        settings.load().base_url,
        account(extension, name),
        kind=kind,
        life_s=options.seconds(life),
    )
    if as_json:
        return terminal.json(made)
    for one in made.urls:
        terminal.say(f"{one.form}: {one.url}")
        if kind == "softphone":
            terminal.say(one.qr_text)
    if made.expires_at:
        terminal.aside(f"It works once, until {terminal.local(made.expires_at)}.")
    return terminal.once("links")


@app.command()
def linked(
    extension: Extension, name: Name, *, domain: options.Domain, as_json: options.Json = False
) -> None:
    """Show a device's link without its secret: when and from where it was fetched."""
    known = session.call(domain, links.get, account(extension, name))
    terminal.one(known, as_json=as_json)


@app.command()
def unlink(extension: Extension, name: Name, *, domain: options.Domain) -> None:
    """End a device's link; its password stays."""
    session.change(domain, links.delete, account(extension, name))
    terminal.say(f"Ended the link of device {name} of extension {extension}.")
