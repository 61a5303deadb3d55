"""tongdai audit: who changed what."""

import contextlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from tongdai import errors
from tongdai.cli import options, session, terminal
from tongdai.store import audit as store
from tongdai.store import db, domains


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

    The newest come first; times are the domain's. Secrets are never in it. Of a deleted domain it
    shows who changed what, and who deleted it.

    Example: tongdai audit --domain sales.example.vn --noun extension --name 101
    """
    wanted = store.Filter(noun=noun, name=name, actor=actor)

    if domain:
        found = session.run(lambda tx: _of_domain(tx, domain, wanted, limit))
    else:
        found = session.run(lambda tx: store.list(tx, None, wanted, limit=limit))
    if as_json:
        return terminal.many(found, as_json=True)
    lines = [_line(entry) for entry in found]
    return terminal.many(lines, *Line.__struct_fields__, as_json=False)


async def _of_domain(
    tx: db.Tx, name: str, wanted: store.Filter, limit: int
) -> Sequence[store.Entry]:
    """The entries of the domain of that name, which may be deleted. Raises errors.NotFound."""
    domain_uuid = await store.domain_of(tx, name)
    with contextlib.suppress(errors.NotFound):
        terminal.in_zone((await domains.get(tx, domain_uuid)).time_zone)
    return await store.list(tx, domain_uuid, wanted, limit=limit)


def _line(entry: store.Entry) -> Line:
    return Line(
        terminal.local(entry.at),
        f"{entry.actor} (key {entry.api_key})" if entry.api_key else entry.actor,
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
