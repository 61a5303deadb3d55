"""The dispatcher: it claims what is due, sends it, and records the outcome; claiming and recording
go on side by side.

The schedule says what to look at next. Each endpoint has a queue and a circuit breaker. Endpoints
whose breaker is closed share most of the slots; those never tried share an eighth, those that fail
another. Of each part a domain holds a tenth at most, so its endpoints delay no other domain's.
Deliveries for which there is no slot stay in the database.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from tongdai.encryption import MasterKey
from tongdai.store import db, deliveries, delivery_outcomes, low_water
from tongdai.webhooks import metrics
from tongdai.webhooks.breaker import CircuitBreaker
from tongdai.webhooks.client import Client
from tongdai.webhooks.endpoints import EndpointQueue, Endpoints
from tongdai.webhooks.outcomes import OutcomeRecorder, attempted
from tongdai.webhooks.probes import Probes
from tongdai.webhooks.schedule import Domain, Endpoint, Schedule
from tongdai.webhooks.sending import Sender
from tongdai.webhooks.slots import FairSlots

LEASE_S = 25.0
"""For so long a delivery is claimed; that of a dispatcher that died waits as long. Later events of
its call wait longer."""
SEND_WITHIN_S = 8.0  # of the claim, or not at all: the POST must end before the lease
_HELD = 4096  # deliveries claimed at a time, at most: memory, and what a crash delays
_HELD_PER_DOMAIN = _HELD // 10
_LOOK_SHARE = 10  # looking takes a tenth of the time at most, however many endpoints there are
_COUNT_EVERY_S = 10.0


class Dispatcher:
    """Delivers for all domains until it is stopped. Any number of them may share a database.

    `poll_s`: how late a delivery may start that no `wake` announced. `slots`: POSTs at a time;
    `concurrency`: those of them to one endpoint. `domain_share`: the part of the slots that one
    domain may hold. `send_within_s`: how long after its claim a delivery may be sent.
    `probe_every_s`: how long an endpoint that goes on failing is left alone between probes.
    `grace_s`: how long POSTs under way may take when it stops.
    """

    def __init__(
        self,
        database: db.Database,
        master_key: MasterKey,
        client: Client,
        *,
        poll_s: float = 0.25,
        slots: int = 512,
        concurrency: int = 8,
        domain_share: float = 0.1,
        grace_s: float = 5.0,
        send_within_s: float = SEND_WITHIN_S,
        probe_every_s: float = 0.25,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._poll_s, self._grace_s, self._send_within_s = poll_s, grace_s, send_within_s
        self._sender = Sender(master_key, client, chance, clock)
        self._proven = _fair(slots - slots // 4, domain_share)
        self._fresh = Probes(_fair(slots // 8, domain_share))
        self._failing = Probes(_fair(slots // 8, domain_share))
        self._endpoints = Endpoints(concurrency, probe_every_s)
        self._schedule = Schedule()
        self._due: set[Endpoint] = set()  # with a closed breaker
        self._woken: set[UUID] = set()  # domains
        self._marks = low_water.NOT_LOOKED  # as of the latest look
        self._recorder = OutcomeRecorder(database, self._record, self._recorded)
        self._workers: set[asyncio.Task[None]] = set()
        self.looks = 0  # so often it has looked for whatever is due
        self._count_at = 0.0
        self._is_stopping = False

    def wake(self, domains: Collection[UUID] = ()) -> None:
        """New deliveries may be due for these domains (none named: for any). To be called after
        the commit.
        """
        for domain in domains:
            self._schedule.add(Domain(domain))
        if not domains:
            self._schedule.add("everything")

    def stop(self) -> None:
        """`run` claims nothing more, gives back what it has not begun to send, and returns."""
        self._is_stopping = True
        self._schedule.wake()

    async def run(self) -> None:
        """Delivers until `stop` or until cancelled; what is being sent then has `grace_s` to
        end.
        """
        self._is_stopping = False
        delivering = asyncio.create_task(self._deliver())
        try:
            await asyncio.shield(delivering)
        except asyncio.CancelledError:
            self.stop()  # a claim that is cut off would hold its deliveries until the lease ends
            await delivering
            raise

    async def _deliver(self) -> None:
        recording = asyncio.create_task(self._recorder.run())
        self._schedule.add("everything")
        while not self._is_stopping:
            await self._schedule.ripe()
            if not self._is_stopping:
                await attempted(self._look_and_claim)
        await self._finish_sending()
        recording.cancel()
        await asyncio.gather(recording, return_exceptions=True)
        await self._recorder.finish()

    # --- looking

    async def _look_and_claim(self) -> None:
        now = asyncio.get_running_loop().time()
        subjects = self._schedule.take(now)
        for subject in subjects:
            match subject:
                case Domain(domain):
                    self._consider_domain(domain, now)
                case Endpoint():
                    self._consider(subject, now)
                case "everything" | "probes":
                    pass  # below; `_claim` thinks of those that wait for a slot anyway
        if "everything" in subjects:
            await self._look(now)
        await self._claim(now)

    async def _look(self, now: float) -> None:
        """The endpoints with something due are known, whoever published it; the next look is
        scheduled.
        """
        clock = asyncio.get_running_loop().time
        next_at = now + self._poll_s
        try:
            async with self._database.connection() as tx:
                began = clock()
                looked = await low_water.look(tx)
                next_at = now + max(self._poll_s, _LOOK_SHARE * (clock() - began))
                if now >= self._count_at:
                    self._count_at = now + _COUNT_EVERY_S
                    metrics.outstanding.set(await deliveries.count_outstanding(tx))
        finally:
            self._schedule.add("everything", next_at)
        self._marks = looked.marks
        self.looks += 1
        for domain, endpoint in looked.due:
            self._consider(Endpoint(domain, endpoint), now)

    def _consider_domain(self, domain: UUID, now: float) -> None:
        """Its subscriptions' endpoints may have something due, those never tried too."""
        self._woken.add(domain)
        for endpoint in self._endpoints.subscribed(domain):
            self._consider(Endpoint(domain, endpoint), now)

    def _consider(self, endpoint: Endpoint, now: float) -> None:
        """The endpoint may have something due: it is claimed as soon as its breaker lets it."""
        breaker = self._endpoints.breaker(endpoint.id)
        match breaker.state(now):
            case "closed":
                self._due.add(endpoint)
            case "half-open":
                (self._fresh if breaker.failures is None else self._failing).add(endpoint)
            case "open":
                self._schedule.add(endpoint, breaker.probe_at)

    # --- claiming

    async def _claim(self, now: float) -> None:
        """Endpoints with credit have what is due for them, and are sending it."""
        if self._endpoints.held >= _HELD:
            return
        proven, probes = self._credits(now), self._take_probes()
        fresh = self._take_woken(probes)
        if not (proven or probes or fresh):
            return
        async with self._database.connection() as tx:
            claimed = await deliveries.claim(
                tx,
                proven | dict.fromkeys(probes, 1),
                fresh=fresh,
                tried=[each for domain in fresh for each in self._endpoints.subscribed(domain)],
                lease_s=LEASE_S,
                marks=self._marks,
            )
        send_by = asyncio.get_running_loop().time() + self._send_within_s
        for delivery in claimed:
            self._endpoints.queue(delivery).waiting.append((delivery, send_by))
        for queue in self._endpoints:
            self._start(queue)
        self._endpoints.drop_idle()
        self._look_again(claimed, probes, fresh, now)

    def _credits(self, now: float) -> dict[UUID, int]:
        """How many deliveries to claim for each endpoint whose breaker is closed, where that may
        have some.
        """
        # Nothing more before the database knows of a failure: it may be the subscription's end.
        failed = self._recorder.failed
        held = Counter[UUID]()
        for queue in self._endpoints:
            held[queue.endpoint.domain] += queue.held
            if queue.breaker.is_closed:
                self._due.add(queue.endpoint)
        due, self._due = self._due, set()
        found: dict[UUID, int] = {}
        for endpoint in due:
            credit = min(
                self._endpoints.credit(endpoint.id, now), _HELD_PER_DOMAIN - held[endpoint.domain]
            )
            if credit > 0 and endpoint.id not in failed:
                found[endpoint.id] = credit
        return found

    def _take_probes(self) -> dict[UUID, UUID]:
        """Endpoints that are to be probed now, with their domains."""
        failed = self._recorder.failed

        def is_free(endpoint: UUID) -> bool:
            """Else it is considered again once its outcome is recorded."""
            queue = self._endpoints.find(endpoint)
            return endpoint not in failed and not (queue and queue.held)

        return {
            endpoint.id: endpoint.domain
            for probes in (self._fresh, self._failing)
            for endpoint in probes.take(is_free)
        }

    def _take_woken(self, probes: Mapping[UUID, UUID]) -> dict[UUID, int]:
        """Domains whose subscriptions may have endpoints never tried, and how many of them may be
        tried now; domains without a slot go on waiting.
        """
        taken = Counter(probes.values())
        slots = self._fresh.slots
        left = {domain: slots.left(domain) - taken[domain] for domain in self._woken}
        fresh = {domain: number for domain, number in left.items() if number > 0}
        self._woken -= fresh.keys()
        return fresh

    def _look_again(
        self,
        claimed: Sequence[deliveries.Delivery],
        probes: Mapping[UUID, UUID],
        fresh: Mapping[UUID, int],
        now: float,
    ) -> None:
        """Where there may be more than this claim gave, it is looked for again."""
        if len(claimed) == deliveries.BATCH:
            for endpoint, domain in probes.items():
                self._consider(Endpoint(domain, endpoint), now)
            self._woken.update(fresh)
            self._schedule.add("probes")
        tried = Counter(each.domain_uuid for each in claimed if each.endpoint not in probes)
        self._woken.update(domain for domain, most in fresh.items() if tried[domain] >= most)
        if (
            self._fresh.can_go_on
            or self._failing.can_go_on
            or any(map(self._fresh.slots.left, self._woken))
        ):
            self._schedule.add("probes")

    # --- sending

    def _start(self, queue: EndpointQueue) -> None:
        """As many workers as the queue has slots and deliveries."""
        for _ in range(min(queue.slots - queue.sending, len(queue.waiting))):
            queue.sending += 1
            task = asyncio.create_task(self._work(queue))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    async def _work(self, queue: EndpointQueue) -> None:
        """Sends what waits in the queue, one by one, while there is a slot for this worker."""
        try:
            while queue.waiting and queue.sending <= queue.slots:
                delivery, send_by = queue.waiting.popleft()
                outcome = deliveries.Outcome(delivery, "due")  # given back, should this be cut off
                try:
                    outcome = await self._outcome(queue, delivery, send_by)
                finally:
                    self._recorder.add([outcome])
        finally:
            queue.sending -= 1

    async def _outcome(
        self, queue: EndpointQueue, delivery: deliveries.Delivery, send_by: float
    ) -> deliveries.Outcome:
        """What came of one delivery."""
        if not delivery.is_enabled:
            return self._sender.not_sent(delivery)
        clock, domain = asyncio.get_running_loop().time, delivery.domain_uuid
        slots = self._slots(queue.breaker)
        await slots.acquire(domain)
        try:
            if clock() > send_by:
                return deliveries.Outcome(delivery, "due")
            sent = await self._sender.send(delivery)
        finally:
            slots.release(domain)
            if domain in self._woken or self._fresh.waits(domain) or self._failing.waits(domain):
                self._schedule.add("probes")
        is_taken = sent.outcome.state == "delivered"
        queue.record(clock(), is_taken=is_taken, latency_s=sent.latency_s)
        self._endpoints.remember(delivery, queue.breaker)
        if is_taken:
            self._start(queue)
        else:
            self._give_back(queue)
        return sent.outcome

    def _slots(self, breaker: CircuitBreaker) -> FairSlots:
        """The part of the slots that its endpoint shares."""
        if breaker.is_closed:
            return self._proven
        return (self._fresh if breaker.failures is None else self._failing).slots

    def _give_back(self, queue: EndpointQueue) -> None:
        """What the queue has not begun to send is due again, for whatever dispatcher has room."""
        self._recorder.add([deliveries.Outcome(delivery, "due") for delivery, _ in queue.waiting])
        queue.waiting.clear()

    # --- recording

    async def _record(
        self,
        tx: db.Tx,
        outcomes: Sequence[deliveries.Outcome],
        disable_reason: delivery_outcomes.DisableReason,
    ) -> delivery_outcomes.Recorded:
        return await delivery_outcomes.record(tx, outcomes, disable_reason, marks=self._marks)

    def _recorded(self, recorded: delivery_outcomes.Recorded) -> None:
        """Endpoints with more that is due are looked at again."""
        for domain, endpoint in recorded.due:
            breaker = self._endpoints.breaker(endpoint)
            self._schedule.add(Endpoint(domain, endpoint), breaker.probe_at)
        for subscription in recorded.disabled:  # others may have subscribed to that
            self._schedule.add(Domain(subscription.domain_uuid))

    # --- stopping

    async def _finish_sending(self) -> None:
        """Nothing is sent any more; what had not begun to be is given back."""
        for queue in self._endpoints:
            self._give_back(queue)
        if self._workers:
            await asyncio.wait(self._workers, timeout=self._grace_s)
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._endpoints.drop_idle()


def _fair(total: int, domain_share: float) -> FairSlots:
    return FairSlots(max(1, total), max(1, round(total * domain_share)))
