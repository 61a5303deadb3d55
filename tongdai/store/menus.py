"""Menus: prompts after which callers press keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx.directory import Menu
from tongdai.store import checks, db, dialables, lists, prompts, rows

LISTING = lists.Listing("SELECT * FROM menus", key="number", sorts=("number", "name"))


async def insert(tx: db.Tx, domain_uuid: UUID, menu: Menu) -> None:
    """Stores the menu. Raises errors.Conflict when the number is taken, errors.Invalid naming the
    field.
    """
    await _check(tx, domain_uuid, menu)
    await dialables.insert(tx, domain_uuid, menu.number, "menu")
    await rows.insert(tx, "menus", domain_uuid=domain_uuid, **rows.values(menu))


async def get(tx: db.Tx, domain_uuid: UUID, number: str) -> Menu:
    """The menu. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM menus WHERE domain_uuid = $1 AND number = $2", domain_uuid, number
    )
    return db.struct(row, Menu, f"no such menu: {number}")


async def change(tx: db.Tx, domain_uuid: UUID, number: str, changes: dict[str, Any]) -> Menu:
    """The menu with these fields changed; its number stays. Raises errors.NotFound and as
    `insert`.
    """
    changed = msgspec.structs.replace(await get(tx, domain_uuid, number), **changes)
    await _check(tx, domain_uuid, changed)
    key = {"domain_uuid": domain_uuid, "number": number}
    await rows.update(tx, "menus", key, rows.values(changed, without=("number",)))
    return changed


async def delete(tx: db.Tx, domain_uuid: UUID, number: str) -> None:
    """The menu is deleted. Raises errors.NotFound, and errors.Conflict naming what leads to it."""
    await dialables.delete(tx, domain_uuid, number, "menu")


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Menu]:
    """The domain's menus, by number."""
    found = await tx.fetch(
        "SELECT * FROM menus WHERE domain_uuid = $1 ORDER BY number", domain_uuid
    )
    return db.structs(found, Menu)


async def _check(tx: db.Tx, domain_uuid: UUID, menu: Menu) -> None:
    """Checks the menu's values and references. Its keys may lead to itself: it is heard again."""
    checks.name(menu.name)
    checks.keys(menu.keys)
    await prompts.require(tx, domain_uuid, menu.prompt, "prompt")
    await prompts.require(tx, domain_uuid, menu.invalid_prompt, "invalid_prompt")
    own = {menu.number, ""}
    await dialables.require(tx, domain_uuid, {*menu.choices.values()} - own, "keys")
    if menu.overflow == menu.number:
        raise errors.Invalid(messages.LEADS_BACK(kind="menu"), field="overflow")
    await dialables.require(tx, domain_uuid, {menu.overflow} - own, "overflow")
