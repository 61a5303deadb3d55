"""Sliding windows, beside a plain list of moments."""

from hypothesis import given
from hypothesis import strategies as st

from tests.clock import Clock
from tongdai import windows
from tongdai.windows import SlidingWindow

STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30), st.booleans()), max_size=40)


@given(STEPS)
def test_what_counts_is_what_happened_within_the_window(
    steps: list[tuple[str, float, bool]],
) -> None:
    clock = Clock(0)
    window, happened = SlidingWindow[str](60, clock), list[tuple[str, float]]()
    for key, pause, is_taken_back in steps:
        clock.now += pause
        now = clock.now
        window.add(key)
        if is_taken_back:
            window.take_back(key)
        else:
            happened.append((key, now))
        recent = [at for one, at in happened if one == key and at > now - 60]
        assert window.count(key) == len(recent)
        for limit in (1, 3):
            wait_s = window.falls_below(key, limit)
            assert (wait_s > 0) == (len(recent) >= limit)
            assert sum(at > now + wait_s + 1e-9 - 60 for at in recent) < limit


def test_what_is_cleared_counts_no_more() -> None:
    window = SlidingWindow[str](60)
    window.add("a")
    window.clear("a")

    assert (window.count("a"), window.counted()) == (0, [])


def test_keys_whose_time_is_over_are_forgotten() -> None:
    clock = Clock(0)
    window = SlidingWindow[int](60, clock)
    for key in range(3 * windows._MANY):
        clock.now = key * 0.01
        window.add(key)

    assert len(window.counted()) <= windows._MANY + 6001


def test_what_happened_a_while_ago_leaves_so_much_earlier() -> None:
    clock = Clock()
    window = SlidingWindow[str](60, clock)
    window.add("a", ago_s=45)
    window.add("a", ago_s=50)  # reported late: it counts as the one before
    window.add("a", ago_s=-3600)  # a clock elsewhere is ahead

    clock.now += 14
    assert window.count("a") == 3
    clock.now += 2
    assert window.count("a") == 1
    clock.now += 44
    assert window.count("a") == 0
