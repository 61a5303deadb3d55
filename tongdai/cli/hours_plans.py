"""tongdai hours-plan: when hotlines are open."""

from typing import Annotated, Any
from uuid import UUID

import typer

from tongdai.cli import options, session, terminal
from tongdai.pbx.directory import HoursPlan, Override
from tongdai.store import db, domains, hours_plans

app = typer.Typer(no_args_is_help=True, help="Hours plans: when hotlines are open.")

Name = Annotated[str, typer.Argument(metavar="PLAN", help="Its name.", show_default=False)]
WEEKLY = typer.Option(
    help='Days and times, comma-separated: "mon-fri 08:00-12:00, mon-fri 13:30-17:30, sat sun '
    '22:00-02:00", or "daily 00:00-24:00".',
    show_default=False,
)
HOLIDAYS = typer.Option(
    help='Dates on which the weekly hours do not hold, comma-separated: "2027-02-05/2027-02-11, '
    '09-02" (each year), "12-24 08:00-11:30" (open for so long).',
    show_default=False,
)
OVERRIDE = typer.Option(
    help='"open" or "closed", whatever the hours say; "" ends that.',
    show_default=False,
)
UNTIL = typer.Option(
    help="When the override ends by itself, such as 2027-01-05 20:05, local to the domain; "
    '"": when it is changed.',
    show_default=False,
)


@app.command()
def create(
    name: Name,
    *,
    domain: options.Domain,
    weekly: Annotated[str, WEEKLY] = "",
    holidays: Annotated[str, HOLIDAYS] = "",
    as_json: options.Json = False,
) -> None:
    """Make an hours plan.

    Example: tongdai hours-plan create office --domain sales.example.vn --weekly "mon-fri
    08:00-17:30, sat 08:00-12:00" --holidays "01-01, 09-02"
    """
    made = HoursPlan(name, options.listed(weekly) or (), options.listed(holidays) or ())
    session.change(domain, hours_plans.insert, made)
    terminal.one(made, as_json=as_json)


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's hours plans."""
    columns = HoursPlan.__struct_fields__
    terminal.many(session.call(domain, hours_plans.list), *columns, as_json=as_json)


@app.command()
def show(name: Name, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show an hours plan."""
    terminal.one(session.call(domain, hours_plans.get, name), as_json=as_json)


@app.command()
def update(
    name: Name,
    *,
    domain: options.Domain,
    weekly: Annotated[str | None, WEEKLY] = None,
    holidays: Annotated[str | None, HOLIDAYS] = None,
    override: Annotated[Override | None, OVERRIDE] = None,
    override_until: Annotated[str | None, UNTIL] = None,
    as_json: options.Json = False,
) -> None:
    """Change an hours plan; what is not given stays.

    A new override without --override-until holds until it is changed.

    Example: tongdai hours-plan update office --domain sales.example.vn --override closed
    --override-until "2027-01-05 20:05"
    """
    changes = options.given(
        weekly=options.listed(weekly), holidays=options.listed(holidays), override=override
    )
    changed = session.change(domain, _change, name, changes, override_until)
    terminal.one(changed, as_json=as_json)


async def _change(
    tx: db.Tx, domain_uuid: UUID, name: str, changes: dict[str, Any], until: str | None
) -> HoursPlan:
    if until is not None or "override" in changes:
        zone = (await domains.get(tx, domain_uuid)).time_zone
        changes = changes | {"override_until": options.moment(until or "", zone)}
    return await hours_plans.change(tx, domain_uuid, name, changes)


@app.command()
def delete(name: Name, *, domain: options.Domain) -> None:
    """Delete an hours plan that no hotline follows."""
    session.change(domain, hours_plans.delete, name)
    terminal.say(f"Deleted hours plan {name}.")
