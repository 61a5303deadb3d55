"""Domains: changes, and the end of a suspension."""

from typing import Any

import msgspec

from tongdai.pbx import directory
from tongdai.store import db, domains


async def update(
    tx: db.Tx, name: str, changes: dict[str, Any], *, unsuspend: bool = False
) -> directory.Domain:
    """The changed domain of that name; `unsuspend` ends the suspension of its outbound calls.
    Raises as domains.update.
    """
    changed = msgspec.structs.replace(await domains.by_name(tx, name), **changes)
    await domains.update(tx, changed)
    if unsuspend:
        await domains.suspend(tx, changed.domain_uuid, None)
    return await domains.get(tx, changed.domain_uuid)
