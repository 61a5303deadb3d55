"""One engine leads a switch: while its database is away too, until another has taken over, with
the calls.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controller
from tongdai import errors
from tongdai.engine.leader import Leader
from tongdai.store import db, server

NODE = "switch-1"


def a_leader(dsn: str) -> Leader:
    return Leader(dsn, NODE, retry_s=0.01)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[server.Server]:
    """A PostgreSQL of this test's own, to be stopped and started."""
    running = await server.start(tmp_path / "postgres", {"fsync": "off"})
    yield running
    await running.stop()


async def test_one_leads_and_the_other_follows_when_it_has_gone(running: server.Server) -> None:
    first, second = a_leader(running.dsn), a_leader(running.dsn)
    await first.acquire()
    standing_by = asyncio.create_task(second.acquire())
    await until(lambda: second._held is not None)
    assert not standing_by.done()
    await first.release()
    await standing_by
    await first.lost()
    await first.release()
    await second.release()


async def test_nobody_loses_it_while_the_database_is_away(
    running: server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading = a_leader(running.dsn)
    await leading.acquire()
    lost, tried, try_ = asyncio.create_task(leading.lost()), 0, leading._try

    async def counted() -> bool:
        nonlocal tried
        try:
            return await try_()
        except errors.Unavailable:
            tried += 1
            raise

    monkeypatch.setattr(leading, "_try", counted)
    await running.stop()
    await until(lambda: tried >= 3)
    assert not lost.done()

    again = await server.start(tmp_path / "postgres", {"fsync": "off"})
    try:
        await until(lambda: leading._held is not None and not leading._held.is_closed())
        other = a_leader(again.dsn)
        assert not await other._leads()
        assert not lost.done()
        await other.release()
    finally:
        lost.cancel()
        await leading.release()
        await again.stop()


async def kill(leading: Leader, dsn: str) -> None:
    """Its connection breaks, as when its machine dies or a firewall forgets it."""
    assert leading._held
    other = await db.connect(dsn)
    assert await other.fetchval(
        "SELECT pg_terminate_backend($1, 5000)", leading._held.get_server_pid()
    )
    await other.close()


async def test_a_standby_leads_when_the_leaders_connection_has_died(
    running: server.Server,
) -> None:
    first, second = a_leader(running.dsn), a_leader(running.dsn)
    await first.acquire()
    standing_by = asyncio.create_task(second.acquire())
    await until(lambda: second._held is not None)
    await kill(first, running.dsn)
    await standing_by
    async with asyncio.timeout(5):
        await first.lost()
    await first.release()
    await second.release()


async def test_who_leads_goes_on_leading_over_a_new_connection(running: server.Server) -> None:
    leading = a_leader(running.dsn)
    await leading.acquire()
    lost, before = asyncio.create_task(leading.lost()), leading._held
    await kill(leading, running.dsn)
    await until(lambda: leading._held is not before)
    assert not lost.done()
    other = a_leader(running.dsn)
    assert not await other._leads()
    for each in (other, leading):
        await each.release()
    lost.cancel()


async def test_a_standby_whose_connection_dies_stands_by_again(running: server.Server) -> None:
    first, second = a_leader(running.dsn), a_leader(running.dsn)
    await first.acquire()
    standing_by = asyncio.create_task(second.acquire())
    for _ in range(3):
        await until(lambda: second._held is not None and not second._held.is_closed())
        await kill(second, running.dsn)
    assert not standing_by.done()
    await first.release()
    await standing_by
    await second.release()


async def test_leaders_of_different_switches_do_not_wait_for_each_other(
    running: server.Server,
) -> None:
    first, second = a_leader(running.dsn), Leader(running.dsn, "switch-2")
    await first.acquire()
    await second.acquire()
    await first.release()
    await second.release()


async def test_the_standby_takes_the_calls_over_and_the_other_lets_go(
    running: server.Server,
    database: db.Database,
    asterisk: FakeAsterisk,
    company: Company,
    tmp_path: Path,
) -> None:
    """The leader has lost its lock but not its link; the talk that it began ends under the
    other.
    """
    first, second = a_leader(running.dsn), a_leader(running.dsn)
    before, after = (
        Controller(database, asterisk, tmp_path),
        Controller(database, asterisk, tmp_path),
    )
    await first.acquire()
    await before.start()
    customer = await asterisk.arrives(company.trunk, HOTLINE)
    await asterisk.expect(f"POST channels/{customer}/continue")
    phone = await asterisk.rings(customer, company.phone("101"), answers=True)
    await before.quiet()

    standing_by = asyncio.create_task(second.acquire())
    await until(lambda: second._held is not None)
    await kill(first, running.dsn)
    await standing_by
    await after.start()
    with pytest.raises(errors.SetupError):
        await before.steers()
    await before.kill()
    assert (asterisk.connections, asterisk.replaced) == (2, 1)

    await asterisk.hangs_up(customer)
    await asterisk.ends(phone)
    await after.has_nothing_left(company)
    assert await company.told() == ["ringing 101", "answered 101", "hangup 101", "cdr 101"]
    assert (await company.cdr())["status"] == "ANSWERED"
    await after.kill()
    await first.release()
    await second.release()
