"""tongdai import: companies of other telephone systems, as company files."""

from pathlib import Path
from typing import Annotated

import typer

from tongdai import columns, files
from tongdai.admin.company import yaml_file
from tongdai.admin.importing import freepbx, fusionpbx
from tongdai.admin.importing.carrying import Imported
from tongdai.cli import options, session, terminal
from tongdai.store import db
from tongdai.store import fusionpbx as stored

app = typer.Typer(
    no_args_is_help=True,
    help="Companies of other telephone systems, as company files for `tongdai apply`.",
)
DRY_RUN = typer.Option("--dry-run", help="Write nothing: tell what is not carried over.")
OUTPUT = typer.Option("--output", "-o", help="Write the file there.", show_default=False)
NAME = typer.Option(
    "--domain", "-d", envvar="TONGDAI_DOMAIN", help="The domain here.", show_default=False
)


@app.command("fusionpbx")
def from_fusionpbx(
    dsn: Annotated[
        str,
        typer.Argument(
            metavar="DSN",
            help="Its PostgreSQL, such as postgresql://fusionpbx@10.0.0.5/fusionpbx; the password "
            "in PGPASSWORD.",
            show_default=False,
        ),
    ],
    source: Annotated[str, typer.Argument(help="The domain's name there.", show_default=False)],
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
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise typer.BadParameter(f"{file} is not UTF-8") from reason
    _show(freepbx.imported(text, domain), output, dry_run=dry_run, as_json=as_json)


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
