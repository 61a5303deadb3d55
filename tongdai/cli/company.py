"""tongdai plan, apply, export: a company as a file."""

import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tongdai import columns, errors, files, messages, settings
from tongdai.admin.company import applying, yaml_file
from tongdai.admin.company.applying import Applied, Means
from tongdai.admin.company.difference import Change
from tongdai.admin.company.yaml_file import File
from tongdai.cli import carriers, options, session, terminal
from tongdai.store import db, domains, trunk_conflicts
from tongdai.webhooks.guard import Guard

_SIGNS = {"create": "+", "update": "~", "delete": "-"}

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help='A company file; "-": standard input.', show_default=False
    ),
]
AT = typer.Option(
    help="As it was then, by the audit log: 2027-01-31 18:00, in the domain's time zone.",
    show_default=False,
)


def plan(
    file: Source,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 if the company differs from the file.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show how a company differs from its file, and change nothing.

    Example: tongdai plan company.yaml
    """
    found = _planned(_read(file))
    _show(found, as_json=as_json)
    if check and found.changes:
        raise typer.Exit(1)


def apply(
    file: Source,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Make a company as its file says, in one transaction.

    What a section of the file does not have is deleted; sections that are not given stay. Applied
    again, a file changes nothing. Passwords that are not given are made, and shown.

    Example: tongdai apply company.yaml
    """
    text = _read(file)
    planned: Applied | None = None
    if not yes:
        planned = _planned(text)
        if planned.changes:
            _confirm(planned, file)
    done = _applied(text, planned)
    if as_json:
        return terminal.json(done)
    if planned is None or not planned.changes:
        _show(done, as_json=False)
    terminal.say(f"Applied to {done.domain}.")
    if done.secrets:
        terminal.many(done.secrets, "noun", "name", "password", as_json=False)
        terminal.once("passwords")
    if any(change.noun in ("trunk", "hotline") for change in done.changes):
        _warn(done.domain)
    return None


def export(
    *,
    domain: options.Domain,
    at: Annotated[str, AT] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there.", show_default=False)
    ] = None,
) -> None:
    """Print a company as a file, without its secrets.

    Example: tongdai export --domain sales.example.vn -o company.yaml

    Example: tongdai export --domain sales.example.vn --at "2027-01-31 18:00" -o before.yaml
    """

    async def work(tx: db.Tx) -> str:
        known = await domains.by_name(tx, domain)
        moment = options.moment(at, known.time_zone)
        if moment is None:
            return yaml_file.write(await applying.export(tx, known.domain_uuid))
        return yaml_file.write(await applying.past(tx, known.domain_uuid, moment))

    text = session.run(work)
    if output is None:
        typer.echo(text, nl=False)
    else:
        files.write(output, text)


def _read(file: str) -> File:
    try:
        return yaml_file.read(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, UnicodeDecodeError) as reason:
        raise typer.BadParameter(f"{file} cannot be read: {reason}") from reason


def _means() -> Means:
    known = settings.load()
    guard = Guard(settings.callback_networks(known))
    return Means(
        master_key=session.master_key(),
        guard=guard.acceptable,
        most_subscriptions=known.subscriptions,
        node=known.node,
    )


def _planned(file: File) -> Applied:
    means = _means()

    async def work(tx: db.Tx) -> Applied:
        return await applying.plan(tx, file, means)

    return session.run(work)


def _applied(file: File, planned: Applied | None) -> Applied:
    """Raises errors.Conflict if it is not what was planned."""
    means = _means()

    async def work(tx: db.Tx) -> Applied:
        with contextlib.suppress(errors.NotFound):  # then it is created
            known = await domains.by_name(tx, file.company.domain.name)
            await session.turn(tx, known.domain_uuid)
        done = await applying.apply(tx, file, means)
        if planned is not None and done.changes != planned.changes:
            raise errors.Conflict(messages.PLAN_STALE, field="file")
        return done

    return session.run(work)


def _warn(domain: str) -> None:
    """Tells what the number called cannot keep apart, between trunks of this and other domains."""
    for conflict in session.run(trunk_conflicts.conflicts):
        if domain in (conflict.domain, conflict.other_domain):
            for line in carriers.described(conflict):
                terminal.aside(f"warning: {line}")


def _confirm(planned: Applied, file: str) -> None:
    if file == "-":
        raise typer.BadParameter("a file on standard input takes --yes: nobody can be asked")
    _show(planned, as_json=False)
    typer.confirm("Apply?", abort=True)


def _show(found: Applied, *, as_json: bool) -> None:
    if as_json:
        return terminal.json({"domain": found.domain, "changes": found.changes})
    for change in found.changes:
        sign, when = _SIGNS[change.action], _when(change.changed_at, change)
        terminal.say(columns.printable(f"{sign} {_words(change)}{when}"))
        if change.action == "update":
            for name in change.after:
                before, after = (_value(side.get(name)) for side in (change.before, change.after))
                terminal.say(columns.printable(f"    {name}: {before} -> {after}"))
    counts = {
        action: sum(change.action == action for change in found.changes) for action in _SIGNS
    }
    if not found.changes:
        return terminal.say(f"{found.domain} is as the file says.")
    return terminal.say(
        f"{found.domain}: {counts['create']} to create, {counts['update']} to change, "
        f"{counts['delete']} to delete."
    )


def _words(change: Change) -> str:
    return f"{change.noun.replace('_', ' ')} {change.name}"


def _when(moment: datetime | None, change: Change) -> str:
    """The last change of a thing: what the file does not know was done then."""
    if moment is None:
        return ""
    return f"  (changed {terminal.local(moment)} by {change.changed_by or 'tongdai'})"


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value else terminal.compact(value)
