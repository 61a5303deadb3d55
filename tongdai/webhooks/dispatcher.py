"""The dispatcher claims due deliveries, sends them, and records the outcomes. Claims and records
run side by side.

The schedule decides what to look at next. Each endpoint has a queue and a circuit breaker.
Endpoints with a closed breaker share most of the slots; untried endpoints share an eighth, failing
ones another eighth. One domain holds at most a tenth of each part, so its endpoints delay no other
domain's. Deliveries without a slot stay in the database.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from tongdai.encryption import MasterKey
from tongdai.store import db, deliveries, delivery_outcomes, low_water, measured
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
"""The lease of a claimed delivery. When a dispatcher dies, its deliveries wait until the lease
ends; the later events of their call wait longer.
"""
SEND_WITHIN_S = 8.0  # after the claim, or not at all: the POST must end before the lease
_HELD = 4096  # most deliveries claimed at a time: limits memory, and what a crash delays
_HELD_PER_DOMAIN = _HELD // 10
_LOOK_SHARE = 10  # looks take a tenth of the time at most, for any number of endpoints
_COUNT_EVERY_S = 10.0


class Dispatcher:
    """Delivers for all domains until it is stopped. Any number of dispatchers may share a
    database.

    `poll_s`: how late a delivery may start that no `wake` announced. `slots`: POSTs at a time;
    `concurrency`: those of them to one endpoint. `domain_share`: the part of the slots that one
    domain may hold. `send_within_s`: a delivery is sent so soon after its claim, or not at all.
    `probe_every_s`: the pause between two probes of an endpoint that keeps failing. `grace_s`: how
    long POSTs under way may take after `stop`.
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
        self._marks = low_water.NOT_LOOKED  # from the latest look
        self._recorder = OutcomeRecorder(database, self._record, self._recorded)
        self._workers: set[asyncio.Task[None]] = set()
        self.looks = 0  # how often it has looked for due deliveries
        self._count_at = 0.0
        self._is_stopping = False

    def wake(self, domains: Collection[UUID] = ()) -> None:
        """Announces new deliveries that may be due for these domains (no names: for any domain).
        Call it after the commit.
        """
        for domain in domains:
            self._schedule.add(Domain(domain))
        if not domains:
            self._schedule.add("everything")

    def stop(self) -> None:
        """`run` claims nothing more, gives back the deliveries that it has not begun to send, and
        returns.
        """
        self._is_stopping = True
        self._schedule.wake()

    async def run(self) -> None:
        """Delivers until `stop`, or until it is cancelled; POSTs under way then have `grace_s` to
        end.
        """
        self._is_stopping = False
        delivering = asyncio.create_task(self._deliver())
        try:
            await asyncio.shield(delivering)
        except asyncio.CancelledError:
            self.stop()  # a cancelled claim would hold its deliveries until the lease ends
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

    # --- look for due deliveries

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
                    pass  # below; `_claim` considers those that wait for a slot anyway
        if "everything" in subjects:
            await self._look(now)
        await self._claim(now)

    async def _look(self, now: float) -> None:
        """Finds the endpoints with due deliveries, from all publishers, and schedules the next
        look.
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
                    metrics.show(await measured.webhooks(tx))
        finally:
            self._schedule.add("everything", next_at)
        self._marks = looked.marks
        self.looks += 1
        for domain, endpoint in looked.due:
            self._consider(Endpoint(domain, endpoint), now)

    def _consider_domain(self, domain: UUID, now: float) -> None:
        """The endpoints of the domain's subscriptions may have due deliveries, untried ones
        too.
        """
        self._woken.add(domain)
        for endpoint in self._endpoints.subscribed(domain):
            self._consider(Endpoint(domain, endpoint), now)

    def _consider(self, endpoint: Endpoint, now: float) -> None:
        """The endpoint may have due deliveries; they are claimed as soon as its breaker permits
        it.
        """
        breaker = self._endpoints.breaker(endpoint.id)
        match breaker.state(now):
            case "closed":
                self._due.add(endpoint)
            case "half-open":
                (self._fresh if breaker.failures is None else self._failing).add(endpoint)
            case "open":
                self._schedule.add(endpoint, breaker.probe_at)

    # --- claim

    async def _claim(self, now: float) -> None:
        """Claims what is due for the endpoints with credit, and starts to send it."""
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
        """The credit of each endpoint with a closed breaker that may have due deliveries."""
        # Claim nothing more before the failure is recorded: it may disable the subscription.
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
        """Endpoints to be probed now, with their domains."""
        failed = self._recorder.failed

        def is_free(endpoint: UUID) -> bool:
            """Otherwise the endpoint is considered again after its outcome is recorded."""
            queue = self._endpoints.find(endpoint)
            return endpoint not in failed and not (queue and queue.held)

        return {
            endpoint.id: endpoint.domain
            for probes in (self._fresh, self._failing)
            for endpoint in probes.take(is_free)
        }

    def _take_woken(self, probes: Mapping[UUID, UUID]) -> dict[UUID, int]:
        """Domains whose subscriptions may have untried endpoints, and how many of these may be
        tried now; domains without a free slot keep waiting.
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
        """Schedules another look where more may be due than this claim returned."""
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

    # --- send

    def _start(self, queue: EndpointQueue) -> None:
        """Starts workers, as many as the queue has slots and deliveries."""
        for _ in range(min(queue.slots - queue.sending, len(queue.waiting))):
            queue.sending += 1
            task = asyncio.create_task(self._work(queue))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    async def _work(self, queue: EndpointQueue) -> None:
        """Sends the deliveries of the queue one by one, while there is a slot for this worker."""
        try:
            while queue.waiting and queue.sending <= queue.slots:
                delivery, send_by = queue.waiting.popleft()
                outcome = deliveries.Outcome(delivery, "due")  # given back if this is cancelled
                try:
                    outcome = await self._outcome(queue, delivery, send_by)
                finally:
                    self._recorder.add([outcome])
        finally:
            queue.sending -= 1

    async def _outcome(
        self, queue: EndpointQueue, delivery: deliveries.Delivery, send_by: float
    ) -> deliveries.Outcome:
        """Sends one delivery and returns its outcome."""
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
        """The part of the slots that the endpoint belongs to."""
        if breaker.is_closed:
            return self._proven
        return (self._fresh if breaker.failures is None else self._failing).slots

    def _give_back(self, queue: EndpointQueue) -> None:
        """Gives back the deliveries that the queue has not begun to send: they are due again, for
        any dispatcher with a free slot.
        """
        self._recorder.add([deliveries.Outcome(delivery, "due") for delivery, _ in queue.waiting])
        queue.waiting.clear()

    # --- record

    async def _record(
        self,
        tx: db.Tx,
        outcomes: Sequence[deliveries.Outcome],
        disable_reason: delivery_outcomes.DisableReason,
    ) -> delivery_outcomes.Recorded:
        return await delivery_outcomes.record(tx, outcomes, disable_reason, marks=self._marks)

    def _recorded(self, recorded: delivery_outcomes.Recorded) -> None:
        """Schedules the endpoints that have more due deliveries."""
        for domain, endpoint in recorded.due:
            breaker = self._endpoints.breaker(endpoint)
            self._schedule.add(Endpoint(domain, endpoint), breaker.probe_at)
        for subscription in recorded.disabled:  # other endpoints may be subscribed to that event
            self._schedule.add(Domain(subscription.domain_uuid))

    # --- stop

    async def _finish_sending(self) -> None:
        """Stops all sending, and gives back the deliveries not begun."""
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
