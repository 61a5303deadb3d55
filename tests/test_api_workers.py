"""The API by several processes at one address."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from testbed.ports import server
from testbed.until import until
from tests.api.conftest import move_in
from tongdai import api_workers, errors
from tongdai.api_workers import Workers
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Domain
from tongdai.settings import Settings
from tongdai.store import db

SECRET = "a master key of thirty-two bytes."
START_S = 60.0  # of Python, twice, on a busy machine


class Site(msgspec.Struct, frozen=True):
    """Two workers, and how to reach them."""

    workers: Workers | None
    session: aiohttp.ClientSession
    database: db.Database

    async def status(self, path: str, token: str = "") -> int:
        """Asked by a connection of its own, which either worker may take."""
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        async with self.session.get(path, headers=headers) as answer:
            return answer.status

    async def served(self) -> dict[str, float]:
        """How many requests each worker has served."""
        async with self.session.get("/metrics", headers={"Connection": "close"}) as answer:
            families = text_string_to_metric_families(await answer.text())
        found: dict[str, float] = {}
        for family in families:
            for sample in family.samples:
                if sample.name == "tongdai_http_seconds_count" and "worker" in sample.labels:
                    worker = sample.labels["worker"]
                    found[worker] = found.get(worker, 0) + sample.value
        return found

    async def both_serve(self) -> bool:
        await asyncio.gather(*(self.status("/healthz") for _ in range(16)))
        served = await self.served()
        return len(served) == 2 and all(served.values())


@pytest.fixture
async def site(database: db.Database, tmp_path: Path) -> AsyncIterator[Site]:
    settings = msgspec.structs.replace(
        Settings(),
        data=tmp_path,
        dsn=database.dsn,
        secret=SECRET,
        http=server(),
        workers=2,
        rate_domain=1,
    )
    async with (
        api_workers.started(settings) as workers,
        aiohttp.ClientSession(f"http://{settings.http}") as session,
    ):
        tasks = [asyncio.create_task(one.run()) for one in workers.supervised]
        tasks.append(asyncio.create_task(workers.exchange_metrics()))
        try:
            yield Site(workers, session, database)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_both_serve_and_the_metrics_of_both_are_seen_at_either(site: Site) -> None:
    await until(site.both_serve, START_S)


async def test_the_limit_of_a_domain_holds_over_both(site: Site) -> None:
    await until(site.both_serve, START_S)
    tenant = await move_in(site.database, MasterKey(SECRET.encode()), site.session)
    clock = asyncio.get_running_loop().time
    began = clock()
    asked = [site.status("/v1/cdr", tenant.client.token) for _ in range(30)]
    statuses = await asyncio.gather(*asked)
    assert {*statuses} == {200, 429}
    assert 5 <= statuses.count(200) <= 5 + (clock() - began) + 1


async def test_who_is_disabled_is_refused_by_both(site: Site) -> None:
    await until(site.both_serve, START_S)
    tenant = await move_in(site.database, MasterKey(SECRET.encode()), site.session)
    for _ in range(4):
        assert await site.status("/v1/cdr", tenant.client.token) == 200
    await disabled(site.database, tenant.domain)

    async def all_refuse() -> bool:
        asked = [site.status("/v1/auth/me", tenant.client.token) for _ in range(8)]
        return {*await asyncio.gather(*asked)} <= {401, 404}

    await until(all_refuse)


async def disabled(database: db.Database, domain: Domain) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE users SET enabled = false WHERE domain_uuid = $1", domain.domain_uuid
        )


async def test_one_that_is_killed_is_replaced_and_the_other_serves_meanwhile(site: Site) -> None:
    await until(site.both_serve, START_S)
    assert site.workers
    first, other = site.workers.workers
    gone = first.pid
    os.kill(gone, 9)
    await until(lambda: first.pid != gone)
    assert await site.status("/healthz") == 200
    await until(site.both_serve, START_S)
    assert other.pid != first.pid


async def test_a_request_under_way_is_finished_when_they_stop(
    database: db.Database, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(
        Settings(), data=tmp_path, dsn=database.dsn, secret=SECRET, http=server(), workers=2
    )
    async with aiohttp.ClientSession(f"http://{settings.http}") as session:
        async with api_workers.started(settings) as workers:
            async with session.get("/healthz") as answer:
                assert answer.status == 200
            begun, rest = asyncio.Event(), asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b'{"api_key": '
                begun.set()
                await rest.wait()
                yield b'"unknown"}'

            asking = session.post(
                "/v1/auth/token",
                data=body(),
                headers={"Content-Type": "application/json"},
                expect100=True,  # the body is sent once it is read
            )
            asked = asyncio.ensure_future(asking)
            await begun.wait()
            stopping = [asyncio.create_task(one.stop()) for one in workers.workers]
            rest.set()
            assert (await asked).status == 401
            await asyncio.gather(*stopping)
        assert all(one._process.returncode == 0 for one in workers.workers)


async def test_the_command_starts_them_and_ends_them(
    database: db.Database, tmp_path: Path
) -> None:
    address = server()
    given = {"DATA": str(tmp_path), "DSN": database.dsn, "SECRET": SECRET, "HTTP": address}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "serve", "--role", "api", "--workers", "2"),
        env={**os.environ, **{f"TONGDAI_{name}": value for name, value in given.items()}},
    )
    try:
        async with aiohttp.ClientSession(f"http://{address}") as session:
            site = Site(None, session, database)
            await until(lambda: _is_up(site), START_S)
            await until(site.both_serve, START_S)
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        workers = [int(pid) for pid in listed.split()]
        assert len(workers) == 2
        process.terminate()
        assert await process.wait() == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _is_up(site: Site) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        return await site.status("/healthz") == 200
    return False


async def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    taken = server()
    host, _, port = taken.rpartition(":")
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), host, int(port))
    settings = msgspec.structs.replace(Settings(), data=tmp_path, http=taken, workers=2)
    with pytest.raises(errors.SetupError, match=taken):
        async with api_workers.started(settings):
            pass
    other.close()
    await other.wait_closed()
