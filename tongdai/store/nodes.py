"""The nodes: how far the CEL log of each one's switch has been read."""

import msgspec

from tongdai.store import db


class Node(msgspec.Struct, frozen=True):
    """`cel_log_inode` and `cel_log_offset` (bytes): the position in the CEL log where reading
    continues.
    """

    node: str
    cel_log_inode: int = 0
    cel_log_offset: int = 0


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
        INSERT INTO nodes (node, cel_log_inode, cel_log_offset)
        VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET
          cel_log_inode = excluded.cel_log_inode, cel_log_offset = excluded.cel_log_offset
        """,
        node.node,
        node.cel_log_inode,
        node.cel_log_offset,
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
