"""Domains: made with their defaults, changed, and permitted to call out again."""

from typing import Any

import msgspec

from tongdai.pbx import directory
from tongdai.store import db, domains


async def update(
    tx: db.Tx, name: str, changes: dict[str, Any], *, unsuspend: bool = False
) -> directory.Domain:
    """The domain of that name with the changes made; with `unsuspend` its calls out are no longer
    suspended. Raises as domains.update does.
    """
    changed = msgspec.structs.replace(await domains.by_name(tx, name), **changes)
    await domains.update(tx, changed)
    if unsuspend:
        await domains.suspend(tx, changed.domain_uuid, None)
    return await domains.get(tx, changed.domain_uuid)
