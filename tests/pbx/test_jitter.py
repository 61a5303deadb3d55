"""Parties whose packets come unevenly."""

from datetime import UTC, datetime

import pytest

from tests.engine.test_live_calls import a_call, a_leg
from tongdai.pbx.call import Ringing, Talking
from tongdai.pbx.jitter import Reception, is_uneven, recorded_parties, since

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TALKS = a_leg("101", connected_at=NOW)


@pytest.mark.parametrize(
    ("packets", "jitter_s", "expected"),
    [
        (25, 0.0002, False),  # wires
        (25, 0.006, False),
        (30, 0.0126, True),  # five at a time, after 0.4 s
        (14, 0.030, False),  # too few to tell
        (0, 0.0, False),
    ],
)
def test_it_is_uneven_from_ten_milliseconds_on(
    packets: int, jitter_s: float, expected: bool
) -> None:
    assert is_uneven(Reception(packets, jitter_s)) is expected


def test_only_what_came_since_the_last_look_counts() -> None:
    lately = since(Reception(1_000, 0.001), Reception(1_250, 0.005))
    assert lately.packets == 250
    assert lately.jitter_s == pytest.approx(0.021)


def test_counts_that_begin_anew_are_taken_as_they_are() -> None:
    assert since(Reception(1_000, 0.001), Reception(30, 0.02)) == Reception(30, 0.02)


def test_parties_of_a_recorded_talk_are_those_who_are_connected() -> None:
    call = a_call(TALKS, a_leg("102"), course=Talking(), record=True)
    assert recorded_parties(call) == {TALKS.channel}


@pytest.mark.parametrize(("record", "course"), [(False, Talking()), (True, Ringing())])
def test_nobody_is_where_nothing_is_recorded(record: bool, course: Talking | Ringing) -> None:
    assert recorded_parties(a_call(TALKS, course=course, record=record)) == frozenset()
