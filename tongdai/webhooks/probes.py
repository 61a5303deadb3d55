"""Endpoints whose breaker is not closed wait here, in turn, for a slot of their domain."""

from collections.abc import Callable, Iterable
from uuid import UUID

from tongdai.webhooks.schedule import Endpoint
from tongdai.webhooks.slots import FairSlots


class Probes:
    """A line of endpoints for each domain, and the slots that they wait for."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self._waiting: dict[UUID, dict[UUID, None]] = {}

    def add(self, endpoint: Endpoint) -> None:
        """The endpoint waits, where it does not already."""
        self._waiting.setdefault(endpoint.domain, {})[endpoint.id] = None

    def waits(self, domain: UUID) -> bool:
        """Whether endpoints of the domain wait."""
        return domain in self._waiting

    @property
    def can_go_on(self) -> bool:
        """Whether an endpoint waits whose domain has a slot."""
        return any(map(self.slots.left, self._waiting))

    def take(self, is_free: Callable[[UUID], bool]) -> Iterable[Endpoint]:
        """Those that are to be probed now: no more of a domain than it has slots. Others that are
        not free wait no longer.
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
