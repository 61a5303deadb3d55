"""Call detail records as a client of version 3 asks for them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from testbed.samples import record, recorded
from tests.api.conftest import Client, Tenant
from tongdai import ids
from tongdai.dialects import v3
from tongdai.pbx import cdr
from tongdai.store import cdrs, db


async def write(database: db.Database, *records: cdr.Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


@pytest.fixture
async def calls(database: db.Database, tenant: Tenant) -> Sequence[cdr.Cdr]:
    """Four calls, newest first."""
    domain = tenant.domain.domain_uuid
    records = [
        record(domain, "2021-02-20 08:00:00", extension="102", direction=2, hotline="18001000"),
        record(domain, "2021-02-19 23:59:59", status="CANCEL", time_answered=None),
        record(
            domain, "2021-02-18 17:20:58", status="BUSY", time_answered=None, billsec=0, duration=7
        ),
        recorded(domain, "2021-02-17 17:30:35"),
    ]
    await write(database, *records)
    return records


async def listed(client: Client, calls: Sequence[cdr.Cdr], query: str) -> list[int]:
    """The places of the listed calls in `calls`."""
    answer = (await client.get(f"/v3/cdr?{query}")).json
    places = {str(one.cdr_uuid): place for place, one in enumerate(calls)}
    return [places[one["id"]] for one in answer["data"]]


FILTERS = {
    "": [0, 1, 2, 3],
    "status=answered": [0, 3],
    "status=ANSWERED&status=busy": [0, 2, 3],
    "status=busy-line": [2],
    "status[]=busy&status[]=cancel": [1, 2],
    "status=on-the-moon": [],
    "status=on-the-moon&status=busy": [2],
    "status=phone-block": [],
    "status=": [0, 1, 2, 3],
    "extension=102": [0],
    "extension=101&extension=102": [0, 1, 2, 3],
    "direction=inbound": [0],
    "direction=inbound&direction=3": [0, 1, 2, 3],
    "duration=7": [2],
    "min_duration=8": [0, 1, 3],
    "hotline=18001000": [0],
    "phone=0899888999&status=busy": [2],
    "start_date=2021-02-18T17:20:58Z": [0, 1, 2],
    "start_date=2021-02-18T17:20:59Z": [0, 1],
    "end_date=2021-02-18T17:20:58Z": [2, 3],
    "start_date=2021-02-18T10:20:59%2B00:00": [0, 1],
    "start_date=2021-02-18 17:20:58&end_date=2021-02-19": [1, 2],
    "start_date_ended=2021-02-19T23:59:59Z": [0, 1],
    "some_unknown=1&app=dial&campaign_uuid=": [0, 1, 2, 3],
}


@pytest.mark.parametrize("query", FILTERS)
async def test_every_filter(client: Client, calls: Sequence[cdr.Cdr], query: str) -> None:
    assert await listed(client, calls, query) == FILTERS[query]


PARTS = {
    "": ([0, 1, 2, 3], 10_000, 0),
    "limit=0": ([0, 1, 2, 3], 10_000, 0),
    "limit=-1": ([0, 1, 2, 3], 10_000, 0),
    "limit=99999999999999999999": ([0, 1, 2, 3], 10_000, 0),
    "limit=": ([0, 1, 2, 3], 10_000, 0),
    "limit=2": ([0, 1], 2, 0),
    "limit=2&page=2": ([2, 3], 2, 2),
    "limit=2&offset=1": ([1, 2], 2, 1),
    "limit=2&offset=1&page=9": ([1, 2], 2, 1),
    "limit=2&offset=0&page=2": ([0, 1], 2, 0),
    "offset=3": ([3], 10_000, 3),
    "offset=4": ([], 10_000, 4),
    "limit=0&offset=1000000000000": ([], 10_000, 10**12),
}


@pytest.mark.parametrize("query", PARTS)
async def test_every_part(client: Client, calls: Sequence[cdr.Cdr], query: str) -> None:
    places, limit, offset = PARTS[query]
    answer = (await client.get(f"/v3/cdr?{query}")).json

    assert list(answer) == ["data", "limit", "offset", "total"]
    assert (answer["limit"], answer["offset"], answer["total"]) == (limit, offset, 4)
    assert await listed(client, calls, query) == places


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=--1", "limit"),
        ("page=0", "page"),
        ("offset=-1", "offset"),
        ("start_date=yesterday", "start_date"),
        ("direction=sideways", "direction"),
    ],
)
async def test_what_cannot_be_read_is_named(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/v3/cdr?{query}", expect=422)
    assert (answer.json["error"], answer.json["field"]) == ("INVALID_FIELD", field)


async def test_one_call_is_the_same_flat_row(client: Client, calls: Sequence[cdr.Cdr]) -> None:
    rows = (await client.get("/v3/cdr")).json["data"]
    for one, row in zip(calls, rows, strict=True):
        assert set(row) == set(v3.CallRow.__struct_fields__)
        for name in (one.cdr_uuid, one.call_id, one.sip_call_id):
            found = await client.get(f"/v3/cdr/{quote(str(name), safe='')}")
            assert found.json == row
    for name in (str(ids.new()), "nobody@phone", "%00", "%ff"):
        answer = await client.get(f"/v3/cdr/{name}", expect=404)
        assert answer.json["error"] == "NOT_FOUND"


# --- more rows than are sent together

MANY = 777


@pytest.fixture
async def many(database: db.Database, tenant: Tenant) -> list[str]:
    """The ids of so many calls, newest first; three begin at the same moment."""
    start = datetime.fromisoformat("2021-02-17 00:00:00")
    records = [
        record(
            tenant.domain.domain_uuid,
            str(start + timedelta(seconds=place // 3)),
            extension="101" if place % 2 else "102",
        )
        for place in range(MANY)
    ]
    await write(database, *records)
    records.sort(key=lambda one: (one.time_started, one.cdr_uuid), reverse=True)
    return [str(one.cdr_uuid) for one in records]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("query", "first", "end"),
    [
        ("", 0, MANY),
        ("limit=0&offset=5", 5, MANY),
        ("limit=600", 0, 600),
        ("limit=250", 0, 250),
        ("limit=251", 0, 251),
        ("limit=500&offset=1", 1, 501),
    ],
)
async def test_all_come_in_order_and_once(
    client: Client, many: list[str], *, query: str, first: int, end: int, encoding: str
) -> None:
    headers = {"Accept-Encoding": encoding}
    answer = (await client.get(f"/v3/cdr?{query}", headers=headers)).json

    assert [one["id"] for one in answer["data"]] == many[first:end]
    assert list(answer) == ["data", "limit", "offset", "total"]
    assert (answer["offset"], answer["total"]) == (first, MANY)


async def test_filters_hold_for_every_piece(client: Client, many: list[str]) -> None:
    answer = (await client.get("/v3/cdr?extension=102")).json
    assert answer["total"] == len(answer["data"]) == (MANY + 1) // 2
    assert {one["extension"] for one in answer["data"]} == {"102"}


async def test_the_head_alone(client: Client, many: list[str]) -> None:
    answer = await client.ask("HEAD", "/v3/cdr")
    assert (answer.body, answer.headers["Content-Type"]) == (b"", "application/json")


async def test_a_slow_client_keeps_no_connection_to_the_database(
    client: Client, many: list[str]
) -> None:
    """More of them than there are connections, each of which has read the first bytes."""
    session, headers = client._session, {"Authorization": f"Bearer {client.token}"}
    slow = [
        await session.get("/v3/cdr", headers=headers | {"Accept-Encoding": "identity"})
        for _ in range(12)
    ]
    for answer in slow:
        assert (await answer.content.readexactly(9)) == b'{"data":['
    async with asyncio.timeout(5):
        await client.get("/v1/cdr")
    for answer in slow:
        body: Any = msgspec.json.decode(b'{"data":[' + await answer.read())
        assert len(body["data"]) == MANY
