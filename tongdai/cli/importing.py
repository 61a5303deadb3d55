"""tongdai import: companies of other telephone systems, as company files."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from tongdai import columns, files
from tongdai.admin.company import yaml_file
from tongdai.admin.importing import freepbx, freepbx_calls, fusionpbx, fusionpbx_calls, writing
from tongdai.admin.importing.calls import Found
from tongdai.admin.importing.carrying import Imported
from tongdai.cli import options, session, terminal
from tongdai.pbx.directory import Domain
from tongdai.store import checks, db, domains, extensions
from tongdai.store import fusionpbx as stored

app = typer.Typer(
    no_args_is_help=True,
    help="Companies of other telephone systems, as company files for `tongdai apply`, and their "
    "call records.",
)
THEIR_DSN = typer.Argument(
    metavar="DSN",
    help="Its PostgreSQL, such as postgresql://fusionpbx@10.0.0.5/fusionpbx; the password "
    "in PGPASSWORD.",
    show_default=False,
)
THEIR_NAME = typer.Argument(help="The domain's name there.", show_default=False)
CALLS_DRY_RUN = typer.Option("--dry-run", help="Write nothing: tell what would be carried over.")
DRY_RUN = typer.Option("--dry-run", help="Write nothing: tell what is not carried over.")
OUTPUT = typer.Option("--output", "-o", help="Write the file there.", show_default=False)
NAME = typer.Option(
    "--domain", "-d", envvar="TONGDAI_DOMAIN", help="The domain here.", show_default=False
)


@app.command("fusionpbx")
def from_fusionpbx(
    dsn: Annotated[str, THEIR_DSN],
    source: Annotated[str, THEIR_NAME],
    *,
    domain: Annotated[
        str | None, typer.Option("--domain", "-d", help="The domain here; default: the same.")
    ] = None,
    trunk: Annotated[
        str,
        typer.Option(help="The trunk of its hotlines; default: its only gateway."),
    ] = "",
    country_code: Annotated[str, typer.Option(help="Of its national numbers.")] = "84",
    output: Annotated[Path | None, OUTPUT] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: options.Json = False,
) -> None:
    """Make a company file of a domain of FusionPBX, and tell what is not carried over.

    Gateways, extensions with their passwords, inbound destinations and ring groups are. Nothing is
    written there.

    Example: tongdai import fusionpbx postgresql://fusionpbx@10.0.0.5/fusionpbx old.example.vn
    """

    async def work(tx: db.Tx) -> stored.Rows:
        return await stored.read(tx, source)

    rows = session.elsewhere(dsn, work)
    found = fusionpbx.imported(rows, domain or "", trunk, country_code)
    _show(found, output, dry_run=dry_run, as_json=as_json)


@app.command("freepbx")
def from_freepbx(
    file: Annotated[
        Path,
        typer.Argument(help="The CSV of extensions that its Bulk Handler exports.", exists=True),
    ],
    *,
    domain: Annotated[str, NAME],
    output: Annotated[Path | None, OUTPUT] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: options.Json = False,
) -> None:
    """Make a company file of the extensions of FreePBX, and tell what is not carried over.

    Example: tongdai import freepbx extensions.csv --domain sales.example.vn -o company.yaml
    """
    _show(freepbx.imported(_text(file), domain), output, dry_run=dry_run, as_json=as_json)


@app.command("fusionpbx-calls")
def calls_of_fusionpbx(
    dsn: Annotated[str, THEIR_DSN],
    source: Annotated[str, THEIR_NAME],
    *,
    domain: Annotated[str, NAME],
    dry_run: Annotated[bool, CALLS_DRY_RUN] = False,
    as_json: options.Json = False,
) -> None:
    """Carry over the call records of a domain of FusionPBX (v_xml_cdr).

    A repetition changes nothing. No events are sent; recordings stay there. Nothing is written
    there.

    Example: tongdai import fusionpbx-calls postgresql://fusionpbx@10.0.0.5/fusionpbx old.vn
    """

    async def read(theirs: db.Tx, known: Domain) -> AsyncGenerator[Sequence[Found], None]:
        async for rows in stored.calls(theirs, source, writing.BATCH):
            yield [fusionpbx_calls.found(row, known) for row in rows]

    async def work(database: db.Database) -> writing.Told:
        known = await _known(database, domain)
        there = db.Database(dsn, size=1)
        await there.open()
        try:
            async with there.transaction() as theirs, aclosing(read(theirs, known)) as found:
                return await _carried(database, known, found, dry_run=dry_run)
        finally:
            await there.close()

    _tell(session.in_steps(work), dry_run=dry_run, as_json=as_json)


@app.command("freepbx-calls")
def calls_of_freepbx(
    file: Annotated[
        Path, typer.Argument(help="The CSV that its CDR reports export.", exists=True)
    ],
    *,
    domain: Annotated[str, NAME],
    time_zone: Annotated[
        str, typer.Option(help="Of the times in the file; default: the domain's.")
    ] = "",
    dry_run: Annotated[bool, CALLS_DRY_RUN] = False,
    as_json: options.Json = False,
) -> None:
    """Carry over call records of FreePBX, or of another Asterisk with its table cdr, from a CSV.

    Carry over the extensions first: they tell calls of the company from calls with the outside.
    A repetition changes nothing. No events are sent; recordings stay there. The file is read
    whole, about a kilobyte of memory a line.

    Example: tongdai import freepbx-calls cdr.csv --domain sales.example.vn --dry-run
    """
    text = _text(file)

    async def work(database: db.Database) -> writing.Told:
        known = await _known(database, domain)
        async with database.transaction() as tx:
            numbers = {one.extension for one in await extensions.list(tx, known.domain_uuid)}
        zone = ZoneInfo(checks.time_zone(time_zone or known.time_zone))
        found = freepbx_calls.found(text, known, numbers, zone)
        return await _carried(database, known, _in_batches(found), dry_run=dry_run)

    _tell(session.in_steps(work), dry_run=dry_run, as_json=as_json)


async def _known(database: db.Database, name: str) -> Domain:
    async with database.transaction() as tx:
        return await domains.by_name(tx, name)


async def _in_batches(found: Iterable[Found]) -> AsyncIterator[Sequence[Found]]:
    left = iter(found)
    while batch := [*islice(left, writing.BATCH)]:
        yield batch


async def _carried(
    database: db.Database,
    domain: Domain,
    found: AsyncIterator[Sequence[Found]],
    *,
    dry_run: bool,
) -> writing.Told:
    shown = terminal.Progress("reads")
    return await writing.carry(
        database, domain, found, lambda read: shown("calls", read), is_dry_run=dry_run
    )


def _tell(told: writing.Told, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        terminal.json(told)
        return
    verb = "would be" if dry_run else "are"
    terminal.say(f"{told.read:,} calls read: {told.new:,} {verb} new, {told.known:,} were here")
    for why, number in told.left_out.items():
        terminal.say(f"{number:,} left out: {why}")
    if told.recordings:
        terminal.say(f"{told.recordings:,} have a recording there, which is not carried over")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise typer.BadParameter(f"{file} is not UTF-8") from reason


def _show(found: Imported, output: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """The file on standard output, or there; the notes on standard error, or as JSON alone."""
    text = yaml_file.write(found.company)
    if as_json:
        terminal.json({"notes": found.notes, **({} if dry_run else {"file": text})})
    else:
        for note in found.notes:
            terminal.aside(columns.printable(f"{note.thing}: {note.why}"))
        if not dry_run and output is None:
            typer.echo(text, nl=False)
    if output is not None and not dry_run:
        files.write(output, text)  # it holds passwords
