"""A database that hangs is told from one that takes its time, whatever is being asked of it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from testbed.proxy import Proxy
from testbed.until import until
from tests import hanging
from tongdai import errors
from tongdai.store import db
from tongdai.store.health_probe import HealthProbe

FOR_EVER = asyncio.Event()


@pytest.fixture
async def way(dsn: str) -> AsyncIterator[tuple[Proxy, str]]:
    async with hanging.before(dsn) as way:
        yield way


@pytest.fixture
def between(way: tuple[Proxy, str]) -> Proxy:
    return way[0]


@pytest.fixture
async def health_probe(way: tuple[Proxy, str]) -> AsyncIterator[HealthProbe]:
    """Of the database behind the proxy; it has been felt once."""
    health_probe = HealthProbe(way[1])
    watching = asyncio.create_task(health_probe.run())
    await until(lambda: health_probe._tx)
    yield health_probe
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def waits(health_probe: HealthProbe) -> None:
    async with health_probe.while_healthy():
        await FOR_EVER.wait()


async def is_silent(health_probe: HealthProbe) -> bool:
    try:
        async with health_probe.while_healthy():
            return False
    except errors.Unavailable:
        return True


async def beats(health_probe: HealthProbe) -> bool:
    return not await is_silent(health_probe)


async def test_whatever_waits_for_a_database_that_hangs_is_given_up(
    health_probe: HealthProbe, between: Proxy
) -> None:
    waiting = [asyncio.create_task(waits(health_probe)) for _ in range(3)]
    between.hang()
    ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [errors.Unavailable] * 3
    assert await is_silent(health_probe)  # and nothing more is begun
    assert not health_probe._waiting


async def test_once_it_answers_again_it_is_asked_again(
    health_probe: HealthProbe, between: Proxy
) -> None:
    for _ in range(2):
        between.hang()
        await until(lambda: is_silent(health_probe))
        between.flow()
        await until(lambda: beats(health_probe))


async def test_a_way_that_leads_nowhere_any_more_is_left_for_another(
    health_probe: HealthProbe, between: Proxy
) -> None:
    """As after a fail-over: nothing ever comes on the old connection."""
    between.hang()
    await until(lambda: is_silent(health_probe))
    old = health_probe._tx
    await until(lambda: health_probe._tx is not old)
    between.flow()
    await until(lambda: beats(health_probe))


async def test_a_postgresql_that_is_away_is_not_silent(
    health_probe: HealthProbe, between: Proxy
) -> None:
    """Whoever asks is told so at once by itself."""
    for _ in range(3):
        before = health_probe._tx
        between.reset()
        await until(lambda before=before: health_probe._tx not in (None, before))  # type: ignore[misc]
        assert not await is_silent(health_probe)


async def test_a_slow_query_has_its_time(
    health_probe: HealthProbe, way: tuple[Proxy, str]
) -> None:
    single = db.Database(way[1], size=1)
    await single.open()
    async with health_probe.while_healthy(), single.connection() as tx:
        assert await tx.fetchval("SELECT 1 FROM pg_sleep(1.5)") == 1
    await single.close()


async def test_its_own_time_out_is_none_of_the_pulses(health_probe: HealthProbe) -> None:
    with pytest.raises(TimeoutError):
        async with health_probe.while_healthy(), asyncio.timeout(0):
            await FOR_EVER.wait()
    assert not await is_silent(health_probe)


async def test_who_leaves_is_not_told_of_the_database(
    health_probe: HealthProbe, between: Proxy
) -> None:
    waiting = asyncio.create_task(waits(health_probe))
    await until(lambda: health_probe._waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not health_probe._waiting


async def test_a_backend_that_stands_still_is_silence_until_another_answers(
    health_probe: HealthProbe,
) -> None:
    assert health_probe._tx
    still = health_probe._tx.get_server_pid()
    os.kill(still, signal.SIGSTOP)
    try:
        await until(lambda: is_silent(health_probe))
        await until(lambda: beats(health_probe))
    finally:
        os.kill(still, signal.SIGCONT)
