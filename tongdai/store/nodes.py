"""The nodes: how far the CEL log of each one's switch has been read."""

from datetime import datetime

import msgspec

from tongdai.store import db


class Node(msgspec.Struct, frozen=True):
    """`journal_inode` and `journal_offset` (bytes): the position in the CEL log where reading
    continues.
    """

    node: str
    switch_started_at: datetime | None = None
    journal_inode: int = 0
    journal_offset: int = 0


async def find(tx: db.Tx, node: str) -> Node | None:
    row = await tx.fetchrow("SELECT * FROM nodes WHERE node = $1", node)
    return db.struct(row, Node) if row else None


async def domains(tx: db.Tx, node: str) -> set[str]:
    """Names of the node's domains. It crosses tenants."""
    rows = await tx.fetch("SELECT name FROM domains WHERE node = $1", node)
    return {row["name"] for row in rows}


async def save(tx: db.Tx, node: Node) -> None:
    """The node is stored as given."""
    await tx.execute(
        """
        INSERT INTO nodes (node, switch_started_at, journal_inode, journal_offset)
        VALUES ($1, $2, $3, $4) ON CONFLICT (node) DO UPDATE SET
          switch_started_at = excluded.switch_started_at,
          journal_inode = excluded.journal_inode, journal_offset = excluded.journal_offset
        """,
        node.node,
        node.switch_started_at,
        node.journal_inode,
        node.journal_offset,
    )


async def lead(tx: db.Tx, node: str) -> bool:
    """Takes the lock on the node, for as long as this connection is open. Returns False if another
    connection holds it.
    """
    return bool(
        await tx.fetchval(
            "SELECT pg_try_advisory_lock(hashtextextended('tongdai:' || $1, 0))", node
        )
    )
