"""Call detail records on a real PostgreSQL."""

from typing import cast
from uuid import UUID

import msgspec
import pytest

from testbed.samples import record, recorded
from tongdai import errors, ids
from tongdai.pbx import cdr, directory
from tongdai.store import cdr_search, cdrs, db


async def days(database: db.Database, domain: directory.Domain) -> list[tuple[str, int, str, int]]:
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT day, direction, status, calls FROM cdr_days WHERE domain_uuid = $1 ORDER BY "
            "day, direction, status",
            domain.domain_uuid,
        )
    return [(str(row["day"]), row["direction"], row["status"], row["calls"]) for row in rows]


async def write(database: db.Database, *records: cdr.Cdr) -> set[UUID]:
    async with database.transaction() as tx:
        return await cdrs.insert_many(tx, records)


async def test_a_record_comes_back_as_it_was_written(
    database: db.Database, domain: directory.Domain
) -> None:
    written = recorded(domain.domain_uuid)

    assert {written.cdr_uuid} == await write(database, written)
    async with database.connection() as tx:
        assert written == await cdr_search.get(tx, domain.domain_uuid, str(written.cdr_uuid))


async def test_each_field_stands_in_the_column_of_its_name(
    database: db.Database, domain: directory.Domain
) -> None:
    """Every text field says its own name: two that change places, anywhere, are seen."""
    texts = {
        field.name: field.name
        for field in msgspec.structs.fields(cdr.Cdr)
        if field.type in (str, str | None)
    }
    written = record(domain.domain_uuid, **texts)
    await write(database, written)

    async with database.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM cdrs WHERE cdr_uuid = $1", written.cdr_uuid)
        found = await cdr_search.get(tx, domain.domain_uuid, str(written.cdr_uuid))
    assert len(texts) > 10
    assert row
    assert {name: row[name] for name in texts} == texts
    assert found == written


async def test_the_order_of_the_structs_fields_is_of_no_account(
    database: db.Database, domain: directory.Domain
) -> None:
    written = recorded(domain.domain_uuid)
    fields = msgspec.structs.asdict(written)
    turned = msgspec.defstruct("Turned", [(name, type(fields[name])) for name in reversed(fields)])
    await write(database, cast("cdr.Cdr", turned(**fields)))

    async with database.connection() as tx:
        found = await cdr_search.get(tx, domain.domain_uuid, str(written.cdr_uuid))
    assert found == written


async def test_writing_twice_changes_and_counts_nothing(
    database: db.Database, domain: directory.Domain
) -> None:
    first, second = record(domain.domain_uuid), record(domain.domain_uuid)
    await write(database, first)

    assert {second.cdr_uuid} == await write(database, first, second)
    assert set() == await write(database, first, second)
    third = record(domain.domain_uuid)
    assert {third.cdr_uuid} == await write(database, third, third)
    assert await days(database, domain) == [("2021-02-17", 3, "ANSWERED", 3)]


async def test_days_are_those_of_the_domains_clock(
    database: db.Database, domain: directory.Domain
) -> None:
    await write(
        database,
        record(domain.domain_uuid, "2021-02-17 23:59:59"),
        record(domain.domain_uuid, "2021-02-18 00:00:00"),
        record(domain.domain_uuid, "2021-02-18 06:59:59", direction=2, status="BUSY"),
        record(domain.domain_uuid, "2021-02-18 07:00:00"),
    )

    assert await days(database, domain) == [
        ("2021-02-17", 3, "ANSWERED", 1),
        ("2021-02-18", 2, "BUSY", 1),
        ("2021-02-18", 3, "ANSWERED", 2),
    ]


async def test_a_rollback_leaves_neither_record_nor_count(
    database: db.Database, domain: directory.Domain
) -> None:
    lost = record(domain.domain_uuid)
    with pytest.raises(errors.Unavailable):
        async with database.transaction() as tx:
            await cdrs.insert_many(tx, [lost])
            raise errors.Unavailable

    assert await days(database, domain) == []


async def test_a_monstrous_call_id_stands_in_nobodys_way(
    database: db.Database, domain: directory.Domain
) -> None:
    monster = "".join(str(ids.new()) for _ in range(100))
    written = record(domain.domain_uuid, sip_call_id=monster, other_sip_call_ids=(monster[::-1],))

    assert {written.cdr_uuid} == await write(database, written)
