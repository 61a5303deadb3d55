"""Lists of call detail records as a file: NDJSON and CSV, of any length."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from testbed.samples import record
from testbed.until import until
from tests.api.conftest import Client, Tenant, move_in, serve
from tongdai import api
from tongdai.api import cdr_files, cdr_parts
from tongdai.dialects import v1
from tongdai.encryption import MasterKey
from tongdai.pbx import cdr
from tongdai.store import cdrs, db

MANY = 2 * cdr_parts.AT_A_TIME + 3
KINDS = ("application/x-ndjson", "text/csv")
LONG = "x" * 20_000
END = b"0\r\n\r\n"  # of a chunked body that is whole (RFC 9112 §7.1)


@pytest.fixture
async def calls(database: db.Database, tenant: Tenant) -> list[cdr.Cdr]:
    """Several parts of records, newest first; one with further parties."""
    first = datetime(2026, 11, 2, 3, tzinfo=UTC)
    party = cdr.Participant(number="102", canonical="102", time_started=first, seconds=5)
    records = [
        record(
            tenant.domain.domain_uuid,
            str((first - timedelta(minutes=n)).replace(tzinfo=None)),
            status="BUSY" if n % 100 else "ANSWERED",
            customer_id="=1+1" if n == 1 else "Nguyễn, Ánh",
            participants=(party,) if n == 2 else (),
        )
        for n in range(MANY)
    ]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)
    return records


async def as_file(client: Client, kind: str) -> bytes:
    answer = await client.get("/v1/cdr", headers={"Accept": kind})
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    return answer.body


async def scrolled(client: Client) -> list[dict[str, object]]:
    found, scroll_id = [], ""
    while True:
        page = (await client.get(f"/v1/cdr?limit=500&scroll_id={scroll_id}")).json
        found += page["data"]
        if not (scroll_id := page["scroll_id"]):
            return found


async def test_ndjson_has_the_records_of_the_scroll(tenant: Tenant, calls: list[cdr.Cdr]) -> None:
    lines = (await as_file(tenant.client, cdr_files.NDJSON)).splitlines()

    assert len(lines) == len(calls)
    assert [msgspec.json.decode(line) for line in lines] == await scrolled(tenant.client)


async def test_csv_has_the_records_of_the_scroll(tenant: Tenant, calls: list[cdr.Cdr]) -> None:
    text = (await as_file(tenant.client, cdr_files.CSV)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))

    assert list(rows[0]) == list(v1.CallRecord.__struct_fields__)
    assert [row["id"] for row in rows] == [one["id"] for one in await scrolled(tenant.client)]
    assert rows[0]["customer_id"] == "Nguyễn, Ánh"
    assert rows[1]["customer_id"] == "'=1+1"
    assert [one["number"] for one in msgspec.json.decode(rows[2]["participants"])] == ["102"]
    assert len(calls) == len(rows)


@pytest.mark.parametrize("kind", KINDS)
async def test_filters_and_the_total(tenant: Tenant, calls: list[cdr.Cdr], kind: str) -> None:
    answered = [one for one in calls if one.status == "ANSWERED"]
    answer = await tenant.client.get("/v1/cdr?status=ANSWERED", headers={"Accept": kind})

    assert answer.headers[cdr_files.TOTAL] == str(len(answered))
    assert all(str(one.cdr_uuid).encode() in answer.body for one in answered)
    assert answer.body.count(b"\n") == len(answered) + (kind == cdr_files.CSV)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_list(tenant: Tenant, kind: str) -> None:
    body = await as_file(tenant.client, kind)
    assert body.count(b"\n") == (kind == cdr_files.CSV)


@pytest.mark.parametrize("part", ["page=1", "limit=10", "offset=5", "scroll_id="])
async def test_a_file_has_all_of_the_list(tenant: Tenant, part: str) -> None:
    refused = await tenant.client.get(
        f"/v1/cdr?{part}", headers={"Accept": cdr_files.CSV}, expect=422
    )
    assert refused.json["field"] == part.partition("=")[0]


async def test_head_tells_the_total_only(tenant: Tenant, calls: list[cdr.Cdr]) -> None:
    answer = await tenant.client.ask("HEAD", "/v1/cdr", headers={"Accept": cdr_files.NDJSON})
    assert answer.headers[cdr_files.TOTAL] == str(len(calls))
    assert answer.body == b""


async def test_another_domain_has_its_own(
    database: db.Database, master_key: MasterKey, tenant: Tenant, calls: list[cdr.Cdr]
) -> None:
    other = await move_in(database, master_key, tenant.client._session)
    assert calls
    assert await as_file(other.client, cdr_files.NDJSON) == b""


# --- readers that take their time: a file is longer than what sockets hold


class Slow(msgspec.Struct):
    """A server of its own, and a client of it that has 10 MB of records."""

    url: str
    client: Client

    @asynccontextmanager
    async def file(self) -> AsyncIterator[asyncio.StreamReader]:
        """A file of which only the head was read so far."""
        port = int(self.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        try:
            writer.write(
                b"GET /v1/cdr HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n"
                b"Authorization: Bearer %b\r\n\r\n" % self.client.token.encode()
            )
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            yield reader
        finally:
            writer.transport.abort()

    async def status(self) -> int:
        """Of one more file."""
        headers = {"Accept": cdr_files.CSV}
        return (await self.client.ask("HEAD", "/v1/cdr", headers=headers, expect=None)).status

    async def is_(self, status: int) -> bool:
        return await self.status() == status


@asynccontextmanager
async def slow(
    database: db.Database, deps: api.Deps, tenant: Tenant, reader_s: float = 60
) -> AsyncIterator[Slow]:
    records = [record(tenant.domain.domain_uuid, customer_id=LONG) for _ in range(MANY)]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)
    timed = replace(deps, timing=api.Timing(reader_s=reader_s))
    async for url in serve(timed):
        async with aiohttp.ClientSession(url) as session:
            yield Slow(url, Client(session, tenant.client.token))


async def test_a_file_that_is_read_slowly_is_whole(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with slow(database, deps, tenant) as server, server.file() as reader:
        await asyncio.sleep(0.2)
        whole = b""
        while not whole.endswith(END):
            whole += await reader.read(2**16)
        assert whole.count(LONG.encode()) == MANY


async def test_a_domain_reads_few_files_at_a_time_and_one_that_was_left_is_none(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with slow(database, deps, tenant) as server, server.file():
        async with server.file():
            assert await server.status() == 429
        await until(lambda: server.is_(200))


async def test_a_reader_that_takes_nothing_gets_no_whole_file(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with slow(database, deps, tenant, reader_s=0.2) as server, server.file() as reader:
        async with server.file():
            await until(lambda: server.is_(200))
        assert not (await reader.read()).endswith(END)


async def test_a_file_ends_with_the_account(
    database: db.Database, deps: api.Deps, tenant: Tenant
) -> None:
    async with slow(database, deps, tenant) as server, server.file() as reader:
        async with database.connection() as tx:
            await tx.execute(
                "UPDATE users SET enabled = false WHERE domain_uuid = $1",
                tenant.domain.domain_uuid,
            )
        await until(lambda: server.is_(401))
        assert not (await reader.read()).endswith(END)
