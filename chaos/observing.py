"""What the database holds of a run, written into its folder for the reconciliation."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from chaos import reconciliation
from tongdai.store import db


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[db.Database]:
    database = db.Database(dsn, size=1)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def write(dsn: str, folder: Path) -> None:
    """cdrs.jsonl and events.jsonl are there."""
    async with opened(dsn) as database, database.connection() as tx:
        for name, structs in (("cdrs", await _records(tx)), ("events", await _events(tx))):
            (folder / f"{name}.jsonl").write_bytes(
                b"".join(msgspec.json.encode(one) + b"\n" for one in structs)
            )


async def _records(tx: db.Tx) -> list[reconciliation.Record]:
    rows = await tx.fetch(
        """
        SELECT cdr_uuid, status, billsec, direction, sip_call_id, (
          SELECT array_agg(id) FROM cdr_ids WHERE cdr_ids.cdr_uuid = cdrs.cdr_uuid) AS ids
        FROM cdrs
        """
    )
    return [
        reconciliation.Record(
            row["cdr_uuid"],
            tuple(row["ids"] or ()),
            row["status"],
            row["billsec"],
            row["direction"],
        )
        for row in rows
    ]


async def _events(tx: db.Tx) -> list[reconciliation.Event]:
    rows = await tx.fetch("SELECT event_uuid, call_uuid, name, seq, body FROM events ORDER BY seq")
    return [
        reconciliation.Event(
            row["event_uuid"],
            row["call_uuid"],
            row["name"],
            row["seq"],
            hashlib.sha256(row["body"].encode()).hexdigest(),
        )
        for row in rows
    ]
