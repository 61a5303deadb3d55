"""Call detail records: written once, at the call's end. `cdr_search` finds and lists them.

A record has a column for each field of `pbx.cdr.Cdr`, of the same name; its recording is a row of
`recordings`, written with it. Of its other ids it has one SIP Call-ID itself, and its `call_id`,
found by the time in it; `cdr_ids` and `cdr_sip_call_ids` have the rest. `cdr_days` counts records
by local day of the domain's time zone, in the transaction that writes them, so that totals of
large domains need no count of rows; so do the tables of `report_counts`, for reports.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongdai import ids
from tongdai.pbx import cdr
from tongdai.store import db, local_days, recordings, report_counts

# characters; phones choose Call-IDs, and a longer one only takes space
_LONGEST_ID = 512

STORED = tuple(
    name
    for name in cdr.Cdr.__struct_fields__
    if name not in ("recording", "other_ids", "other_sip_call_ids")  # rows of their own
)
"""The columns of `cdrs`: the fields of the struct by name, in any order."""

_INSERT = """
    WITH written AS (
      INSERT INTO cdrs ({columns}, sip_call_id_hash, other_sip_call_id, other_sip_call_id_hash)
      SELECT {given},
             CASE WHEN length(given.sip_call_id) BETWEEN 1 AND {longest}
               THEN hashtextextended(given.sip_call_id, 0) END,
             other.call_id, hashtextextended(other.call_id, 0)
      FROM json_populate_recordset(NULL::cdrs, $1) AS given
      LEFT JOIN unnest($15::uuid[], $16::uuid[], $17::text[])
        AS other (domain_uuid, cdr_uuid, call_id) USING (domain_uuid, cdr_uuid)
      ON CONFLICT (domain_uuid, cdr_uuid) DO NOTHING
      RETURNING *
    ), named AS (
      INSERT INTO cdr_ids (domain_uuid, id, cdr_uuid)
      SELECT domain_uuid, leg.id, cdr_uuid
      FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS leg (domain_uuid, cdr_uuid, id)
      JOIN written USING (domain_uuid, cdr_uuid)
      ON CONFLICT DO NOTHING  -- a record that was given twice
    ), named_by_phones AS (
      INSERT INTO cdr_sip_call_ids (domain_uuid, cdr_uuid, sip_call_id)
      SELECT DISTINCT domain_uuid, cdr_uuid, sip.call_id
      FROM unnest($5::uuid[], $6::uuid[], $7::text[]) AS sip (domain_uuid, cdr_uuid, call_id)
      JOIN written USING (domain_uuid, cdr_uuid)
    ), joined AS (
      INSERT INTO cdr_participants (domain_uuid, number, time_started, cdr_uuid)
      SELECT DISTINCT domain_uuid, party.number, time_started, cdr_uuid
      FROM unnest($12::uuid[], $13::uuid[], $14::text[]) AS party (domain_uuid, cdr_uuid, number)
      JOIN written USING (domain_uuid, cdr_uuid)
    ), recorded AS (
      {recordings}
    ), local AS (
      SELECT written.*, day, hour
      FROM written
      JOIN unnest($8::uuid[], $9::uuid[], $10::date[], $18::smallint[])
             AS known (domain_uuid, cdr_uuid, day, hour)
        USING (domain_uuid, cdr_uuid)
    ), counted AS (
      INSERT INTO cdr_days (domain_uuid, day, direction, status, calls)
      SELECT domain_uuid, day, direction, status, count(*)
      FROM local
      GROUP BY domain_uuid, day, direction, status
      ORDER BY domain_uuid, day, direction, status  -- transactions lock counts in one order
      ON CONFLICT (domain_uuid, day, direction, status)
        DO UPDATE SET calls = cdr_days.calls + excluded.calls
    ), figures AS MATERIALIZED ({figures}
    ), days AS ({days}
    ), hours AS ({hours}
    )
    SELECT cdr_uuid FROM written
