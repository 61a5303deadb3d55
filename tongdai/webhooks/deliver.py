"""The dispatcher: claims what is due, sends it, settles what came of it; claiming and settling go
on side by side.

Each endpoint has a lane. A lane sends `width` deliveries at a time once its endpoint has taken
one, and one at a time while it does not, so an endpoint that hangs holds few slots and delays
nobody; what waits for it stays in the database.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram

from tongdai import dialects, errors
from tongdai.seal import Seal
from tongdai.store import checks, db, deliveries
from tongdai.webhooks import retry, sign
from tongdai.webhooks.client import Client

LEASE_S = 25.0
"""How long a delivery waits for a dispatcher that died with it; less than later events of its call wait for it."""
SEND_WITHIN_S = 8.0  # of the claim, or not at all: the POST must end before the lease
_AHEAD_S = 0.25  # how much work a lane claims ahead
_AHEAD = 16  # and at most so many times its slots
_HELD = 4096  # deliveries in all lanes, at most: memory, and what a crash delays
# failures in a row; with more of them an endpoint is tried once a poll, not again and again
_DOUBTS = 3
_REMEMBERED = 100_000  # endpoints
_LEISURE = 10  # looking takes a tenth of the time at most, however many endpoints there are
_COUNT_EVERY_S = 10.0
# how long a busy machine lets outcomes gather: a transaction costs more than they do
_GATHER_S = 0.005
_NOT_SENT = "not sent: the subscription is disabled"
_PAUSE_S = 0.25  # after a round that failed

_log = structlog.get_logger()
_counter = Counter(
    "tongdai_delivery_attempts", "POSTs to subscribers, by the state that followed.", ["state"]
)
_attempts = {state: _counter.labels(state) for state in ("delivered", "due", "failed")}
_latency = Histogram(
    "tongdai_delivery_post_seconds",
    "Time of one POST.",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
_age = Histogram(
    "tongdai_delivery_age_seconds",
    "From the publishing of an event to its delivery.",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000, 10_000, 100_000),
)
_owed = Gauge(
    "tongdai_deliveries_owed", "Deliveries neither delivered nor given up; counted up to 100,000."
)


class Lane:
    """One endpoint while there is work for it: what is claimed, and how it takes it."""

    def __init__(self, width: int, failures: int | None) -> None:
        # with the loop time to send it by
        self.queue: deque[tuple[deliveries.Delivery, float]] = deque()
        self.workers = 0
        self.failures = failures  # in a row, as of late; None: not known
        self._width, self._latency_s = width, _AHEAD_S

    @property
    def slots(self) -> int:
        """How many deliveries it sends at a time."""
        return self._width if self.failures == 0 else 1

    @property
    def room(self) -> int:
        """How many more deliveries are to be claimed for it: more ahead, the quicker its endpoint
        is.
        """
        if self.failures:
            return 0 if self.workers else 1
        ahead = min(_AHEAD, max(1, int(_AHEAD_S / self._latency_s)))
        return max(0, self._width * ahead - self.workers - len(self.queue))

    @property
    def is_idle(self) -> bool:
        return not self.queue and not self.workers

    def learn(self, *, is_taken: bool, latency_s: float) -> None:
        """Its endpoint took a delivery or it did not."""
        self.failures = 0 if is_taken else (self.failures or 0) + 1
        self._latency_s += (max(latency_s, 0.001) - self._latency_s) / 8


class Dispatcher:
    """Delivers for all domains until it is stopped. Any number of them may share a database.

    `poll_s`: how late a delivery may start that nobody woke it for. `slots`: POSTs at a time;
    `width`: those of them to one endpoint. `send_within_s`: how long after its claim a delivery may
    be sent. `chance`: random numbers from 0 to 1. `clock`: Unix
    seconds.
    """

    def __init__(
        self,
        database: db.Database,
        seal: Seal,
        client: Client,
        *,
        poll_s: float = 0.25,
        slots: int = 512,
        width: int = 8,
        grace_s: float = 5.0,
        send_within_s: float = SEND_WITHIN_S,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._client = database, client
        self._poll_s, self._width, self._grace_s = poll_s, width, grace_s
        self._send_within_s = send_within_s
        self._chance, self._clock = chance, clock
        self._apikey = lru_cache(4096)(seal.open)
        self._key = lru_cache(4096)(lambda sealed: sign.key(seal.open(sealed)))
        # Endpoints that failed share a part of the slots, so however many of them hang, the others
        # have theirs.
        self._trials = asyncio.Semaphore(max(1, slots // 4))
        self._slots = asyncio.Semaphore(max(1, slots - slots // 4))
        self._lanes: dict[UUID, Lane] = {}
        self._failures: dict[UUID, int] = {}  # of endpoints, in a row; kept when they have no lane
        self._found: set[UUID] = set()  # endpoints that may have more
        self._woken: set[UUID] = set()  # domains that may have more
        self._heads = deliveries.NOT_LOOKED  # as of the latest look
        self._outcomes: list[deliveries.Outcome] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._awake, self._to_settle = asyncio.Event(), asyncio.Event()
        self._poll_at = self._count_at = 0.0
        self._is_stopping = False

    def wake(self, domains: Collection[UUID] = ()) -> None:
        """New deliveries may be due for these domains (none named: for any). To be called after
        the commit.
        """
        if domains:
            self._woken.update(domains)
        else:
            self._poll_at = 0.0
        self._awake.set()

    def stop(self) -> None:
        """`run` claims nothing more, gives back what it has not begun to send, and returns."""
        self._is_stopping = True
        self._awake.set()

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
        settling = asyncio.create_task(self._keep_settling())
        await self._nap()
        while not self._is_stopping:
            await self._patiently(self._look_and_claim)
            await self._nap()
        await self._finish_sending()
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        await self._finish_settling()

    async def _keep_settling(self) -> None:
        while True:
            await self._to_settle.wait()
            self._to_settle.clear()
            while self._outcomes:
                await self._patiently(self._settle)
                if self._outcomes:
                    await asyncio.sleep(_GATHER_S)

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """The step, or a pause when it fails: whatever it was, the next one may do better."""
        try:
            await step()
        except errors.Unavailable as reason:
            _log.warning("deliveries wait for the database", why=str(reason))
            await asyncio.sleep(_PAUSE_S)
        except Exception:  # noqa: BLE001  nobody else would deliver
            _log.exception("a step of the dispatcher failed")
            await asyncio.sleep(_PAUSE_S)

    async def _nap(self) -> None:
        """Returns when there is something to claim, or it is time to look."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._poll_at):
                await self._awake.wait()
        self._awake.clear()

    async def _settle(self) -> None:
        """The oldest outcomes are in the database; what waited for them may be due."""
        outcomes = self._outcomes[: deliveries.BATCH]
        has_news = any(outcome.is_news for outcome in outcomes)
        async with self._database.transaction() if has_news else self._database.connection() as tx:
            settled = await deliveries.settle(
                tx, outcomes, disable_after_s=retry.DISABLE_AFTER_S, heads=self._heads
            )
        del self._outcomes[: len(outcomes)]
        if more := [
            endpoint for endpoint in settled.due if self._failures.get(endpoint, 0) <= _DOUBTS
        ]:
            self._found.update(more)
            self._awake.set()
        if settled.disabled:
            self.wake({subscription.domain_uuid for subscription in settled.disabled})
        for subscription in settled.disabled:
            _log.warning(
                "subscription disabled",
                subscription_uuid=str(subscription.subscription_uuid),
                domain_uuid=str(subscription.domain_uuid),
                callback_url=subscription.callback_url,
                why=subscription.disabled_reason,
            )

    async def _look_and_claim(self) -> None:
        await self._look()
        await self._claim()

    async def _look(self) -> None:
        """Every `poll_s`: the endpoints with something due are known, whoever published it."""
        loop = asyncio.get_running_loop()
        if (now := loop.time()) < self._poll_at:
            return
        async with self._database.connection() as tx:
            looked = await deliveries.look(tx)
            self._heads = looked.heads
            self._found.update(looked.due)
            self._poll_at = now + max(self._poll_s, _LEISURE * (loop.time() - now))
            if now >= self._count_at:
                self._count_at = now + _COUNT_EVERY_S
                _owed.set(await deliveries.count_owed(tx))

    async def _claim(self) -> None:
        """Lanes with room have what is due for them, and are sending it."""
        rooms = self._rooms()
        if not (self._woken or any(room != 0 for room in rooms.values())) or self._held() >= _HELD:
            return
        woken, self._woken, self._found = self._woken, set(), set()
        async with self._database.connection() as tx:
            claimed = await deliveries.claim(
                tx, woken, rooms, room=self._width, lease_s=LEASE_S, heads=self._heads
            )
        send_by = asyncio.get_running_loop().time() + self._send_within_s
        for delivery in claimed:
            self._lane(delivery).queue.append((delivery, send_by))
        for lane in self._lanes.values():
            self._start(lane)
        if len(claimed) == deliveries.BATCH:
            self._found.update(rooms)  # there may be more than fitted into one claim
            self._woken.update(woken)
            self._awake.set()
        self._lanes = {
            endpoint: lane for endpoint, lane in self._lanes.items() if not lane.is_idle
        }

    def _rooms(self) -> dict[UUID, int | None]:
        """Of the endpoints that may have more and those at work; None: as the database thinks
        fit.
        """
        busy = {endpoint for endpoint, lane in self._lanes.items() if not lane.is_idle}
        rooms = {
            endpoint: self._lanes[endpoint].room if endpoint in self._lanes else None
            for endpoint in self._found | busy
        }
        # Nothing more before the database knows of a failure: it may be the subscription's end.
        return rooms | {
            outcome.delivery.endpoint: 0
            for outcome in self._outcomes
            if outcome.state != "delivered"
        }

    def _held(self) -> int:
        return sum(lane.workers + len(lane.queue) for lane in self._lanes.values())

    def _lane(self, delivery: deliveries.Delivery) -> Lane:
        if (lane := self._lanes.get(delivery.endpoint)) is None:
            failures = self._failures.get(delivery.endpoint, 1 if delivery.is_failing else None)
            lane = self._lanes[delivery.endpoint] = Lane(self._width, failures)
        return lane

    def _learn(self, lane: Lane, endpoint: UUID, *, is_taken: bool, latency_s: float) -> None:
        """The endpoint took a delivery or it did not."""
        lane.learn(is_taken=is_taken, latency_s=latency_s)
        if len(self._failures) >= _REMEMBERED:
            self._failures.clear()
        self._failures[endpoint] = lane.failures or 0
        if is_taken:
            self._start(lane)
        else:
            self._give_back(lane)

    def _start(self, lane: Lane) -> None:
        """As many workers as the lane has slots and deliveries."""
        for _ in range(min(lane.slots - lane.workers, len(lane.queue))):
            lane.workers += 1
            task = asyncio.create_task(self._work(lane))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    async def _work(self, lane: Lane) -> None:
        """Sends what is in the lane's queue, one by one, while there is a slot for this worker."""
        try:
            while lane.queue and lane.workers <= lane.slots:
                delivery, send_by = lane.queue.popleft()
                outcome = deliveries.Outcome(delivery, "due")  # given back, should this be cut off
                try:
                    outcome = await self._outcome(lane, delivery, send_by)
                finally:
                    self._outcomes.append(outcome)
                    self._to_settle.set()
        finally:
            lane.workers -= 1

    def _give_back(self, lane: Lane) -> None:
        """What the lane has not begun to send is due again, for whoever has room."""
        self._outcomes += [deliveries.Outcome(delivery, "due") for delivery, _ in lane.queue]
        lane.queue.clear()
        self._to_settle.set()

    async def _outcome(
        self, lane: Lane, delivery: deliveries.Delivery, send_by: float
    ) -> deliveries.Outcome:
        """What came of one delivery."""
        if not delivery.is_enabled:
            not_sent = deliveries.Attempt(
                datetime.fromtimestamp(self._clock(), UTC), 0, 0, _NOT_SENT
            )
            return deliveries.Outcome(delivery, "failed", attempt=not_sent)
        async with self._trials if lane.failures else self._slots:
            if asyncio.get_running_loop().time() > send_by:
                return deliveries.Outcome(delivery, "due")
            at = self._clock()
            answer = await self._post(delivery, int(at))
        verdict = retry.judge(delivery.attempts + 1, answer, self._chance())
        self._learn(
            lane,
            delivery.endpoint,
            is_taken=verdict.state == "delivered",
            latency_s=answer.latency_s,
        )
        self._count(delivery, verdict, answer)
        attempt = deliveries.Attempt(
            datetime.fromtimestamp(at, UTC),
            answer.status,
            int(answer.latency_s * 1000),
            answer.error,
        )
        return deliveries.Outcome(
            delivery, verdict.state, verdict.delay_s, attempt, verdict.disable
        )

    def _count(
        self, delivery: deliveries.Delivery, verdict: retry.Verdict, answer: retry.Answer
    ) -> None:
        _attempts[verdict.state].inc()
        _latency.observe(answer.latency_s)
        if verdict.state == "delivered":
            _age.observe(max(0.0, self._clock() - delivery.created_at.timestamp()))

    async def _post(self, delivery: deliveries.Delivery, timestamp: int) -> retry.Answer:
        """How the POST went, or why it could not be made."""
        try:
            body = dialects.event(delivery.dialect, delivery.event_name, delivery.facts)
            secrets = filter(None, (delivery.secret_sealed, delivery.previous_secret_sealed))
            headers = sign.headers(
                delivery.event_uuid, timestamp, body, [self._key(secret) for secret in secrets]
            )
            if delivery.callback_apikey_sealed:
                headers["Authorization"] = self._apikey(delivery.callback_apikey_sealed)
                checks.header_value(headers["Authorization"], "callback_apikey")
        except dialects.Unknown:  # a dispatcher of that version delivers it at a later attempt
            return retry.Answer(error="the event was published by a newer version")
        except errors.Invalid as reason:
            return retry.Answer(
                error=f"{reason.field} cannot be used: {reason.why}", is_hopeless=True
            )
        except (errors.WrongMasterKey, ValueError):
            return retry.Answer(error="the subscription's secrets cannot be read")
        return await self._client.post(delivery.callback_url, headers, body)

    async def _finish_sending(self) -> None:
        """Nothing is sent any more; what had not begun to be is given back."""
        for lane in self._lanes.values():
            self._give_back(lane)
        if self._workers:
            await asyncio.wait(self._workers, timeout=self._grace_s)
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._lanes.clear()

    async def _finish_settling(self) -> None:
        """Nothing is claimed any more, unless the database is away: then leases end."""
        try:
            while self._outcomes:
                await self._settle()
        except Exception as reason:  # noqa: BLE001  we stop, whatever it is
            _log.warning(
                "deliveries are left to their leases",
                outcomes=len(self._outcomes),
                why=str(reason),
            )
            self._outcomes.clear()
