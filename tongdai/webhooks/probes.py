"""Endpoints with a breaker that is not closed wait here, in turn, for a slot of their domain."""

from collections.abc import Callable, Iterable
from uuid import UUID

from tongdai.webhooks.schedule import Endpoint
from tongdai.webhooks.slots import FairSlots


class Probes:
    """A queue of endpoints for each domain, and the slots that they wait for."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self._waiting: dict[UUID, dict[UUID, None]] = {}

    def add(self, endpoint: Endpoint) -> None:
        """Adds the endpoint, unless it waits already."""
        self._waiting.setdefault(endpoint.domain, {})[endpoint.id] = None

    def waits(self, domain: UUID) -> bool:
        """Whether endpoints of the domain wait."""
        return domain in self._waiting

    @property
    def can_go_on(self) -> bool:
        """Whether an endpoint waits and its domain has a free slot."""
        return any(map(self.slots.left, self._waiting))

    def take(self, is_free: Callable[[UUID], bool]) -> Iterable[Endpoint]:
        """Takes the endpoints to be probed now: of each domain no more than it has slots.
        Endpoints that are not free are dropped.
        """
        for domain, waiting in [*self._waiting.items()]:
            left = self.slots.left(domain)
            while waiting and left:
                del waiting[endpoint := next(iter(waiting))]
                if is_free(endpoint):
                    left -= 1
                    yield Endpoint(domain, endpoint)
            if not waiting:
                del self._waiting[domain]
