"""Ring groups: extensions that ring together or in turn."""

from uuid import UUID

from tongdai import errors
from tongdai.pbx.directory import RingGroup
from tongdai.store import db
from tongdai.store.call_groups import CallGroups

_groups = CallGroups("ring_group", RingGroup, members="members", own=("next_member",))
insert, update, change, delete = _groups.insert, _groups.update, _groups.change, _groups.delete
LISTING = _groups.listing
find, get, list = _groups.find, _groups.get, _groups.list


async def advance(tx: db.Tx, domain_uuid: UUID, number: str) -> int:
    """The index of the member that rings first this time (0 in an empty group). The next call of
    `advance` gives the next index.

    Raises errors.NotFound.
    """
    turn: int | None = await tx.fetchval(
        """
        UPDATE ring_groups SET next_member = (next_member + 1) % greatest(cardinality(members), 1)
        WHERE domain_uuid = $1 AND number = $2
        RETURNING (next_member + cardinality(members) - 1) % greatest(cardinality(members), 1)
        """,
        domain_uuid,
        number,
    )
    if turn is None:
        raise errors.NotFound(f"no such ring group: {number}")
    return max(turn, 0)
