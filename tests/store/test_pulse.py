"""A database that hangs is told from one that takes its time, whatever is being asked of it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from testbed.proxy import Proxy
from tests import hanging
from tests.until import until
from tongdai import errors
from tongdai.store import db
from tongdai.store.pulse import Pulse

FOR_EVER = asyncio.Event()


@pytest.fixture
async def way(dsn: str) -> AsyncIterator[tuple[Proxy, str]]:
    async with hanging.before(dsn) as way:
        yield way


@pytest.fixture
def between(way: tuple[Proxy, str]) -> Proxy:
    return way[0]


@pytest.fixture
async def pulse(way: tuple[Proxy, str]) -> AsyncIterator[Pulse]:
    """Of the database behind the proxy; it has been felt once."""
    pulse = Pulse(way[1])
    watching = asyncio.create_task(pulse.run())
    await until(lambda: pulse._tx)
    yield pulse
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def waits(pulse: Pulse) -> None:
    async with pulse.beating():
        await FOR_EVER.wait()


async def is_silent(pulse: Pulse) -> bool:
    try:
        async with pulse.beating():
            return False
    except errors.Unavailable:
        return True


async def beats(pulse: Pulse) -> bool:
    return not await is_silent(pulse)


async def test_whatever_waits_for_a_database_that_hangs_is_given_up(
    pulse: Pulse, between: Proxy
) -> None:
    waiting = [asyncio.create_task(waits(pulse)) for _ in range(3)]
    between.hang()
    ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [errors.Unavailable] * 3
    assert await is_silent(pulse)  # and nothing more is begun
    assert not pulse._waiting


async def test_once_it_answers_again_it_is_asked_again(pulse: Pulse, between: Proxy) -> None:
    for _ in range(2):
        between.hang()
        await until(lambda: is_silent(pulse))
        between.flow()
        await until(lambda: beats(pulse))


async def test_a_way_that_leads_nowhere_any_more_is_left_for_another(
    pulse: Pulse, between: Proxy
) -> None:
    """As after a fail-over: nothing ever comes on the old connection."""
    between.hang()
    await until(lambda: is_silent(pulse))
    old = pulse._tx
    await until(lambda: pulse._tx is not old)
    between.flow()
    await until(lambda: beats(pulse))


async def test_a_postgresql_that_is_away_is_not_silent(pulse: Pulse, between: Proxy) -> None:
    """Whoever asks is told so at once by itself."""
    for _ in range(3):
        before = pulse._tx
        between.reset()
        await until(lambda before=before: pulse._tx not in (None, before))  # type: ignore[misc]
        assert not await is_silent(pulse)


async def test_a_slow_query_has_its_time(pulse: Pulse, way: tuple[Proxy, str]) -> None:
    single = db.Database(way[1], size=1)
    await single.open()
    async with pulse.beating(), single.connection() as tx:
        assert await tx.fetchval("SELECT 1 FROM pg_sleep(1.5)") == 1
    await single.close()


async def test_its_own_time_out_is_none_of_the_pulses(pulse: Pulse) -> None:
    with pytest.raises(TimeoutError):
        async with pulse.beating(), asyncio.timeout(0):
            await FOR_EVER.wait()
    assert not await is_silent(pulse)


async def test_who_leaves_is_not_told_of_the_database(pulse: Pulse, between: Proxy) -> None:
    waiting = asyncio.create_task(waits(pulse))
    await until(lambda: pulse._waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not pulse._waiting


async def test_a_backend_that_stands_still_is_silence_until_another_answers(pulse: Pulse) -> None:
    assert pulse._tx
    still = pulse._tx.get_server_pid()
    os.kill(still, signal.SIGSTOP)
    try:
        await until(lambda: is_silent(pulse))
        await until(lambda: beats(pulse))
    finally:
        os.kill(still, signal.SIGCONT)
