"""Queues: callers wait in order, with music, for agents."""

from collections.abc import Sequence
from uuid import UUID

from tongdai import errors, messages
from tongdai.pbx import directory
from tongdai.store import checks, db, dialables


async def insert(tx: db.Tx, domain_uuid: UUID, queue: directory.Queue) -> None:
    """Stores the queue. Raises errors.Conflict when the number is taken, errors.Invalid naming the
    field.
    """
    await _check(tx, domain_uuid, queue)
    await dialables.insert(tx, domain_uuid, queue.number, "queue")
    await tx.execute(
        """
        INSERT INTO queues (
          domain_uuid, number, name, agents, ring_timeout_s, no_answer_delay_s, wrap_up_s,
          timeout_s, overflow, moh_class)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        domain_uuid,
        queue.number,
        queue.name,
        queue.agents,
        queue.ring_timeout_s,
        queue.no_answer_delay_s,
        queue.wrap_up_s,
        queue.timeout_s,
        queue.overflow,
        queue.moh_class,
    )


async def find(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.Queue | None:
    """The queue, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM queues WHERE domain_uuid = $1 AND number = $2", domain_uuid, number
    )
    return db.struct_or_none(row, directory.Queue)


async def get(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.Queue:
    """The queue. Raises errors.NotFound."""
    if (found := await find(tx, domain_uuid, number)) is None:
        raise errors.NotFound(f"no such queue: {number}")
    return found


async def update(tx: db.Tx, domain_uuid: UUID, queue: directory.Queue) -> None:
    """The queue is as given; its number stays. Raises errors.NotFound and as `insert`."""
    await _check(tx, domain_uuid, queue)
    done = await tx.fetchval(
        """
        UPDATE queues
        SET name = $3, agents = $4, ring_timeout_s = $5, no_answer_delay_s = $6, wrap_up_s = $7,
          timeout_s = $8, overflow = $9, moh_class = $10
        WHERE domain_uuid = $1 AND number = $2 RETURNING true
        """,
        domain_uuid,
        queue.number,
        queue.name,
        queue.agents,
        queue.ring_timeout_s,
        queue.no_answer_delay_s,
        queue.wrap_up_s,
        queue.timeout_s,
        queue.overflow,
        queue.moh_class,
    )
    if not done:
        raise errors.NotFound(f"no such queue: {queue.number}")


async def delete(tx: db.Tx, domain_uuid: UUID, number: str) -> None:
    """The queue is deleted. Raises errors.NotFound, and errors.Conflict naming what leads
    to it.
    """
    await dialables.delete(tx, domain_uuid, number, "queue")


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[directory.Queue]:
    """The domain's queues, by number."""
    rows = await tx.fetch(
        "SELECT * FROM queues WHERE domain_uuid = $1 ORDER BY number", domain_uuid
    )
    return db.structs(rows, directory.Queue)


async def _check(tx: db.Tx, domain_uuid: UUID, queue: directory.Queue) -> None:
    """Checks the queue's values and references."""
    checks.name(queue.name)
    checks.word(queue.moh_class, "moh_class")
    checks.distinct(queue.agents, "agents")
    await dialables.require(tx, domain_uuid, queue.agents, "agents", "extension")
    if queue.overflow == queue.number:
        raise errors.Invalid(messages.LEADS_BACK(kind="queue"), field="overflow")
    await dialables.require(tx, domain_uuid, filter(None, [queue.overflow]), "overflow")
