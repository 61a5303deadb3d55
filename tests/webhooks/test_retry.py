"""The schedule, without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai.webhooks import retry
from tongdai.webhooks.retry import Answer, Verdict

MIDDLE = 0.5  # no jitter
ATTEMPTS = range(1, 11)


def waits(answer: Answer, chance: float = MIDDLE) -> list[float]:
    """Seconds between attempts that all get this answer."""
    return [retry.judge(attempt, answer, chance).delay_s for attempt in ATTEMPTS[:-1]]


def test_ten_attempts_within_75_hours() -> None:
    failed = Answer(status=500)

    assert [retry.judge(attempt, failed, MIDDLE).state for attempt in ATTEMPTS] == ["due"] * 9 + [
        "failed"
    ]
    assert waits(failed) == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert 75 * 3600 < sum(waits(failed)) < 76 * 3600


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert retry.judge(10, Answer(status=status), MIDDLE) == Verdict("delivered")


@pytest.mark.parametrize(
    "status", [0, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 409, 422, 500, 503, 599]
)
def test_nothing_else_is(status: int) -> None:
    assert retry.judge(1, Answer(status=status), MIDDLE) == Verdict("due", 5)


def test_410_gives_up_and_disables() -> None:
    verdict = retry.judge(1, Answer(status=410), MIDDLE)

    assert (verdict.state, verdict.disable) == ("failed", "The endpoint answered 410 Gone.")


def test_what_can_never_be_sent_is_given_up_at_once() -> None:
    assert retry.judge(1, Answer(error="no URL", is_hopeless=True), MIDDLE) == Verdict("failed")


def test_jitter_is_a_fifth_either_way() -> None:
    assert waits(Answer(status=500), chance=0.0)[:2] == pytest.approx([4, 240])
    assert waits(Answer(status=500), chance=1.0)[:2] == pytest.approx([6, 360])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=429),
        Answer(status=502),
        Answer(status=504),
        Answer(error="no answer", is_timeout=True),
    ],
)
@given(chance=st.floats(0, 1))
def test_an_overloaded_endpoint_has_a_minute_at_least(answer: Answer, chance: float) -> None:
    assert 60 <= retry.judge(1, answer, chance).delay_s < 72.1
    assert 240 <= retry.judge(2, answer, chance).delay_s < 360.1


@pytest.mark.parametrize(
    ("status", "attempt", "asked", "waits_s"),
    [
        (503, 1, 8, 8),  # between once and twice our own wait: as asked
        (503, 1, 1000, 10),  # more: twice
        (503, 1, 0, 5),  # less: our own
        (429, 1, 30, 60),
        (429, 1, 90, 90),
        (429, 1, 1000, 120),
        (503, 9, 1e9, 172800),
    ],
)
def test_retry_after_counts_up_to_twice_our_wait(
    status: int, attempt: int, asked: float, waits_s: float
) -> None:
    assert (
        retry.judge(attempt, Answer(status=status, retry_after_s=asked), MIDDLE).delay_s == waits_s
    )


answers = st.builds(
    Answer,
    status=st.sampled_from([0, 301, 404, 429, 500, 502, 503, 504]),
    retry_after_s=st.none() | st.floats(0, 1e9),
    is_timeout=st.booleans(),
)


@given(attempt=st.integers(1, 9), answer=answers, chance=st.floats(0, 1))
def test_no_wait_is_shorter_than_we_promise_nor_more_than_double(
    attempt: int, answer: Answer, chance: float
) -> None:
    wait = retry.judge(attempt, answer, chance).delay_s

    assert (
        0.8 * retry.SCHEDULE_S[attempt - 1]
        <= wait
        <= 2 * max(retry.SCHEDULE_S[attempt - 1], retry.THROTTLED_S)
    )
