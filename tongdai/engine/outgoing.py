"""Outbound calls counted for call barring: their rate, their minutes, and attempts on barred
destinations. Derived from live calls; the day's minutes also from the records.
"""

import contextlib
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TypeAlias
from uuid import UUID

import prometheus_client
import structlog

from tongdai import errors
from tongdai.pbx import barring
from tongdai.pbx.call import Call, Ended
from tongdai.pbx.directory import Domain
from tongdai.store import cdrs, db, domains, extensions
from tongdai.windows import Clock, SlidingWindow

log = structlog.get_logger()

Who: TypeAlias = tuple[UUID, str]
"""A domain's extension; "" for the domain as a whole."""

_BARRED = prometheus_client.Counter(
    "tongdai_barred_calls_total",
    "Calls out that were not made, by the limit that they met.",
    ("reason",),
)
_SUSPENDED = prometheus_client.Counter(
    "tongdai_suspensions_total",
    "How often calls out of an extension, or of a whole domain, were suspended.",
    ("what",),
)


class Outgoing:
    """The counts of all domains."""

    def __init__(self, database: db.Database, clock: Clock = time.monotonic) -> None:
        self._database = database
        self._started = SlidingWindow[UUID](barring.WINDOW.total_seconds(), clock)
        # attempts on barred destinations
        self._tried = SlidingWindow[Who](barring.WINDOW.total_seconds(), clock)
        self._talked: dict[UUID, tuple[date, int]] = {}  # seconds of the day's ended calls
        for reason in barring.BarReason:
            _BARRED.labels(reason)

    async def usage(self, domain: Domain, calls: Iterable[Call], now: datetime) -> barring.Usage:
        """The domain's usage of its limits, including its live `calls`. Raises
        errors.Unavailable.
        """
        talked_s = 0
        if domain.minutes_per_day is not None:
            over = await self._over(domain, now)
            talked_s = over + sum(call.seconds_out(now) for call in calls)
        return barring.Usage(self._started.count(domain.domain_uuid), talked_s)

    async def _over(self, domain: Domain, now: datetime) -> int:
        today = barring.day(domain, now)
        known = self._talked.get(domain.domain_uuid)
        if known is None or known[0] != today:
            async with self._database.connection() as tx:
                talked = await cdrs.talked_out(
                    tx, domain.domain_uuid, barring.day_began(domain, now)
                )
            known = self._talked[domain.domain_uuid] = (today, talked)
        return known[1]

    def update(self, before: Call | None, call: Call, at: datetime) -> None:
        """The call is as given now."""
        is_dialled = before is None or (
            before.attempt != call.attempt and before.merged == call.merged
        )
        if call.egress_trunk and is_dialled:
            ago_s = (datetime.now(UTC) - at).total_seconds()
            self._started.add(call.domain_uuid, ago_s)
        is_over = (
            isinstance(call.course, Ended)
            and before is not None
            and not isinstance(before.course, Ended)
        )
        if is_over and (known := self._talked.get(call.domain_uuid)):
            self._talked[call.domain_uuid] = (known[0], known[1] + call.seconds_out(at))

    async def barred(
        self, domain: Domain, extension: str, number: str, reason: barring.BarReason
    ) -> None:
        """An outbound call met a limit. An extension or domain that keeps trying barred
        destinations is suspended for some time.
        """
        _BARRED.labels(reason).inc()
        log.warning(
            "call.barred",
            domain=domain.name,
            extension=extension,
            number=number,
            reason=str(reason),
        )
        # calls from outside that a hotline leads out again are nobody's attempt
        if reason is not barring.BarReason.DESTINATION or not extension:
            return
        for who, most in ((extension, barring.SUSPEND_AFTER), ("", barring.SUSPEND_DOMAIN_AFTER)):
            if self._is_too_often((domain.domain_uuid, who), most):
                await self._suspend(domain, who, number)

    def _is_too_often(self, who: Who, most: int) -> bool:
        """Whether the count has just reached `most`: True once, not for each later attempt."""
        self._tried.add(who)
        if self._tried.count(who) < most:
            return False
        self._tried.clear(who)
        return True

    async def _suspend(self, domain: Domain, extension: str, number: str) -> None:
        until = datetime.now(UTC) + barring.SUSPENSION
        why = f"tried barred numbers, the last one {number}"
        _SUSPENDED.labels("extension" if extension else "domain").inc()
        log.error(
            "call.suspended",
            domain=domain.name,
            extension=extension,
            until=until.isoformat(),
            why=why,
        )
        with contextlib.suppress(errors.Unavailable, errors.NotFound):
            async with self._database.connection() as tx:
                if extension:
                    await extensions.suspend(tx, domain.domain_uuid, extension, until, why)
                else:
                    await domains.suspend(tx, domain.domain_uuid, until, why)
