"""tongdai cdr: records of calls that have ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from tongdai import errors
from tongdai.cli import options, session, terminal
from tongdai.cli.calls import AnyDomain
from tongdai.pbx import cdr, numbers
from tongdai.pbx.directory import Domain
from tongdai.store import cdr_search, db, domains
from tongdai.store.cdr_filter import FIRST, LAST, Filter

app = typer.Typer(no_args_is_help=True, help="Records of calls that have ended.")

_MOST = 10_000
_WAYS = {number: name for name, number in cdr.DIRECTIONS.items()}


class Line(msgspec.Struct, frozen=True):
    """A record, for people."""

    domain: str
    time_started: datetime
    direction: str
    from_number: str
    to_number: str
    extension: str
    status: str
    cause: str
    billsec: int
    trunk: str
    sip_status: int
    id: UUID


class Asked(msgspec.Struct, frozen=True):
    """The conditions, as the operator wrote them; times are local to each domain."""

    phone: str
    extension: str
    status: str
    since: str
    until: str

    def of(self, domain: Domain) -> Filter:
        """The filter of the domain's records. Raises typer.BadParameter."""
        return Filter(
            since=options.moment(self.since, domain.time_zone) or FIRST,
            until=options.moment(self.until, domain.time_zone) or LAST,
            phones=(numbers.canonical(self.phone, domain.country),) if self.phone else (),
            extensions=(self.extension,) if self.extension else (),
            statuses=(self.status.upper(),) if self.status else (),
        )


@app.command("list")
def list_(
    *,
    domain: AnyDomain = "",
    phone: Annotated[
        str, typer.Option(help="With this number on either side.", show_default=False)
    ] = "",
    extension: Annotated[str, typer.Option(help="Of this extension.", show_default=False)] = "",
    status: Annotated[
        str, typer.Option(help=f"One of {', '.join(cdr.STATUSES)}.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option(help="Begun then or later: 2026-12-01 08:00.", show_default=False)
    ] = "",
    until: Annotated[str, typer.Option(help="And before then.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=_MOST)] = 50,
    as_json: options.Json = False,
) -> None:
    """Show records of a domain, or of all, the newest first.

    Example: tongdai cdr list --phone 0899888999 --since "2026-12-01 10:00"
    """
    if status and status.upper() not in cdr.STATUSES:
        raise typer.BadParameter(f"{status}: not one of {', '.join(cdr.STATUSES)}")
    asked = Asked(phone, extension, status, since, until)
    found = session.run(lambda tx: _newest(tx, domain, asked, limit))
    columns = Line.__struct_fields__[0 if not domain else 1 :]
    terminal.many(found, *columns, as_json=as_json)


@app.command()
def show(
    id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Any id of the call, SIP Call-ID too."),
    ],
    *,
    domain: options.Domain,
    as_json: options.Json = False,
) -> None:
    """Show all of one record.

    Example: tongdai cdr show 01a2b3c4-d5e6-7890-abcd-ef0123456789 -d sales.example.vn
    """
    terminal.one(session.call(domain, cdr_search.get, id), as_json=as_json)


async def _newest(tx: db.Tx, name: str, asked: Asked, limit: int) -> Sequence[Line]:
    """Raises errors.NotFound, typer.BadParameter."""
    known = [each for each in await domains.list(tx) if name in ("", each.name)]
    if name and not known:
        raise errors.NotFound(f"no such domain: {name}")
    if name:
        terminal.in_zone(known[0].time_zone)
    found = list[Line]()
    for domain in known:
        part = await cdr_search.scroll(tx, domain.domain_uuid, asked.of(domain), limit=limit)
        found += [_line(domain.name, record) for record in part.records]
    return sorted(found, key=lambda line: line.time_started, reverse=True)[:limit]


def _line(domain: str, record: cdr.Cdr) -> Line:
    return Line(
        domain,
        record.time_started,
        _WAYS[record.direction],
        record.from_number,
        record.to_number,
        record.extension,
        record.status,
        record.cause,
        record.billsec,
        record.trunk,
        record.sip_status,
        record.cdr_uuid,
    )
