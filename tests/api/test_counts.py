"""Requests and attempts that several workers count together, in memory that they share."""

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest

from tests.clock import Clock
from tongdai import errors
from tongdai.api import counts, limits


@pytest.fixture
def memory() -> Iterator[int]:
    made = counts.shared_memory()
    yield made
    os.close(made)


def taken(limit: counts.Rate, key: str) -> int:
    for count in range(1000):
        try:
            limit.take(key)
        except errors.TooManyRequests:
            return count
    return 1000


def test_a_burst_is_one_for_all_workers(memory: int) -> None:
    """At this rate the next one would come in hours."""
    rate = 1 / 3600
    here, there = (counts.of_workers(memory, rate, rate) for _ in range(2))
    with pytest.raises(errors.TooManyRequests):
        here.by_domain.take("a")  # five seconds' worth is less than one
    lavish = [counts.of_workers(memory, 1, 1) for _ in range(2)]
    for one in lavish * 2:
        one.by_address.take("a")
    with pytest.raises(errors.TooManyRequests):
        there.by_address.take("a")
    there.wrong_logins.count(("foo", "a"))
    for one in (here, there, here, there):
        one.wrong_logins.count(("foo", "a"))
    for one in (here, there):
        with pytest.raises(errors.TooManyRequests):
            one.wrong_logins.check(("foo", "a"))


def test_the_rate_is_that_of_one_process(memory: int) -> None:
    clock = Clock()
    moments = counts.Moments(memory, 0, 1)
    first, second = (counts.SharedLimit(8, moments, "domain", clock) for _ in range(2))
    assert taken(first, "a") == 8 * limits.BURST_S
    clock.now += 0.375
    assert taken(second, "a") == 3
    clock.now += 3600
    assert taken(first, "a") == 8 * limits.BURST_S


def test_no_rate_is_no_limit(memory: int) -> None:
    assert taken(counts.of_workers(memory, 0, 0).by_domain, "a") == 1000


def test_wrong_attempts_count_for_all_and_leave_after_the_window(memory: int) -> None:
    clock = Clock()
    moments = counts.Moments(memory, 0, 3)
    first, second = (counts.SharedAttempts(3, moments, clock=clock) for _ in range(2))
    for one in (first, second, first):
        one.check("a")
        one.count("a")
        clock.now += 10
    with pytest.raises(errors.TooManyRequests) as refused:
        second.check("a")
    assert refused.value.retry_after_s == 30
    second.check("b")
    second.forgive("a")
    first.check("a")
    first.count("a")
    clock.now += 31
    second.check("a")


def test_many_keys_have_a_place_and_the_busiest_keeps_its_own(memory: int) -> None:
    clock = Clock()
    limit = counts.SharedLimit(1, counts.Moments(memory, 0, 1), "domain", clock)
    assert taken(limit, "busy") == limits.BURST_S
    for n in range(5_000):
        limit.take(f"other {n}")
    assert taken(limit, "busy") == 0


TAKES = """
import sys
from tongdai import errors
from tongdai.api import counts
rate = counts.of_workers(int(sys.argv[1]), 10, 0).by_domain
taken = 0
sys.stdin.readline()
for _ in range(400):
    try:
        rate.take("a")
        taken += 1
    except errors.TooManyRequests:
        pass
print(taken)
"""


async def test_no_request_is_lost_between_processes_that_count_at_once(memory: int) -> None:
    """Each asks for less than the burst; all together would for more."""
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", TAKES, str(memory)),
            pass_fds=(memory,),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    began = asyncio.get_running_loop().time()
    outputs = await asyncio.gather(*(each.communicate(b"\n") for each in running))
    took_s = asyncio.get_running_loop().time() - began
    total = sum(int(output) for output, _ in outputs)
    assert total < 3 * 400, "a burst is less than all ask for"
    assert 10 * limits.BURST_S <= total <= 10 * (limits.BURST_S + took_s) + 1
