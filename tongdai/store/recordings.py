"""Recordings of calls: their state, and the files to be deleted.

Records write them (cdrs.insert_many). Housekeeping works for the whole installation: it crosses
tenants. Each of its statements takes at most BATCH rows, by an index that holds no others,
independent of the table's statistics.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx.recording import Recording
from tongdai.store import db

BATCH = 1_000  # rows of a statement; an object store deletes as many files in one request
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ID = UUID(int=0)
STORED = Recording.__struct_fields__
"""The columns of `recordings` that a recording is read from, each by its field's name."""


class LeftOver(msgspec.Struct, frozen=True):
    """A deleted recording with a file that still exists."""

    domain_uuid: UUID
    cdr_uuid: UUID
    recording_uuid: UUID
    file_key: str
    deleted_at: datetime


def upsert(rows: str) -> str:
    """The statement that writes recordings; `rows` is the parameter with their JSON, such as $1.

    A recording that was written before gets its new state, unless it is ready or deleted.
    """
    columns = ", ".join(STORED)
    return f"""
        INSERT INTO recordings ({columns})
        SELECT {columns} FROM json_populate_recordset(NULL::recordings, {rows})
        ON CONFLICT (domain_uuid, cdr_uuid, recording_uuid) DO UPDATE
          SET status = excluded.status, file_key = excluded.file_key,
              duration_s = excluded.duration_s, size = excluded.size,
              channels = excluded.channels, sha256 = excluded.sha256
          WHERE recordings.status IN ('pending', 'failed', 'none')
    """  # noqa: S608 names of the struct's fields


async def finish_many(tx: db.Tx, recordings: Sequence[Recording]) -> set[UUID]:
    """Gives their final state to those that were written before; returns their cdr_uuids."""
    if not recordings:
        return set()
    rows = await tx.fetch(
        """
        WITH found AS (
          SELECT place, final.status, final.file_key, final.duration_s, final.size,
                 final.channels, final.sha256
          FROM json_populate_recordset(NULL::recordings, $1) AS final CROSS JOIN LATERAL (
            SELECT ctid AS place FROM recordings  -- LIMIT: not a join with the whole table
            WHERE domain_uuid = final.domain_uuid AND cdr_uuid = final.cdr_uuid
              AND recording_uuid = final.recording_uuid AND status = 'pending' LIMIT 1
          ) AS known
        )
        UPDATE recordings SET status = found.status, file_key = found.file_key,
                              duration_s = found.duration_s, size = found.size,
                              channels = found.channels, sha256 = found.sha256
        FROM found WHERE recordings.ctid = place
        RETURNING cdr_uuid
        """,
        msgspec.json.encode(recordings).decode(),
    )
    return {row["cdr_uuid"] for row in rows}


async def by_token(tx: db.Tx, token: str) -> Recording:
    """The recording with that token in its public URL, of any domain: the token alone gives
    access.

    Raises errors.NotFound.
    """
    return db.struct(
        await tx.fetchrow("SELECT * FROM recordings WHERE token = $1", token), Recording
    )


async def of_call(tx: db.Tx, domain_uuid: UUID, cdr_uuid: UUID) -> Recording:
    """The main recording of the domain's record. Raises errors.NotFound."""
    return db.struct(
        await tx.fetchrow(
            """
            SELECT * FROM recordings WHERE domain_uuid = $1 AND cdr_uuid = $2
            ORDER BY recording_uuid LIMIT 1
            """,
            domain_uuid,
            cdr_uuid,
        ),
        Recording,
    )


async def delete(tx: db.Tx, domain_uuid: UUID, token: str) -> None:
    """The domain's recording cannot be played any more; housekeeping deletes its file.

    Raises errors.NotFound, and errors.Conflict for one that is still being written.
    """
    status = await tx.fetchval(
        """
        WITH deleted AS (
          UPDATE recordings SET status = 'deleted', deleted_at = now()
          WHERE domain_uuid = $1 AND token = $2 AND status = 'ready'
        )
        SELECT status FROM recordings WHERE domain_uuid = $1 AND token = $2
        """,
        domain_uuid,
        token,
    )
    if status is None:
        raise errors.NotFound
    if status == "pending":
        raise errors.Conflict(messages.STILL_WRITTEN, field="recording")


