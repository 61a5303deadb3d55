"""Call detail records: written once, with the call's end. `cdr_search` finds and lists them.

`cdr_days` counts them by local day of the domain's time zone, in the transaction that writes them,
so that totals of large domains need no counting.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.pbx import cdr
from tongdai.store import db

# characters; phones choose Call-IDs, and an index entry of 2,704 bytes would fail the transaction
_LONGEST_ID = 512


async def insert_many(tx: db.Tx, records: Sequence[cdr.Cdr]) -> set[UUID]:
    """The records, the ids they are found by, and their days' counts are written; the cdr_uuids
    that were new.

    Those written before, by their cdr_uuid, stay as they are: repeating is harmless.
    """
    if not records:
        return set()
    columns = zip(*(msgspec.structs.astuple(record)[:-1] for record in records), strict=True)
    names = [
        (record.domain_uuid, record.cdr_uuid, name)
        for record in records
        for name in {str(record.call_id), record.sip_call_id, *record.other_ids}
        - {"", str(record.cdr_uuid)}
        if len(name) <= _LONGEST_ID
    ]
    rows = await tx.fetch(
        """
        WITH given AS (
          SELECT * FROM unnest(  -- in the order of pbx.cdr.Cdr
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::integer[], $20::integer[], $21::text[],
            $22::text[], $23::text[], $24::text[], $25::boolean[])
        ), written AS (
          INSERT INTO cdrs (
            domain_uuid, cdr_uuid, call_id, sip_call_id, direction, status, cause, extension, from_number,
            to_number, from_canonical, to_canonical, hotline, receive_dest, customer_id, time_started,
            time_answered, time_ended, duration, billsec, hangup_by, recording_status, recording_token,
            recording_file, settled)
          SELECT * FROM given
          ON CONFLICT (domain_uuid, cdr_uuid) DO NOTHING
          RETURNING domain_uuid, cdr_uuid, time_started, direction, status
        ), named AS (
          INSERT INTO cdr_ids (domain_uuid, id, cdr_uuid)
          SELECT domain_uuid, name.id, cdr_uuid
          FROM unnest($26::uuid[], $27::uuid[], $28::text[]) AS name (domain_uuid, cdr_uuid, id)
          JOIN written USING (domain_uuid, cdr_uuid)
          ON CONFLICT DO NOTHING  -- a record that was given twice
        ), counted AS (
          INSERT INTO cdr_days (domain_uuid, day, direction, status, calls)
          SELECT domain_uuid, (time_started AT TIME ZONE time_zone)::date AS day, direction, status, count(*)
          FROM written JOIN (
            SELECT domain_uuid, time_zone FROM domains WHERE domain_uuid = ANY($1)
            FOR KEY SHARE  -- not while domains.update recounts the days in another time zone
          ) AS zone USING (domain_uuid)
          GROUP BY domain_uuid, day, direction, status
          ORDER BY domain_uuid, day, direction, status  -- transactions lock the counts in one order
          ON CONFLICT (domain_uuid, day, direction, status) DO UPDATE SET calls = cdr_days.calls + excluded.calls
        )
        SELECT cdr_uuid FROM written
        """,
        *map(list, columns),
        [domain_uuid for domain_uuid, _, _ in names],
        [cdr_uuid for _, cdr_uuid, _ in names],
        [name for _, _, name in names],
    )
    return {row["cdr_uuid"] for row in rows}


async def recorded_many(tx: db.Tx, records: Sequence[cdr.Cdr]) -> set[UUID]:
    """Those of the records that are written already say how their recordings stand; their
    cdr_uuids.
    """
    if not records:
        return set()
    rows = await tx.fetch(
        """
        UPDATE cdrs SET recording_status = t.status, recording_file = t.file
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS t (d, c, status, file)
        WHERE domain_uuid = d AND cdr_uuid = c RETURNING cdr_uuid
        """,
        [record.domain_uuid for record in records],
        [record.cdr_uuid for record in records],
        [record.recording_status for record in records],
        [record.recording_file for record in records],
    )
    return {row["cdr_uuid"] for row in rows}


async def talked_out(tx: db.Tx, domain_uuid: UUID, since: datetime) -> int:
    """How many seconds the domain's outbound calls that began since then have talked."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT coalesce(sum(billsec), 0)::bigint FROM cdrs
        WHERE domain_uuid = $1 AND time_started >= $2 AND direction = 3
        """,
        domain_uuid,
        since,
    )


async def known(tx: db.Tx, keys: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """Which of these calls, by domain_uuid and call_uuid, have a record: one of their own, or of
    the call that they became part of.
    """
    rows = await tx.fetch(
        """
        SELECT call_uuid FROM unnest($1::uuid[], $2::uuid[]) AS t (domain_uuid, call_uuid)
        WHERE EXISTS (SELECT FROM cdrs WHERE cdrs.domain_uuid = t.domain_uuid AND cdr_uuid = call_uuid)
        OR EXISTS (SELECT FROM cdr_ids WHERE cdr_ids.domain_uuid = t.domain_uuid AND id = call_uuid::text)
        """,
        [domain_uuid for domain_uuid, _ in keys],
        [call_uuid for _, call_uuid in keys],
    )
    return {row["call_uuid"] for row in rows}


async def recorded(
    tx: db.Tx,
    domain_uuid: UUID,
    cdr_uuid: UUID,
    status: cdr.RecordingStatus,
    file: str | None = None,
) -> None:
    """The record says how its recording stands. `file` is its path under the recordings folder;
    None for no file.

    Raises errors.NotFound.
    """
    done = await tx.fetchval(
        """
        UPDATE cdrs SET recording_status = $3, recording_file = $4
        WHERE domain_uuid = $1 AND cdr_uuid = $2 RETURNING true
        """,
        domain_uuid,
        cdr_uuid,
        status,
        file,
    )
    if not done:
        raise errors.NotFound


async def by_recording_token(tx: db.Tx, token: str) -> cdr.Cdr:
    """The record that the public recording URL belongs to, of any domain: the token is the right
    to it.

    Raises errors.NotFound.
    """
    return db.struct(
        await tx.fetchrow("SELECT * FROM cdrs WHERE recording_token = $1", token), cdr.Cdr
    )
