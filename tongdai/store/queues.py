"""Queues: callers wait in order, with music, for agents."""

from uuid import UUID

from tongdai.pbx.directory import Queue
from tongdai.store import checks, db, prompts
from tongdai.store.call_groups import CallGroups


class _Queues(CallGroups[Queue]):
    async def _check(self, tx: db.Tx, domain_uuid: UUID, group: Queue) -> None:
        if await prompts.find(tx, domain_uuid, group.moh_class) is None:
            checks.music_class(group.moh_class, "moh_class")
        else:
            await prompts.require(tx, domain_uuid, group.moh_class, "moh_class")
        await super()._check(tx, domain_uuid, group)


_queues = _Queues("queue", Queue, members="agents")
insert, update, change, delete = _queues.insert, _queues.update, _queues.change, _queues.delete
LISTING = _queues.listing
find, get, list = _queues.find, _queues.get, _queues.list