# --- housekeeping


async def retention(tx: db.Tx) -> dict[UUID, int]:
    """The number of days that each domain keeps recordings, for those that delete them."""
    rows = await tx.fetch(
        "SELECT domain_uuid, recording_days FROM domains WHERE recording_days IS NOT NULL"
    )
    return {row["domain_uuid"]: row["recording_days"] for row in rows}


# The condition on ctid keeps the planner from a join with the whole table.
_EXPIRE = f"""
    WITH expired AS (
      UPDATE recordings SET status = 'deleted', deleted_at = now()
      WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM recordings
        WHERE domain_uuid = $1 AND status = 'ready'
          AND started_at >= $2 AND started_at < now() - make_interval(days => $3)
        ORDER BY started_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED
      ))
      RETURNING started_at
    )
    SELECT count(*) AS count, max(started_at) AS last FROM expired
"""  # noqa: S608 a number of ours


async def expire(
    tx: db.Tx, domain_uuid: UUID, days: int, since: datetime = FIRST
) -> tuple[int, datetime]:
    """Marks as deleted the domain's oldest ready recordings that began more than so many days ago:
    at most BATCH of those that began at `since` or later.

    Returns their number, and the time to continue from: rows deleted before are not read again,
    which matters until VACUUM has run. `tx` is a transaction.
    """
    await db.by_index(tx)
    row = await tx.fetchrow(_EXPIRE, domain_uuid, since, days)
    return (row["count"], row["last"] or since) if row else (0, since)


_LEFT_OVER = f"""
    SELECT domain_uuid, cdr_uuid, recording_uuid, file_key, deleted_at FROM recordings
    WHERE status = 'deleted' AND file_key IS NOT NULL
      AND (deleted_at, recording_uuid) > ($1, $2)
    ORDER BY deleted_at, recording_uuid LIMIT {BATCH}
"""  # noqa: S608 a number of ours


async def left_over(tx: db.Tx, after: LeftOver | None = None) -> Sequence[LeftOver]:
    """Deleted recordings with a file that still exists, those deleted first: BATCH of them, the
    next after that one. `tx` is a transaction.
    """
    await db.by_index(tx)
    rows = await tx.fetch(
        _LEFT_OVER,
        after.deleted_at if after else FIRST,
        after.recording_uuid if after else _FIRST_ID,
    )
    return db.structs(rows, LeftOver)


async def keys(tx: db.Tx) -> AsyncIterator[str]:
    """The keys of the files of all recordings that can be heard. `tx` is in a transaction. For
    backups: it crosses tenants.
    """
    async for row in tx.cursor(
        "SELECT file_key FROM recordings WHERE status = 'ready' AND file_key IS NOT NULL",
        prefetch=BATCH,
    ):
        yield row["file_key"]


async def without_file(tx: db.Tx, recordings: Sequence[LeftOver]) -> None:
    """Forgets the files of these recordings, which are gone; and the recordings whose call record
    is gone too.
    """
    await tx.execute(
        """
        WITH found AS (
          SELECT one.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS gone (d, c, r)
          CROSS JOIN LATERAL (
            SELECT ctid AS place, (
              SELECT true FROM cdrs WHERE cdrs.domain_uuid = d AND cdrs.cdr_uuid = c LIMIT 1
            ) IS NULL AND (
              SELECT true FROM calls WHERE calls.domain_uuid = d AND calls.call_uuid = c LIMIT 1
            ) IS NULL AS is_lost
            FROM recordings
            WHERE domain_uuid = d AND cdr_uuid = c AND recording_uuid = r AND status = 'deleted'
            OFFSET 0
          ) AS one
        ), lost AS (
          DELETE FROM recordings WHERE ctid = ANY(ARRAY(SELECT place FROM found WHERE is_lost))
        )
        UPDATE recordings SET file_key = NULL
        WHERE ctid = ANY(ARRAY(SELECT place FROM found WHERE NOT is_lost))
        """,
        [each.domain_uuid for each in recordings],
        [each.cdr_uuid for each in recordings],
        [each.recording_uuid for each in recordings],
    )
