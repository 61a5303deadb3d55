"""Each scenario of the chaos suite in short: what it promises, but for what depends on the speed
of the machine.
"""

from collections.abc import AsyncIterator, Sequence

import pytest

from chaos import asterisk, controller, disk, frozen, link, postgres, recordings, rolling, stand
from chaos.report import Figure

# tests that stand on the same fixture run in the same worker
on_private = pytest.mark.xdist_group("private")
on_given = pytest.mark.xdist_group("given")


@pytest.fixture(scope="module")
async def private() -> AsyncIterator[stand.Stand]:
    """One for all scenarios that leave it as they found it."""
    async with stand.private(4, recording=True) as made:
        yield made


@pytest.fixture(scope="module")
async def given() -> AsyncIterator[stand.Given]:
    """One whose PostgreSQL and Asterisk are behind proxies."""
    async with stand.given(4, recording=True) as made:
        yield made


def kept(figures: Sequence[Figure]) -> None:
    broken = [figure for figure in figures if not figure.is_kept and not figure.is_timed]
    assert not broken, figures


@on_private
async def test_callers_do_not_notice_a_killed_controller(private: stand.Stand) -> None:
    kept(
        await controller.run(
            private, controller.Size(kills=1, rate=3, talk_s=3, pause_s=0.5, repeats=False)
        )
    )


@on_given
async def test_calls_of_a_killed_asterisk_are_recorded_as_they_were(given: stand.Given) -> None:
    kept(await asterisk.run(given, asterisk.Size(kills=1, live=5, quiet_s=4)))


@on_private
async def test_a_frozen_controller_does_not_hurt_sip(private: stand.Stand) -> None:
    kept(await frozen.run(private, frozen.Size(frozen_s=2, rate=4, talk_s=1)))


@on_private
async def test_calls_go_on_while_nothing_can_be_written(private: stand.Stand) -> None:
    size = disk.Size(full_s=1, rate=4, talk_s=1)
    kept(await disk.run(private, size, disk.NO_FOLDER, is_full=False))


@on_given
async def test_recordings_outlive_tongdai_and_asterisk(given: stand.Given) -> None:
    kept(
        await recordings.run(
            given, recordings.Size(controllers=1, asterisks=1, live=4, talk_s=3, cut_s=3)
        )
    )


@on_given
async def test_calls_go_on_while_postgresql_is_away(given: stand.Given) -> None:
    kept(await postgres.run(given, postgres.Size(stops=1, away_s=1, hangs_s=1, rate=4, talk_s=2)))


@on_given
async def test_a_lost_link_is_made_anew(given: stand.Given) -> None:
    kept(await link.run(given, link.Size(cuts=2, half_open=1, half_open_s=6, rate=4, talk_s=2)))


async def test_nobody_is_turned_away_while_two_are_restarted_by_turns() -> None:
    async with stand.given(is_up=False) as on:
        kept(await rolling.run(on, rolling.Size(stops=2, requests=20, rate=3, talk_s=3)))
