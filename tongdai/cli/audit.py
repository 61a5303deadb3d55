"""tongdai audit: who changed what."""

from typing import Annotated

import msgspec
import typer

from tongdai.cli import options, session, terminal
from tongdai.store import audit as store


class Line(msgspec.Struct, frozen=True):
    """An entry, for people."""

    at: object
    actor: str
    address: str
    action: str
    what: str
    change: str


def audit(
    *,
    domain: Annotated[
        str,
        typer.Option(
            "--domain",
            "-d",
            envvar="TONGDAI_DOMAIN",
            help="The domain's name.",
            show_default="changes of operators",
        ),
    ] = "",
    noun: Annotated[
        str, typer.Option(help="extension, trunk, hotline ...", show_default="all")
    ] = "",
    name: Annotated[
        str, typer.Option(help="Which one: its number or name.", show_default="all")
    ] = "",
    actor: Annotated[
        str, typer.Option(help="Who, such as user:an or cli:root.", show_default="all")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    as_json: options.Json = False,
) -> None:
    """Show who changed what of a domain, from where, before and after.

    The newest come first; times are the domain's. Secrets are never in it.

    Example: tongdai audit --domain sales.example.vn --noun extension --name 101
    """
    wanted = store.Filter(noun=noun, name=name, actor=actor)

    if domain:
        found = session.call(domain, store.list, wanted, limit=limit)
    else:
        found = session.run(lambda tx: store.list(tx, None, wanted, limit=limit))
    if as_json:
        return terminal.many(found, as_json=True)
    lines = [_line(entry) for entry in found]
    return terminal.many(lines, *Line.__struct_fields__, as_json=False)


def _line(entry: store.Entry) -> Line:
    return Line(
        terminal.local(entry.at),
        entry.actor,
        entry.address,
        entry.action,
        f"{entry.noun} {entry.name}",
        _change(entry),
    )


def _change(entry: store.Entry) -> str:
    """The changed fields: "name: Ánh -> Bình"; none for a thing that is new or deleted."""
    if entry.action != "update":
        return ""
    if entry.before is None or entry.after is None:
        return "erased"
    before, after = entry.before, entry.after
    return "; ".join(f"{key}: {_text(before.get(key))} -> {_text(after[key])}" for key in after)


def _text(value: object) -> str:
    return '""' if value in (None, "") else str(value)
