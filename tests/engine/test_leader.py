"""One engine leads a switch: while its database is away, until another has taken over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.until import until
from tongdai import errors
from tongdai.engine import leader
from tongdai.engine.leader import Leader
from tongdai.store import server

NODE = "switch-1"


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[server.Server]:
    """A PostgreSQL of this test's own, to be stopped and started."""
    monkeypatch.setattr(leader, "RETRY_S", 0.01)
    running = await server.start(tmp_path / "postgres", {"fsync": "off"})
    yield running
    await running.stop()


async def test_one_leads_and_the_other_follows_when_it_has_gone(running: server.Server) -> None:
    first, second = Leader(running.dsn, NODE), Leader(running.dsn, NODE)
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
    leading = Leader(running.dsn, NODE)
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
        other = Leader(again.dsn, NODE)
        assert not await other._leads()
        assert not lost.done()
        await other.release()
    finally:
        lost.cancel()
        await leading.release()
        await again.stop()
