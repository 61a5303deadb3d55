"""Outcomes are collected and recorded together in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.store import db, deliveries
from tongdai.store.delivery_outcomes import DisableReason, Recorded, Turned
from tongdai.webhooks import retry

# a busy machine collects outcomes for so long: a transaction costs more than they do
_GATHER_S = 0.005
_PAUSE_S = 0.25  # seconds of pause after a failed step

_log = structlog.get_logger()
Record = Callable[[db.Tx, Sequence[deliveries.Outcome], DisableReason], Awaitable[Recorded]]


class OutcomeRecorder:
    """Records outcomes while it runs. It calls `recorded` with the database's answer after each
    transaction.
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
        """Takes outcomes, to be recorded soon."""
        self._outcomes += outcomes
        self._has_some.set()

    @property
    def failed(self) -> set[UUID]:
        """Endpoints with a failure that is not recorded yet."""
        return {
            outcome.delivery.endpoint for outcome in self._outcomes if outcome.state != "delivered"
        }

    async def run(self) -> None:
        """Records until it is cancelled."""
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            while self._outcomes:
                await attempted(self.record)
                if self._outcomes:
                    await asyncio.sleep(_GATHER_S)

    async def record(self) -> None:
        """Records the oldest outcomes; deliveries that waited for them may be due."""
        outcomes = self._outcomes[: deliveries.BATCH]
        has_news = any(outcome.is_news for outcome in outcomes)
        async with self._database.transaction() if has_news else self._database.connection() as tx:
            recorded = await self._record(tx, outcomes, retry.disable_reason)
        del self._outcomes[: len(outcomes)]
        for turned in recorded.turned:
            _log_turned(turned, outcomes)
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
        """Records all outcomes, unless the database is away: then the leases run out."""
        try:
            while self._outcomes:
                await self.record()
        except Exception as reason:  # noqa: BLE001  we are stopping in any case
            _log.warning(
                "deliveries are left to their leases",
                outcomes=len(self._outcomes),
                why=str(reason),
            )
            self._outcomes.clear()


def _log_turned(turned: Turned, outcomes: Sequence[deliveries.Outcome]) -> None:
    """One line when a subscription begins to fail, with its last failure, and one when it ceases
    to. Without the query of its URL, which may hold secrets.
    """
    who = {
        "domain": turned.domain,
        "subscription_uuid": str(turned.subscription_uuid),
        "event_name": turned.event_name,
        "callback_url": turned.callback_url.partition("?")[0],
    }
    if not turned.is_failing:
        _log.info("subscription.recovered", **who)
        return
    failures = [
        each.attempt
        for each in outcomes
        if each.delivery.subscription_uuid == turned.subscription_uuid
        and each.attempt
        and each.state != "delivered"
    ]
    last = failures[-1] if failures else None
    _log.warning(
        "subscription.failing",
        **who,
        status=last.status if last else 0,
        why=last.error if last else "",
    )


async def attempted(step: Callable[[], Awaitable[None]]) -> None:
    """Runs the step. If it fails, it is logged, and a pause follows before the next one."""
    try:
        await step()
    except errors.Unavailable as reason:
        _log.warning("deliveries wait for the database", why=str(reason))
        await asyncio.sleep(_PAUSE_S)
    except Exception:  # noqa: BLE001  this task is the only one that delivers
        _log.exception("a step of the dispatcher failed")
        await asyncio.sleep(_PAUSE_S)
