"""The live calls, and the state derived from them: busy extensions, idle agents, waiting callers,
trunks in use.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongdai.pbx import queueing
from tongdai.pbx.barring import Usage
from tongdai.pbx.call import Call, Ended, Parked, Talking, Waiting
from tongdai.pbx.directory import Directory, Queue
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import Arrived

NOTHING = Usage()


class LiveCalls:
    """The live calls of all domains. Recording tokens are appended to `recording_url`."""

    def __init__(self, recording_url: str) -> None:
        self._recording_url = recording_url
        self._calls: defaultdict[UUID, dict[UUID, Call]] = defaultdict(dict)
        # of the calls, those in queues
        self._waiting: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._parked: defaultdict[UUID, dict[UUID, str]] = defaultdict(dict)  # slots
        self._talks: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
        self._by_trunk: Counter[str] = Counter()
        self._talked_until: dict[tuple[UUID, str], datetime] = {}
        self._ignored_at: dict[tuple[UUID, str], datetime] = {}
        self.changes: Counter[UUID] = Counter()  # so far, by domain

    def remember(self, talks: dict[tuple[UUID, str], datetime]) -> None:
        """The ends of the extensions' last talks before this process began."""
        self._talked_until |= talks

    def update(self, call: Call, at: datetime) -> None:
        """The call is as given now."""
        domain = self._calls[call.domain_uuid]
        self.changes[call.domain_uuid] += 1
        before = domain.get(call.call_uuid)
        is_over = isinstance(call.course, Ended)
        self._count(call.domain_uuid, before, None if is_over else call)
        self._note_agents(before, call, at)
        if isinstance(call.course, Waiting):
            self._waiting[call.domain_uuid].add(call.call_uuid)
        else:
            self._waiting[call.domain_uuid].discard(call.call_uuid)
        self._parked[call.domain_uuid].pop(call.call_uuid, None)
        if isinstance(call.course, Parked):
            self._parked[call.domain_uuid][call.call_uuid] = call.course.slot
        if is_over:
            domain.pop(call.call_uuid, None)
        else:
            domain[call.call_uuid] = call

    def forget(self, call: Call) -> None:
        """The call became part of another."""
        self.changes[call.domain_uuid] += 1
        self._waiting[call.domain_uuid].discard(call.call_uuid)
        self._parked[call.domain_uuid].pop(call.call_uuid, None)
        if before := self._calls[call.domain_uuid].pop(call.call_uuid, None):
            self._count(call.domain_uuid, before, None)

    def context(
        self,
        directory: Directory,
        now: datetime,
        usage: Usage = NOTHING,
        absent: frozenset[str] = frozenset(),
    ) -> RoutingContext:
        """The routing context of the domain now; later changes do not show in it. `absent`: agents
        without a reachable phone.
        """
        domain_uuid = directory.domain.domain_uuid
        by_trunk = self._by_trunk
        trunks = map(str, directory.trunks)
        return RoutingContext(
            directory,
            now,
            talks=dict(self._talks[domain_uuid]),
            calls=len(self._calls[domain_uuid]),
            recording_url=self._recording_url,
            by_trunk={trunk: by_trunk[trunk] for trunk in trunks if trunk in by_trunk},
            usage=usage,
            absent=absent,
            parked=frozenset(self._parked[domain_uuid].values()),
        )

    def of(self, domain_uuid: UUID) -> Iterable[Call]:
        return self._calls[domain_uuid].values()

    def has_caller(self, domain_uuid: UUID, arrived: Arrived) -> bool:
        """Whether the same request has begun a call already, by another way (a merged request,
        RFC 3261 §8.2.2.2): a Call-ID is of one call alone.
        """
        key = (arrived.sip_call_id, arrived.endpoint if arrived.via == "trunk" else "")
        callers = (call.legs[0] for call in self.of(domain_uuid))
        return bool(arrived.sip_call_id) and any(
            (leg.sip_call_id, leg.trunk) == key for leg in callers if leg.role == "caller"
        )

    def find(self, domain_uuid: UUID, call_uuid: UUID) -> Call | None:
        return self._calls[domain_uuid].get(call_uuid)

    def talked_until(self, domain_uuid: UUID, extensions: Iterable[str]) -> dict[str, datetime]:
        """The end of the last talk of each of these extensions, as far as known."""
        known = ((each, self._talked_until.get((domain_uuid, each))) for each in extensions)
        return {extension: at for extension, at in known if at}

    def on_trunk(self, trunk_uuid: UUID) -> int:
        """The trunk's live calls, of all domains."""
        return self._by_trunk[str(trunk_uuid)]

    def __len__(self) -> int:
        return sum(map(len, self._calls.values()))

    def waits(self, domain_uuid: UUID) -> bool:
        """Whether a caller waits in a queue of the domain."""
        return bool(self._waiting[domain_uuid])

    @property
    def waiting_domains(self) -> frozenset[UUID]:
        """Domains with a caller that waits in a queue."""
        return frozenset(domain_uuid for domain_uuid, waiting in self._waiting.items() if waiting)

    def waiting_domain(self, name: str) -> UUID | None:
        """The domain of that name, if a caller waits in one of its queues."""
        for domain_uuid in self.waiting_domains:
            if next(iter(self.of(domain_uuid))).domain == name:
                return domain_uuid
        return None

    def stranded(self, directory: Directory, absent: frozenset[str]) -> list[Call]:
        """The callers who wait in a queue without any reachable agent, and have an overflow."""
        deserted = {
            queue.number
            for queue in directory.queues.values()
            if queue.overflow and not _agents(queue, directory) - absent
        }
        return [
            call
            for call in self.of(directory.domain.domain_uuid)
            if isinstance(call.course, Waiting) and call.course.queue in deserted
        ]

    def offers(
        self, directory: Directory, now: datetime, absent: frozenset[str] = frozenset()
    ) -> tuple[list[tuple[Call, str]], datetime | None]:
        """The callers to offer to agents now, over all queues, each agent once; and the time to
        look again. `absent`: agents without a reachable phone.
        """
        taken: set[str] = set()
        found: list[tuple[Call, str]] = []
        looks: list[datetime] = []
        domain_uuid = directory.domain.domain_uuid
        for queue in directory.queues.values():
            waiting = {
                str(call.call_uuid): call
                for call in self.of(domain_uuid)
                if _waits_in(call, queue.number)
            }
            if not waiting:
                continue
            agents = {
                name: self._agent(domain_uuid, name, now, is_taken=name in taken)
                for name in _agents(queue, directory) - absent
            }
            callers = [
                queueing.Caller(key, call.course.since)
                for key, call in waiting.items()
                if isinstance(call.course, Waiting)
            ]
            for caller, agent in queueing.offers(queue, callers, agents, now):
                found.append((waiting[caller.call], agent))
                taken.add(agent)
            if look := queueing.next_look(queue, agents, now):
                looks.append(look)
        return found, min(looks, default=None)

    def _agent(
        self, domain_uuid: UUID, name: str, now: datetime, *, is_taken: bool
    ) -> queueing.Agent:
        key = (domain_uuid, name)
        for moments in (self._talked_until, self._ignored_at):
            if key in moments and moments[key] > now:  # the time of day was set back
                moments[key] = now
        return queueing.Agent(
            talks=self._talks[domain_uuid][name] + is_taken,
            talked_until=self._talked_until.get(key),
            ignored_at=self._ignored_at.get(key),
        )

    def _count(self, domain_uuid: UUID, before: Call | None, now: Call | None) -> None:
        """Counts the extensions and trunks that the call occupied before and occupies now; a
        trunk's calls are of all domains.
        """
        talks = self._talks[domain_uuid]
        for call, step in ((now, 1), (before, -1)):
            for extension in call.extensions if call else ():
                _add(talks, extension, step)
            for trunk in call.trunks if call else ():
                _add(self._by_trunk, trunk, step)

    def _note_agents(self, before: Call | None, call: Call, at: datetime) -> None:
        """Notes when agents ended a talk, and when an offer was not answered."""
        for leg in call.legs:
            if leg.is_extension and leg.connected_at and leg.ended_at:
                self._talked_until[call.domain_uuid, leg.number] = leg.ended_at
        if before and before.agent and not call.agent and not isinstance(call.course, Talking):
            self._ignored_at[call.domain_uuid, before.agent] = at


def _add(counts: Counter[str], name: str, step: int) -> None:
    """Adds to a count; a count of zero is removed."""
    counts[name] += step
    if not counts[name]:
        del counts[name]


def _agents(queue: Queue, directory: Directory) -> set[str]:
    """The enabled agents of the queue who may be disturbed."""
    known = directory.extensions
    return {
        name
        for name in queue.agents
        if name in known and known[name].enabled and not known[name].do_not_disturb
    }


def _waits_in(call: Call, queue: str) -> bool:
    return isinstance(call.course, Waiting) and call.course.queue == queue
