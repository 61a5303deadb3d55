"""The rows and blocks that statements read, by EXPLAIN ANALYZE of each before it is run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tongdai.store import db


class Explained(db.Database):
    """A database that explains each statement that reads a table, before it is run. `scans` are
    the nodes of their plans that read tables.
    """

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, size=1, is_busy=True)
        self.scans: list[dict[str, Any]] = []

    @asynccontextmanager
    async def connection(self, prefer: Any = None) -> AsyncIterator[Any]:
        async with super().connection(prefer) as tx:
            yield Explaining(tx, self.scans)


class Explaining:
    def __init__(self, tx: db.Tx, scans: list[dict[str, Any]]) -> None:
        self._tx, self._scans = tx, scans

    def transaction(self) -> Any:
        return self._tx.transaction()

    def __getattr__(self, verb: str) -> Any:
        async def ask(sql: str, *given: Any) -> Any:
            if not sql.startswith("SET LOCAL"):
                await self._explain(sql, *given)
            return await getattr(self._tx, verb)(sql, *given)

        return ask

    async def _explain(self, sql: str, *given: Any) -> None:
        """Its changes are undone."""
        undone = self._tx.transaction()
        await undone.start()
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}"
        (explained,) = msgspec.json.decode(await self._tx.fetchval(explain, *given))
        await undone.rollback()
        self._scans.extend(_scans(explained["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        yield node
    for inner in node.get("Plans", ()):
        yield from _scans(inner)


def rows_read(node: dict[str, Any]) -> float:
    """The number of rows that the node read, also of those that it did not return."""
    lost = sum(value for key, value in node.items() if key.startswith("Rows Removed"))
    return float((node["Actual Rows"] + lost) * node["Actual Loops"])


def blocks_read(node: dict[str, Any]) -> int:
    """The number of blocks of 8 kB that the node and those below it read."""
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])
