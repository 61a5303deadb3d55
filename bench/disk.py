"""The disk that a recorded call takes: its record with ids, indexes and counts (P5), and the row
of its recording.

    python -m bench disk --records 60000

The calls of a year, one domain, written in their order, 20 a transaction: 300 extensions, a
million numbers and durations up to 600 seconds, the low ones frequent; an eighth local, three
eighths inbound, half outbound; two SIP Call-IDs of 60 characters each. The issue's measure of
before is 1,800 bytes without the recording.
"""

import asyncio
import random
import secrets
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from bench.report import table
from tongdai import ids
from tongdai.pbx import cdr, recording
from tongdai.store import cdrs, db, domains, migrate, server

RECORDS, AT_ONCE = 60_000, 20
BEFORE = 1_800  # bytes
YEAR = timedelta(days=365)


def main(records: int = RECORDS) -> None:
    """Prints the table."""
    asyncio.run(_run(records))


async def _run(records: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-bench-") as folder:
        running = await server.start(Path(folder) / "postgres", {"fsync": "off"})
        try:
            await migrate.apply(running.dsn)
            database = db.Database(running.dsn, size=1)
            await database.open()
            await _fill(database, records)
            sizes = await _sizes(database)
            await database.close()
        finally:
            await running.stop()
    _report({name: size / records for name, size in sizes.items()})


async def _fill(database: db.Database, records: int) -> None:
    chance = random.Random(5)  # noqa: S311
    async with database.transaction() as tx:
        domain_uuid = (await domains.insert(tx, "bench.vn")).domain_uuid
    first = datetime.now(UTC) - YEAR
    for start in range(0, records, AT_ONCE):
        batch = [
            _call(chance, domain_uuid, first + YEAR * (start + n) / records)
            for n in range(AT_ONCE)
        ]
        async with database.transaction() as tx:
            await cdrs.insert_many(tx, batch)
    async with database.connection() as tx:
        await tx.execute("VACUUM ANALYZE")


def _call(chance: random.Random, domain_uuid: UUID, at: datetime) -> cdr.Cdr:
    direction = chance.choice((1, 2, 2, 2, 3, 3, 3, 3))
    extension, other = (str(1000 + int(chance.random() ** 2 * 300)) for _ in range(2))
    phone, hotline = f"9{int(chance.random() ** 2 * 1e6):08}", f"190019{chance.randrange(20):02}"
    caller, called = {
        1: (extension, other),
        2: (f"0{phone}", hotline),
        3: (hotline, f"0{phone}"),
    }[direction]
    call_uuid, seconds = ids.new(at), int(chance.random() ** 2 * 600)
    leg, answered = ids.derived(call_uuid, "2"), at + timedelta(seconds=chance.randrange(3, 20))
    ended = answered + timedelta(seconds=seconds)
    return cdr.Cdr(
        domain_uuid=domain_uuid,
        cdr_uuid=call_uuid,
        call_id=leg if direction == 2 else call_uuid,
        sip_call_id=secrets.token_hex(30),
        direction=direction,
        status="ANSWERED",
        cause="NORMAL_CLEARING",
        extension=extension,
        from_number=caller,
        to_number=called,
        from_canonical=f"84{phone}" if direction == 2 else caller,
        to_canonical=f"84{phone}" if direction == 3 else called,
        hotline="" if direction == 1 else hotline,
        receive_dest="600" if direction == 2 else "",
        customer_id="",
        time_started=at,
        time_answered=answered,
        time_ended=ended,
        duration=int((ended - at).total_seconds()),
        billsec=seconds,
        hangup_by=chance.choice(("caller", "callee")),
        seconds_out=seconds if direction == 3 else 0,
        recording=_recording(domain_uuid, call_uuid, answered, seconds),
        time_ringing=at + timedelta(seconds=1),
        trunk="" if direction == 1 else "carrier-hn",
        other_ids=() if direction == 3 else (leg,),
        other_sip_call_ids=(secrets.token_hex(30),),
    )


def _recording(
    domain_uuid: UUID, call_uuid: UUID, at: datetime, seconds: int
) -> recording.Recording:
    return recording.Recording(
        domain_uuid=domain_uuid,
        cdr_uuid=call_uuid,
        recording_uuid=recording.main_uuid(call_uuid),
        token=secrets.token_urlsafe(24),
        status="ready",
        started_at=at,
        file_key=f"{domain_uuid}/{at:%Y/%m/%d}/{call_uuid}.wav",
        duration_s=float(seconds),
        size=seconds * 16_000,
    )


async def _sizes(database: db.Database) -> dict[str, int]:
    """The bytes of each table of records and index on one, by name."""
    async with database.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT relname, pg_relation_size(oid) AS size FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')
              AND relname ~ '^(cdrs?|recordings)(_|$)' AND pg_relation_size(oid) > 65536
            ORDER BY size DESC
            """
        )
    return {row["relname"]: row["size"] for row in rows}


def _report(sizes: dict[str, float]) -> None:
    record = sum(size for name, size in sizes.items() if name.startswith("cdr"))
    shown = [(name, f"{size:,.0f}") for name, size in sizes.items()]
    shown += [
        ("all of the record (P5)", f"{record:,.0f}"),
        (f"the same / {BEFORE:,} of before", f"{record / BEFORE:.2f}"),
        ("with the recording's row", f"{sum(sizes.values()):,.0f}"),
    ]
    table("Disk for a recorded call", ("", "bytes"), shown)
