"""Hours plans: when a domain's hotlines are open."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx.directory import HoursPlan
from tongdai.store import checks, db, lists, rows

LISTING = lists.Listing("SELECT * FROM hours_plans", key="name", sorts=("name",))


async def insert(tx: db.Tx, domain_uuid: UUID, plan: HoursPlan) -> None:
    """Stores the plan. Raises errors.Conflict when the name is taken, errors.Invalid naming the
    field.
    """
    checks.name(plan.name, needed=True)
    _check(plan)
    await rows.insert(tx, "hours_plans", domain_uuid=domain_uuid, **rows.values(plan))


async def get(tx: db.Tx, domain_uuid: UUID, name: str) -> HoursPlan:
    """The plan. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM hours_plans WHERE domain_uuid = $1 AND name = $2", domain_uuid, name
    )
    return db.struct(row, HoursPlan, f"no such hours plan: {name}")


async def change(tx: db.Tx, domain_uuid: UUID, name: str, changes: dict[str, Any]) -> HoursPlan:
    """The plan with these fields changed; its name stays. Raises errors.NotFound and as
    `insert`.
    """
    changed = msgspec.structs.replace(await get(tx, domain_uuid, name), **changes)
    _check(changed)
    key = {"domain_uuid": domain_uuid, "name": name}
    await rows.update(tx, "hours_plans", key, rows.values(changed, without=("name",)))
    return changed


async def delete(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    """The plan is deleted. Raises errors.NotFound, and errors.Conflict naming the hotlines that
    follow it.
    """
    await get(tx, domain_uuid, name)
    users = await tx.fetch(
        "SELECT number FROM hotlines WHERE domain_uuid = $1 AND hours = $2 ORDER BY number",
        domain_uuid,
        name,
    )
    if users:
        named = ", ".join(f"hotline {row['number']}" for row in users)
        raise errors.Conflict(messages.IN_USE_BY(users=named), field="name")
    await tx.execute(
        "DELETE FROM hours_plans WHERE domain_uuid = $1 AND name = $2", domain_uuid, name
    )


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[HoursPlan]:
    """The domain's plans, by name."""
    found = await tx.fetch(
        "SELECT * FROM hours_plans WHERE domain_uuid = $1 ORDER BY name", domain_uuid
    )
    return db.structs(found, HoursPlan)


def _check(plan: HoursPlan) -> None:
    checks.weekly_hours(plan.weekly)
    checks.holidays(plan.holidays)
    if plan.override_until and not plan.override:
        raise errors.Invalid(messages.UNTIL_OF_NOTHING, field="override_until")
