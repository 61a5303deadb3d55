"""The circuit breaker of an endpoint."""

from tongdai.webhooks.breaker import FAILURE_THRESHOLD, CircuitBreaker


def test_an_unknown_endpoint_is_probed_and_closed_by_its_first_success() -> None:
    breaker = CircuitBreaker(None, 10)
    assert breaker.state(0) == "half-open"

    breaker.record(0, is_taken=True)

    assert breaker.state(0) == "closed"
    assert breaker.is_closed


def test_a_failure_ends_the_flow_at_once() -> None:
    breaker = CircuitBreaker(0, 10)

    breaker.record(0, is_taken=False)

    assert breaker.state(0) == "half-open"


def test_more_failures_than_the_threshold_open_it_until_the_next_probe() -> None:
    breaker = CircuitBreaker(0, 10)
    for _ in range(FAILURE_THRESHOLD):
        breaker.record(100, is_taken=False)
    assert breaker.state(100) == "half-open"

    breaker.record(100, is_taken=False)

    assert [breaker.state(now) for now in (100, 109, 110)] == ["open", "open", "half-open"]
    breaker.record(110, is_taken=False)
    assert [breaker.state(now) for now in (110, 120)] == ["open", "half-open"]


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = CircuitBreaker(FAILURE_THRESHOLD + 5, 10)
    breaker.record(0, is_taken=False)

    breaker.record(10, is_taken=True)

    assert (breaker.state(10), breaker.failures) == ("closed", 0)
