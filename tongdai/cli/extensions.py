"""tongdai extension: internal numbers and the passwords of their default devices."""

import re
from typing import Annotated, Literal

import msgspec
import typer

from tongdai.admin import extensions as admin
from tongdai.cli import devices as devices_commands
from tongdai.cli import options, session, terminal
from tongdai.pbx.directory import LONGEST_RING_S, SHORTEST_RING_S, Extension
from tongdai.store import devices, extensions

app = typer.Typer(
    no_args_is_help=True, help="Extensions: internal numbers, which phones register as."
)
app.add_typer(devices_commands.app, name="device")

NEW = Extension("")  # with the defaults of an extension
Number = Annotated[
    str, typer.Argument(metavar="EXTENSION", help="2 to 8 digits.", show_default=False)
]
Recording = Literal["on", "off", "domain"]
RECORDING = typer.Option(help="Record its answered calls; domain: as the domain says.")
HOTLINE = typer.Option(
    help='The hotline that its outbound calls present; "": the domain\'s default hotline.',
    show_default=False,
)
FORWARD = typer.Option(
    help="Where calls to it alone go then: a number of the domain, or one outside, as a call "
    'out of its own; "": nowhere.',
    show_default=False,
)
DO_NOT_DISTURB = typer.Option(
    "--do-not-disturb/--disturb",
    help="It is busy for everybody, in ring groups and queues too.",
    show_default=False,
)
KIND = typer.Option(help="Kind of its default device: a SIP phone, or a browser (WebRTC).")
WEBRTC = typer.Option(
    "--webrtc/--no-webrtc",
    help="Browsers may register as it too, with the same user name and password as SIP phones.",
    show_default=False,
)
MAX_CALLS = typer.Option(help="Calls at the same time.")
RING_TIMEOUT = typer.Option(help=f"Seconds that it rings, {SHORTEST_RING_S} to {LONGEST_RING_S}.")

_RECORDING: dict[Recording, bool | None] = {"on": True, "off": False, "domain": None}


Numbers = Annotated[
    str,
    typer.Argument(
        metavar="EXTENSION", help="2 to 8 digits; or several, 1001-1100.", show_default=False
    ),
]
_MOST = 10_000  # at once


class Made(msgspec.Struct, frozen=True):
    """A new extension of several."""

    extension: str
    password: str


def _range(text: str) -> list[str]:
    """The numbers from the first to the last, of the same length. Raises typer.BadParameter."""
    first, _, last = text.partition("-")
    is_range = re.fullmatch("([0-9]+)-([0-9]+)", text) and len(first) == len(last)
    if not is_range or not 0 <= int(last) - int(first) < _MOST:
        raise typer.BadParameter(f"{text}: expected two numbers as long as each other, 1001-1100")
    return [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]


@app.command()
def create(
    extension: Numbers,
    *,
    domain: options.Domain,
    name: Annotated[str, options.NAME] = "",
    password: Annotated[str | None, options.PASSWORD] = None,
    recording: Annotated[Recording, RECORDING] = "domain",
    hotline: Annotated[str, HOTLINE] = "",
    max_calls: Annotated[int, MAX_CALLS] = NEW.max_calls,
    ring_timeout: Annotated[int, RING_TIMEOUT] = NEW.ring_timeout_s,
    kind: Annotated[devices.Kind, KIND] = "sip",
    webrtc: Annotated[bool | None, WEBRTC] = None,
    if_not_exists: Annotated[
        bool,
        typer.Option("--if-not-exists", help="Leave those that exist as they are, and succeed."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make an extension, or several alike, and show the SIP passwords.

    Example: tongdai extension create 101 --domain sales.example.vn --name "Nguyễn Thị Ánh"

    Example: tongdai extension create 1001-1100 --domain sales.example.vn --if-not-exists
    """
    made = Extension(
        extension,
        name=name,
        recording=_RECORDING[recording],
        hotline=hotline or None,
        max_calls=max_calls,
        ring_timeout_s=ring_timeout,
    )
    if "-" in extension or if_not_exists:
        if password is not None and "-" in extension:
            raise typer.BadParameter("several extensions get a random password each")
        numbers = _range(extension) if "-" in extension else [extension]
        created = session.change(
            domain,
            admin.create_range,
            numbers,
            made,
            kind=kind,
            webrtc=webrtc,
            missing_only=if_not_exists,
        )
        terminal.many([Made(*one) for one in created], *Made.__struct_fields__, as_json=as_json)
        return terminal.once("passwords") if created else None
    chosen = session.change(
        domain, extensions.insert, made, options.secret(password), kind, webrtc=webrtc
    )
    terminal.one(made, as_json=as_json, password=chosen)
    return terminal.once("password")


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's extensions."""
    columns = (
        "extension",
        "name",
        "enabled",
        "recording",
        "hotline",
        "max_calls",
        "ring_timeout_s",
        "devices",
    )
    terminal.many(session.call(domain, extensions.list), *columns, as_json=as_json)


@app.command()
def show(extension: Number, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show an extension. Its password cannot be shown again, only replaced."""
    terminal.one(session.call(domain, extensions.get, extension), as_json=as_json)


@app.command()
def update(
    extension: Number,
    *,
    domain: options.Domain,
    name: Annotated[str | None, options.NAME] = None,
    password: Annotated[
        str | None, typer.Option(help='A new one; "-" reads it from standard input.')
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Make a new random one, and show it.")
    ] = False,
    recording: Annotated[Recording | None, RECORDING] = None,
    hotline: Annotated[str | None, HOTLINE] = None,
    max_calls: Annotated[int | None, MAX_CALLS] = None,
    ring_timeout: Annotated[int | None, RING_TIMEOUT] = None,
    forward_always: Annotated[str | None, FORWARD] = None,
    forward_busy: Annotated[str | None, FORWARD] = None,
    forward_no_answer: Annotated[str | None, FORWARD] = None,
    forward_unreachable: Annotated[str | None, FORWARD] = None,
    do_not_disturb: Annotated[bool | None, DO_NOT_DISTURB] = None,
    webrtc: Annotated[bool | None, WEBRTC] = None,
    unsuspend: Annotated[bool, options.UNSUSPEND] = False,
    enabled: Annotated[bool | None, options.ENABLED] = None,
    as_json: options.Json = False,
) -> None:
    """Change an extension; what is not given stays.

    Example: tongdai extension update 101 --domain sales.example.vn --new-password
    """
    changes = options.given(
        name=name,
        max_calls=max_calls,
        ring_timeout_s=ring_timeout,
        enabled=enabled,
        forward_always=forward_always,
        forward_busy=forward_busy,
        forward_no_answer=forward_no_answer,
        forward_unreachable=forward_unreachable,
        do_not_disturb=do_not_disturb,
    )
    if recording is not None:
        changes["recording"] = _RECORDING[recording]
    if hotline is not None:
        changes["hotline"] = hotline or None
    changed, chosen = session.change(
        domain,
        admin.update,
        extension,
        changes,
        password=options.secret(password),
        new_password=new_password,
        unsuspend=unsuspend,
        webrtc=webrtc,
    )
    if chosen is None:
        return terminal.one(changed, as_json=as_json)
    terminal.one(changed, as_json=as_json, password=chosen)
    return terminal.once("password")


@app.command()
def delete(extension: Number, *, domain: options.Domain) -> None:
    """Delete an extension that no hotline, ring group or queue leads to."""
    session.change(domain, extensions.delete, extension)
    terminal.say(f"Deleted extension {extension}.")
