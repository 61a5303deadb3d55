"""Sliding windows, beside a plain list of moments."""

from hypothesis import given
from hypothesis import strategies as st

from tongdai import windows
from tongdai.windows import SlidingWindow

STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30), st.booleans()), max_size=40)


@given(STEPS)
def test_what_counts_is_what_happened_within_the_window(
    steps: list[tuple[str, float, bool]],
) -> None:
    window, happened, now = SlidingWindow[str](60), list[tuple[str, float]](), 0.0
    for key, pause, is_taken_back in steps:
        now += pause
        window.add(key, now)
        if is_taken_back:
            window.take_back(key)
        else:
            happened.append((key, now))
        recent = [at for one, at in happened if one == key and at > now - 60]
        assert window.count(key, now) == len(recent)
        for limit in (1, 3):
            wait_s = window.falls_below(key, limit, now)
            assert (wait_s > 0) == (len(recent) >= limit)
            assert sum(at > now + wait_s + 1e-9 - 60 for at in recent) < limit


def test_what_is_cleared_counts_no_more() -> None:
    window = SlidingWindow[str](60)
    window.add("a", 1.0)
    window.clear("a")

    assert (window.count("a", 1.0), window.counted()) == (0, [])


def test_keys_whose_time_is_over_are_forgotten() -> None:
    window = SlidingWindow[int](60)
    for key in range(3 * windows._MANY):
        window.add(key, key * 0.01)

    assert len(window.counted()) <= windows._MANY + 6001


def test_a_clock_that_is_set_back_freezes_nothing() -> None:
    """120 calls of a minute count for a minute, not for the hour that the clock was set back."""
    window = SlidingWindow[str](60)
    for second in range(120):
        window.add("a", 7200.0 + second / 2)

    back = 7200.0 - 3600
    assert window.count("a", back) == 120
    assert window.falls_below("a", 120, back) == 60
    assert window.count("a", back + 61) == 0
    window.add("a", back + 62)
    assert window.count("a", back + 62) == 1


def test_moments_before_a_clock_was_set_back_count_beside_later_ones() -> None:
    window = SlidingWindow[str](60)
    window.add("a", 1000.0)
    window.add("a", 500.0)
    assert window.count("a", 530.0) == 2
    assert window.count("a", 560.0) == 0
