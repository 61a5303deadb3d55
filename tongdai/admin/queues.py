"""Queues: changes."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.directory import Queue
from tongdai.store import db, queues


async def update(tx: db.Tx, domain_uuid: UUID, number: str, changes: dict[str, Any]) -> Queue:
    """The changed queue. Raises as queues.update."""
    changed = msgspec.structs.replace(await queues.get(tx, domain_uuid, number), **changes)
    await queues.update(tx, domain_uuid, changed)
    return changed
