"""The endpoints that a dispatcher knows: a circuit breaker for each, and a queue for each endpoint
with work.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from uuid import UUID

from tongdai.store import deliveries
from tongdai.webhooks.breaker import CircuitBreaker
from tongdai.webhooks.schedule import Endpoint

_AHEAD_S = 0.25  # seconds of work that are claimed ahead for an endpoint
_AHEAD = 16  # and at most so many times its concurrency
_REMEMBERED = 100_000  # endpoints
_PER_DOMAIN = 1000  # endpoints of a domain's subscriptions that a wake-up of the domain considers


class EndpointQueue:
    """The deliveries claimed for one endpoint that wait to be sent, in order.

    `concurrency`: how many deliveries it sends at a time while the breaker is closed.
    """

    def __init__(self, endpoint: Endpoint, breaker: CircuitBreaker, concurrency: int) -> None:
        self.endpoint, self.breaker = endpoint, breaker
        # with the event loop time to send it by
        self.waiting: deque[tuple[deliveries.Delivery, float]] = deque()
        self.sending = 0
        self._concurrency, self._latency_s = concurrency, _AHEAD_S

    @property
    def slots(self) -> int:
        """The number of deliveries that it may send at a time now."""
        return self._concurrency if self.breaker.is_closed else 1

    @property
    def held(self) -> int:
        """The number of deliveries that are claimed for the endpoint and not finished."""
        return len(self.waiting) + self.sending

    def credit(self, now: float) -> int:
        """The number of further deliveries to claim: the faster the endpoint responds, the more
        are claimed ahead.
        """
        match self.breaker.state(now):
            case "closed":
                ahead = min(_AHEAD, max(1, int(_AHEAD_S / self._latency_s)))
                return max(0, self._concurrency * ahead - self.held)
            case "half-open":
                return 0 if self.held else 1
            case "open":
                return 0

    def record(self, now: float, *, is_taken: bool, latency_s: float) -> None:
        """Counts one attempt: the endpoint accepted the delivery, or it did not."""
        self.breaker.record(now, is_taken=is_taken)
        self._latency_s += (max(latency_s, 0.001) - self._latency_s) / 8


class Endpoints:
    """The queues of endpoints with work, and the breakers of recently used endpoints."""

    def __init__(self, concurrency: int, probe_every_s: float) -> None:
        self._concurrency, self._probe_every_s = concurrency, probe_every_s
        self._queues: dict[UUID, EndpointQueue] = {}
        self._breakers: dict[UUID, CircuitBreaker] = {}  # the one used last is last
        self._subscribed: dict[UUID, dict[UUID, None]] = {}  # by domain

    def __iter__(self) -> Iterator[EndpointQueue]:
        return iter([*self._queues.values()])

    @property
    def held(self) -> int:
        """The number of deliveries that are claimed and not finished."""
        return sum(queue.held for queue in self._queues.values())

    def subscribed(self, domain: UUID) -> Iterable[UUID]:
        """The endpoints of the domain's subscriptions that have a known attempt."""
        return self._subscribed.get(domain, ())

    def find(self, endpoint: UUID) -> EndpointQueue | None:
        """The queue of the endpoint; None: it has no work."""
        return self._queues.get(endpoint)

    def credit(self, endpoint: UUID, now: float) -> int:
        """The number of further deliveries to claim for an endpoint with a closed breaker."""
        queue = self._queues.get(endpoint)
        return self._concurrency if queue is None else queue.credit(now)

    def breaker(self, endpoint: UUID, failures: int | None = None) -> CircuitBreaker:
        """The breaker of the endpoint; a new one starts with that number of failures."""
        if (queue := self._queues.get(endpoint)) is not None:
            return queue.breaker
        if (breaker := self._breakers.get(endpoint)) is not None:
            return breaker
        return CircuitBreaker(failures, self._probe_every_s)

    def queue(self, delivery: deliveries.Delivery) -> EndpointQueue:
        """The queue of the delivery's endpoint; a new one if the endpoint had no work."""
        if (queue := self._queues.get(delivery.endpoint)) is None:
            breaker = self.breaker(delivery.endpoint, 1 if delivery.is_failing else None)
            endpoint = Endpoint(delivery.domain_uuid, delivery.endpoint)
            queue = EndpointQueue(endpoint, breaker, self._concurrency)
            self._queues[delivery.endpoint] = queue
            if delivery.is_failing:  # it waits for a slot of these endpoints, next time too
                self.remember(delivery, breaker)
        return queue

    def remember(self, delivery: deliveries.Delivery, breaker: CircuitBreaker) -> None:
        """Keeps the breaker of the delivery's endpoint after its queue is gone; of too many
        breakers, the least recently used are dropped.
        """
        if self._breakers.pop(delivery.endpoint, None) is None and not delivery.is_elsewhere:
            known = self._subscribed.setdefault(delivery.domain_uuid, {})
            known[delivery.endpoint] = None
            if len(known) > _PER_DOMAIN:
                del known[next(iter(known))]
        self._breakers[delivery.endpoint] = breaker
        if len(self._breakers) > _REMEMBERED:
            del self._breakers[next(iter(self._breakers))]

    def drop_idle(self) -> None:
        """Drops the queues without work."""
        self._queues = {endpoint: queue for endpoint, queue in self._queues.items() if queue.held}
