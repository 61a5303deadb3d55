"""Ring groups: extensions that ring together or in turn."""

from collections.abc import Sequence
from uuid import UUID

from tongdai import errors, messages
from tongdai.pbx import directory
from tongdai.store import checks, db, dialables


async def insert(tx: db.Tx, domain_uuid: UUID, group: directory.RingGroup) -> None:
    """Stores the ring group; `next_member` starts at 0.

    Raises errors.Conflict when the number is taken, errors.Invalid naming the field that is wrong.
    """
    await _check(tx, domain_uuid, group)
    await dialables.insert(tx, domain_uuid, group.number, "ring_group")
    await tx.execute(
        """
        INSERT INTO ring_groups (
          domain_uuid, number, name, strategy, members, ring_timeout_s, timeout_s, overflow)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        domain_uuid,
        group.number,
        group.name,
        group.strategy,
        group.members,
        group.ring_timeout_s,
        group.timeout_s,
        group.overflow,
    )


async def find(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.RingGroup | None:
    """The ring group, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM ring_groups WHERE domain_uuid = $1 AND number = $2", domain_uuid, number
    )
    return db.struct_or_none(row, directory.RingGroup)


async def get(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.RingGroup:
    """The ring group. Raises errors.NotFound."""
    if (found := await find(tx, domain_uuid, number)) is None:
        raise errors.NotFound(f"no such ring group: {number}")
    return found


async def update(tx: db.Tx, domain_uuid: UUID, group: directory.RingGroup) -> None:
    """The ring group is as given; its number and `next_member` stay. Raises errors.NotFound and as
    `insert`.
    """
    await _check(tx, domain_uuid, group)
    done = await tx.fetchval(
        """
        UPDATE ring_groups
        SET name = $3, strategy = $4, members = $5, ring_timeout_s = $6, timeout_s = $7,
          overflow = $8
        WHERE domain_uuid = $1 AND number = $2 RETURNING true
        """,
        domain_uuid,
        group.number,
        group.name,
        group.strategy,
        group.members,
        group.ring_timeout_s,
        group.timeout_s,
        group.overflow,
    )
    if not done:
        raise errors.NotFound(f"no such ring group: {group.number}")


async def delete(tx: db.Tx, domain_uuid: UUID, number: str) -> None:
    """The ring group is deleted. Raises errors.NotFound, and errors.Conflict naming what leads to
    it.
    """
    await dialables.delete(tx, domain_uuid, number, "ring_group")


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


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[directory.RingGroup]:
    """The domain's ring groups, by number."""
    rows = await tx.fetch(
        "SELECT * FROM ring_groups WHERE domain_uuid = $1 ORDER BY number", domain_uuid
    )
    return db.structs(rows, directory.RingGroup)


async def _check(tx: db.Tx, domain_uuid: UUID, group: directory.RingGroup) -> None:
    """Checks the ring group's values and references."""
    checks.name(group.name)
    checks.distinct(group.members, "members")
    await dialables.require(tx, domain_uuid, group.members, "members", "extension")
    if group.overflow == group.number:
        raise errors.Invalid(messages.LEADS_BACK(kind="ring group"), field="overflow")
    await dialables.require(tx, domain_uuid, filter(None, [group.overflow]), "overflow")