""".format(  # noqa: S608 names of the struct's fields
    columns=", ".join(STORED),
    given=", ".join(f"given.{name}" for name in STORED),
    longest=_LONGEST_ID,
    recordings=recordings.upsert("$11"),
    figures=report_counts.counted("local"),
    days=report_counts.added("report_days", "figures"),
    hours=report_counts.added("report_hours", "figures"),
)


async def insert_many(tx: db.Tx, records: Sequence[cdr.Cdr]) -> set[UUID]:
    """Writes the records, their recordings, the ids that find them, and the counts of their days.
    Returns the cdr_uuids that were new.

    Records that exist stay unchanged: repeats are harmless. A recording gets the given state,
    unless it was ready or deleted already.
    """
    if not records:
        return set()
    legs = [
        (record.domain_uuid, record.cdr_uuid, uuid)
        for record in records
        for uuid in _ids_of_rows(record)
    ]
    sip = {(each.domain_uuid, each.cdr_uuid): _other_sip_call_ids(each) for each in records}
    others = [(*key, texts[0]) for key, texts in sip.items() if texts]
    further = [(*key, text) for key, texts in sip.items() for text in texts[1:]]
    parties = [
        (record.domain_uuid, record.cdr_uuid, party.canonical)
        for record in records
        for party in record.participants
    ]
    recorded = {
        each.recording.recording_uuid: each.recording for each in records if each.recording
    }
    *days, hours = _columns(await _local(tx, records), 4)
    rows = await tx.fetch(
        _INSERT,
        msgspec.json.encode(records).decode(),
        *_columns(legs),
        *_columns(further),
        *days,
        msgspec.json.encode(list(recorded.values())).decode(),
        *_columns(parties),
        *_columns(others),
        hours,
    )
    return {row["cdr_uuid"] for row in rows}


def _ids_of_rows(record: cdr.Cdr) -> set[UUID]:
    """The ids that need a row to find the record: not its own, nor a `call_id` of its moment."""
    found = {record.cdr_uuid}
    if ids.millisecond(record.call_id) == ids.millisecond(record.cdr_uuid):
        found.add(record.call_id)
    return {record.call_id, *record.other_ids} - found


def _other_sip_call_ids(record: cdr.Cdr) -> list[str]:
    """Those of its other legs, none longer than _LONGEST_ID."""
    texts = {*record.other_sip_call_ids} - {"", record.sip_call_id}
    return sorted(text for text in texts if len(text) <= _LONGEST_ID)


async def _local(tx: db.Tx, records: Sequence[cdr.Cdr]) -> list[tuple[UUID, UUID, date, int]]:
    """The local day and hour of each record, in the time zone of its domain; this transaction
    locks the zone: meanwhile `domains.update` recounts no days.
    """
    rows = await tx.fetch(
        "SELECT domain_uuid, time_zone FROM domains WHERE domain_uuid = ANY($1) FOR KEY SHARE",
        list({record.domain_uuid for record in records}),
    )
    zones = {row["domain_uuid"]: ZoneInfo(row["time_zone"]) for row in rows}
    return [
        (
            one.domain_uuid,
            one.cdr_uuid,
            local_days.day(one.time_started, zone),
            local_days.hour(one.time_started, zone),
        )
        for one in {one.cdr_uuid: one for one in records}.values()
        if (zone := zones.get(one.domain_uuid))
    ]


def _columns(
    rows: Sequence[tuple[UUID | str | date | int, ...]], count: int = 3
) -> tuple[list[UUID | str | date | int], ...]:
    """The columns of the rows, `count` of them."""
    return tuple([row[n] for row in rows] for n in range(count))


async def talked_out(tx: db.Tx, domain_uuid: UUID, since: datetime) -> int:
    """The seconds of talk by legs on trunks, of the domain's calls that began since then."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT coalesce(sum(seconds_out), 0)::bigint FROM cdrs
        WHERE domain_uuid = $1 AND time_started >= $2
        """,
        domain_uuid,
        since,
    )


async def known(tx: db.Tx, keys: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """Those of the given calls (domain_uuid, call_uuid) that have a record: one of their own, or
    that of the call that they became part of.
    """
    rows = await tx.fetch(
        """
        SELECT asked.id FROM unnest($1::uuid[], $2::uuid[]) AS asked (domain_uuid, id)
        WHERE EXISTS (
          SELECT FROM cdrs WHERE cdrs.domain_uuid = asked.domain_uuid AND cdr_uuid = asked.id
        ) OR EXISTS (
          SELECT FROM cdr_ids
          WHERE cdr_ids.domain_uuid = asked.domain_uuid AND cdr_ids.id = asked.id
        )
        """,
        [domain_uuid for domain_uuid, _ in keys],
        [call_uuid for _, call_uuid in keys],
    )
    return {row["id"] for row in rows}
