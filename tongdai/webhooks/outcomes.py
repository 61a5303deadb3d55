"""Outcomes on their way into the database: they gather, and are recorded together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.store import db, deliveries
from tongdai.store.delivery_outcomes import DisableReason, Recorded
from tongdai.webhooks import retry

# for so long a busy machine lets outcomes gather: a transaction costs more than they do
_GATHER_S = 0.005
_PAUSE_S = 0.25  # after a step that failed

_log = structlog.get_logger()
Record = Callable[[db.Tx, Sequence[deliveries.Outcome], DisableReason], Awaitable[Recorded]]


class OutcomeRecorder:
    """Records outcomes while it runs. `recorded` is called with what the database says after
    each transaction.
    """

    def __init__(
        self,
        database: db.Database,
        record: Record,
        recorded: Callable[[Recorded], None],
    ) -> None:
        self._database, self._record, self._recorded = database, record, recorded
        self._outcomes: list[deliveries.Outcome] = []
        self._has_some = asyncio.Event()

    def add(self, outcomes: Iterable[deliveries.Outcome]) -> None:
        """They are recorded soon."""
        self._outcomes += outcomes
        self._has_some.set()

    @property
    def failed(self) -> set[UUID]:
        """Endpoints with a failure that the database does not know yet."""
        return {
            outcome.delivery.endpoint for outcome in self._outcomes if outcome.state != "delivered"
        }

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            while self._outcomes:
                await attempted(self.record)
                if self._outcomes:
                    await asyncio.sleep(_GATHER_S)

    async def record(self) -> None:
        """The oldest outcomes are in the database; what waited for them may be due."""
        outcomes = self._outcomes[: deliveries.BATCH]
        has_news = any(outcome.is_news for outcome in outcomes)
        async with self._database.transaction() if has_news else self._database.connection() as tx:
            recorded = await self._record(tx, outcomes, retry.disable_reason)
        del self._outcomes[: len(outcomes)]
        for subscription in recorded.disabled:
            _log.warning(
                "subscription disabled",
                subscription_uuid=str(subscription.subscription_uuid),
                domain_uuid=str(subscription.domain_uuid),
                callback_url=subscription.callback_url,
                why=subscription.disabled_reason,
            )
        self._recorded(recorded)

    async def finish(self) -> None:
        """Everything is recorded, unless the database is away: then leases end."""
        try:
            while self._outcomes:
                await self.record()
        except Exception as reason:  # noqa: BLE001  we stop, whatever it is
            _log.warning(
                "deliveries are left to their leases",
                outcomes=len(self._outcomes),
                why=str(reason),
            )
            self._outcomes.clear()


async def attempted(step: Callable[[], Awaitable[None]]) -> None:
    """The step was done, or it failed and a pause is over: the next one may do better."""
    try:
        await step()
    except errors.Unavailable as reason:
        _log.warning("deliveries wait for the database", why=str(reason))
        await asyncio.sleep(_PAUSE_S)
    except Exception:  # noqa: BLE001  nobody else would deliver
        _log.exception("a step of the dispatcher failed")
        await asyncio.sleep(_PAUSE_S)
