"""Ring groups and queues: numbers of a domain that lead to several extensions. Both are stored
alike.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import directory
from tongdai.store import checks, db, dialables, lists, rows

Group = TypeVar("Group", directory.RingGroup, directory.Queue)


class CallGroups(Generic[Group]):
    """The ring groups, or the queues, of all domains.

    `members` names the field with the extensions. Fields in `own` are written by other statements
    only.
    """

    def __init__(
        self,
        kind: dialables.Kind,
        struct: type[Group],
        *,
        members: str,
        own: Sequence[str] = (),
    ) -> None:
        self._kind, self._table, self._word = kind, f"{kind}s", dialables.WORDS[kind]
        self._struct: type[Group] = struct
        self._members, self._own = members, own

    @property
    def listing(self) -> lists.Listing:
        """How these are listed."""
        return lists.Listing(
            f"SELECT * FROM {self._table}",  # noqa: S608, our own tables
            key="number",
            sorts=("number", "name"),
        )

    async def insert(self, tx: db.Tx, domain_uuid: UUID, group: Group) -> None:
        """Stores the group. Raises errors.Conflict when the number is taken, errors.Invalid naming
        the field.
        """
        await self._check(tx, domain_uuid, group)
        await dialables.insert(tx, domain_uuid, group.number, self._kind)
        row = rows.values(group, without=self._own)
        await rows.insert(tx, self._table, domain_uuid=domain_uuid, **row)

    async def find(self, tx: db.Tx, domain_uuid: UUID, number: str) -> Group | None:
        """The group, or None."""
        row = await tx.fetchrow(
            f"SELECT * FROM {self._table} WHERE domain_uuid = $1 AND number = $2",  # noqa: S608, our own tables
            domain_uuid,
            number,
        )
        return db.struct_or_none(row, self._struct)

    async def get(self, tx: db.Tx, domain_uuid: UUID, number: str) -> Group:
        """The group. Raises errors.NotFound."""
        if (found := await self.find(tx, domain_uuid, number)) is None:
            raise errors.NotFound(f"no such {self._word}: {number}")
        return found

    async def update(self, tx: db.Tx, domain_uuid: UUID, group: Group) -> None:
        """The group is as given; its number stays. Raises errors.NotFound and as `insert`."""
        await self._check(tx, domain_uuid, group)
        key = {"domain_uuid": domain_uuid, "number": group.number}
        row = rows.values(group, without=("number", *self._own))
        if not await rows.update(tx, self._table, key, row):
            raise errors.NotFound(f"no such {self._word}: {group.number}")

    async def change(
        self, tx: db.Tx, domain_uuid: UUID, number: str, changes: dict[str, Any]
    ) -> Group:
        """The group with these fields changed. Raises as `update`."""
        changed = msgspec.structs.replace(await self.get(tx, domain_uuid, number), **changes)
        await self.update(tx, domain_uuid, changed)
        return changed

    async def delete(self, tx: db.Tx, domain_uuid: UUID, number: str) -> None:
        """The group is deleted. Raises errors.NotFound, and errors.Conflict naming what leads to
        it.
        """
        await dialables.delete(tx, domain_uuid, number, self._kind)

    async def list(self, tx: db.Tx, domain_uuid: UUID) -> Sequence[Group]:
        """The domain's groups, by number."""
        found = await tx.fetch(
            f"SELECT * FROM {self._table} WHERE domain_uuid = $1 ORDER BY number",  # noqa: S608, our own tables
            domain_uuid,
        )
        return db.structs(found, self._struct)

    async def _check(self, tx: db.Tx, domain_uuid: UUID, group: Group) -> None:
        """Checks the group's values and references."""
        checks.name(group.name)
        members = getattr(group, self._members)
        checks.distinct(members, self._members)
        await dialables.require(tx, domain_uuid, members, self._members, "extension")
        if group.overflow == group.number:
            raise errors.Invalid(messages.LEADS_BACK(kind=self._word), field="overflow")
        await dialables.require(tx, domain_uuid, filter(None, [group.overflow]), "overflow")
