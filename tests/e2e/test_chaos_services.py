"""Scenarios of the chaos suite in short: Asterisk, PostgreSQL or the link to them fails."""

from collections.abc import AsyncIterator

import pytest

from chaos import asterisk, link, postgres, recordings, stand
from tests.e2e.promises import kept


@pytest.fixture(scope="module")
async def given() -> AsyncIterator[stand.Given]:
    """PostgreSQL and Asterisk are behind proxies."""
    async with stand.given(4, recording=True) as made:
        yield made


async def test_calls_of_a_killed_asterisk_are_recorded_as_they_were(given: stand.Given) -> None:
    kept(await asterisk.run(given, asterisk.Size(kills=1, live=5, quiet_s=4)))


async def test_recordings_outlive_tongdai_and_asterisk(given: stand.Given) -> None:
    kept(
        await recordings.run(
            given, recordings.Size(controllers=1, asterisks=1, live=4, talk_s=3, cut_s=3)
        )
    )


async def test_calls_go_on_while_postgresql_is_away(given: stand.Given) -> None:
    kept(await postgres.run(given, postgres.Size(stops=1, away_s=1, hangs_s=1, rate=4, talk_s=2)))


async def test_a_lost_link_is_made_anew(given: stand.Given) -> None:
    kept(await link.run(given, link.Size(cuts=2, half_open=1, half_open_s=6, rate=4, talk_s=2)))
