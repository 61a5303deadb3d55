"""Ring groups: changed."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.directory import RingGroup
from tongdai.store import db, ring_groups


async def update(tx: db.Tx, domain_uuid: UUID, number: str, changes: dict[str, Any]) -> RingGroup:
    """The ring group with the changes made. Raises as ring_groups.update does."""
    changed = msgspec.structs.replace(await ring_groups.get(tx, domain_uuid, number), **changes)
    await ring_groups.update(tx, domain_uuid, changed)
    return changed
