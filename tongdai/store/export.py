"""All rows of a domain, table by table, as JSON: for those who want a company's data. Secrets are
"***", as in the audit log.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from tongdai.store import db

_PIECE = 1_000  # rows that are fetched at once
_LEFT_OUT = ("calls", "prompt_audio")  # what ended is in the records; sound is in files


@asynccontextmanager
async def snapshot(database: db.Database) -> AsyncIterator[db.Tx]:
    """A connection that sees all rows as they are now, however long it reads, and changes none."""
    async with (
        database.connection() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield tx


async def tables(tx: db.Tx) -> Sequence[str]:
    """The tables with rows of domains, by name: those that later versions add too."""
    rows = await tx.fetch(
        """
        SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
          AND NOT relispartition AND attname = 'domain_uuid' AND NOT attisdropped
          AND relname <> ALL ($1)
        ORDER BY relname
        """,
        _LEFT_OUT,
    )
    return [row["relname"] for row in rows]


async def rows(tx: db.Tx, table: str, domain_uuid: UUID) -> AsyncIterator[str]:
    """Each row of the domain in that table, as a JSON object of a line. `tx` is of `snapshot`."""
    async for row in tx.cursor(
        f"""
        SELECT (
          SELECT jsonb_object_agg(
            key, CASE WHEN is_secret(key) AND value <> 'null' THEN '"***"' ELSE value END)
          FROM jsonb_each(to_jsonb({table}))
        )::text AS line
        FROM {table} WHERE domain_uuid = $1
        """,  # noqa: S608 the name is of the catalogue
        domain_uuid,
        prefetch=_PIECE,
    ):
        yield row["line"]


async def files(tx: db.Tx, domain_uuid: UUID) -> AsyncIterator[str]:
    """The keys of the files of the domain's recordings. `tx` is of `snapshot`."""
    async for row in tx.cursor(
        """
        SELECT file_key FROM recordings
        WHERE domain_uuid = $1 AND status = 'ready' AND file_key IS NOT NULL
        """,
        domain_uuid,
        prefetch=_PIECE,
    ):
        yield row["file_key"]


async def prompts(tx: db.Tx, domain_uuid: UUID) -> AsyncIterator[tuple[str, bytes]]:
    """The names of the domain's prompts, and their sound as WAV files. `tx` is of `snapshot`."""
    async for row in tx.cursor(
        "SELECT name, wav_16k FROM prompt_audio WHERE domain_uuid = $1 ORDER BY name",
        domain_uuid,
        prefetch=1,
    ):
        yield row["name"], row["wav_16k"]
