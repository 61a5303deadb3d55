"""Scenarios of the chaos suite in short: tongdai is killed, frozen, restarted, or cannot write."""

from collections.abc import AsyncIterator

import pytest

from chaos import controller, disk, frozen, rolling, stand
from tests.e2e.promises import kept


@pytest.fixture(scope="module")
async def private() -> AsyncIterator[stand.Stand]:
    """One for all scenarios that leave it as they found it."""
    async with stand.private(4, recording=True) as made:
        yield made


async def test_callers_do_not_notice_a_killed_controller(private: stand.Stand) -> None:
    kept(
        await controller.run(
            private, controller.Size(kills=1, rate=3, talk_s=3, pause_s=0.5, repeats=False)
        )
    )


async def test_a_frozen_controller_does_not_hurt_sip(private: stand.Stand) -> None:
    kept(await frozen.run(private, frozen.Size(frozen_s=2, rate=4, talk_s=1)))


async def test_calls_go_on_while_nothing_can_be_written(private: stand.Stand) -> None:
    size = disk.Size(full_s=1, rate=4, talk_s=1)
    kept(await disk.run(private, size, disk.NO_FOLDER, is_full=False))


async def test_nobody_is_turned_away_while_two_are_restarted_by_turns() -> None:
    async with stand.given(is_up=False) as on:
        kept(await rolling.run(on, rolling.Size(stops=2, requests=20, rate=3, talk_s=3)))
