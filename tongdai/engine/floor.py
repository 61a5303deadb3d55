"""Who is doing what at this moment: extensions in talks, agents idle, callers waiting. Derived
from the live calls.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongdai.pbx import queueing
from tongdai.pbx.brakes import NEVER, Usage
from tongdai.pbx.call import Call, Stage
from tongdai.pbx.directory import Directory
from tongdai.pbx.routing import RoutingContext

NOTHING = Usage()


class Floor:
    """All domains' floors. `recording_url` is what recording tokens are appended to."""

    def __init__(self, recording_url: str) -> None:
        self._recording_url = recording_url
        self._calls: defaultdict[UUID, dict[UUID, Call]] = defaultdict(dict)
        # of the calls, those in queues
        self._waiting: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._talks: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
        self._by_trunk: Counter[str] = Counter()
        self._talked_until: dict[tuple[UUID, str], datetime] = {}
        self._ignored_at: dict[tuple[UUID, str], datetime] = {}

    def remember(self, talks: dict[tuple[UUID, str], datetime]) -> None:
        """When extensions ended their last talks, before we were here."""
        self._talked_until |= talks

    def update(self, call: Call, at: datetime) -> None:
        """The call stands as given now."""
        domain = self._calls[call.domain_uuid]
        before = domain.get(call.call_uuid)
        is_over = call.stage is Stage.ENDED
        self._count(call.domain_uuid, before, None if is_over else call)
        self._note_agents(before, call, at)
        if call.stage is Stage.WAITING:
            self._waiting[call.domain_uuid].add(call.call_uuid)
        else:
            self._waiting[call.domain_uuid].discard(call.call_uuid)
        if is_over:
            domain.pop(call.call_uuid, None)
        else:
            domain[call.call_uuid] = call

    def forget(self, call: Call) -> None:
        """The call became part of another."""
        self._waiting[call.domain_uuid].discard(call.call_uuid)
        if before := self._calls[call.domain_uuid].pop(call.call_uuid, None):
            self._count(call.domain_uuid, before, None)

    def scene(
        self, directory: Directory, usage: Usage = NOTHING, now: datetime = NEVER
    ) -> RoutingContext:
        domain_uuid = directory.domain.domain_uuid
        return RoutingContext(
            directory,
            self._talks[domain_uuid],
            len(self._calls[domain_uuid]),
            self._recording_url,
            by_trunk=self._by_trunk,
            usage=usage,
            now=now,
        )

    def calls(self, domain_uuid: UUID) -> Iterable[Call]:
        return self._calls[domain_uuid].values()

    def __len__(self) -> int:
        return sum(map(len, self._calls.values()))

    def waits(self, domain_uuid: UUID) -> bool:
        """Whether any caller waits in a queue of the domain."""
        return bool(self._waiting[domain_uuid])

    @property
    def waiting_domains(self) -> frozenset[UUID]:
        """In whose queues anybody waits."""
        return frozenset(domain_uuid for domain_uuid, waiting in self._waiting.items() if waiting)

    def offers(
        self, directory: Directory, now: datetime
    ) -> tuple[list[tuple[Call, str]], datetime | None]:
        """Which caller is offered to which agent now, over all queues, each agent once; and when
        to look again.
        """
        taken: set[str] = set()
        found: list[tuple[Call, str]] = []
        looks: list[datetime] = []
        domain_uuid = directory.domain.domain_uuid
        for queue in directory.queues.values():
            waiting = {
                str(call.call_uuid): call
                for call in self.calls(domain_uuid)
                if _waits_in(call, queue.number)
            }
            if not waiting:
                continue
            agents = {
                name: self._agent(domain_uuid, name, is_taken=name in taken)
                for name in queue.agents
                if (known := directory.extensions.get(name)) and known.enabled
            }
            callers = [
                queueing.Waiting(key, call.queued_at or call.started_at)
                for key, call in waiting.items()
            ]
            for caller, agent in queueing.offers(queue, callers, agents, now):
                found.append((waiting[caller.call], agent))
                taken.add(agent)
            if look := queueing.next_look(queue, agents, now):
                looks.append(look)
        return found, min(looks, default=None)

    def _agent(self, domain_uuid: UUID, name: str, *, is_taken: bool) -> queueing.Agent:
        key = (domain_uuid, name)
        return queueing.Agent(
            talks=self._talks[domain_uuid][name] + is_taken,
            talked_until=self._talked_until.get(key),
            ignored_at=self._ignored_at.get(key),
        )

    def _count(self, domain_uuid: UUID, before: Call | None, now: Call | None) -> None:
        """Who and what the call has kept busy, and does now; a trunk counts the calls of all
        domains.
        """
        talks = self._talks[domain_uuid]
        for call, step in ((before, -1), (now, 1)):
            for extension in call.extensions if call else ():
                talks[extension] += step
            for trunk in call.trunks if call else ():
                self._by_trunk[trunk] += step

    def _note_agents(self, before: Call | None, call: Call, at: datetime) -> None:
        """Ends of talks, and offers that nobody took."""
        for leg in call.legs:
            if leg.is_extension and leg.connected_at and leg.ended_at:
                self._talked_until[call.domain_uuid, leg.number] = leg.ended_at
        if before and before.offered and not call.offered and call.stage is not Stage.TALKING:
            self._ignored_at[call.domain_uuid, before.offered] = at


def _waits_in(call: Call, queue: str) -> bool:
    return call.stage is Stage.WAITING and call.queue == queue
