"""Ring groups: changes."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.directory import RingGroup
from tongdai.store import db, ring_groups


async def update(tx: db.Tx, domain_uuid: UUID, number: str, changes: dict[str, Any]) -> RingGroup:
    """The changed ring group. Raises as ring_groups.update."""
    changed = msgspec.structs.replace(await ring_groups.get(tx, domain_uuid, number), **changes)
    await ring_groups.update(tx, domain_uuid, changed)
    return changed
