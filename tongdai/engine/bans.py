"""Who gives too many wrong passwords is not listened to for a while. Found in the switch's
security log.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import prometheus_client
import structlog

from tongdai import errors
from tongdai.asterisk import security
from tongdai.asterisk.security import Attempt
from tongdai.store import bans, db
from tongdai.windows import SlidingWindow

log = structlog.get_logger()

LOOK_S = 1.0
WINDOW = timedelta(minutes=1)
BAN = timedelta(hours=1)
# how long a right proof speaks for its address: phones register again by then
TRUST = timedelta(hours=1)
TRUSTED = 10  # times as many failures are borne with from there

_FAILED = prometheus_client.Counter(
    "tongdai_sip_failures_total", "Wrong proofs that SIP requests came with."
)
_BANNED = prometheus_client.Counter("tongdai_bans_total", "Addresses that were banned.")


class Bans:
    """`most` wrong proofs within a minute are borne with; 0: any number."""

    def __init__(self, database: db.Database, path: Path, most: int) -> None:
        self._database, self._path, self._most = database, path, most
        self._place = security.Place()
        self._failed = SlidingWindow[str](WINDOW.total_seconds())
        self._proved: dict[str, datetime] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look(datetime.now(UTC))
            except errors.Unavailable as reason:
                log.warning("bans.waiting", why=str(reason))
            await asyncio.sleep(LOOK_S)

    async def _look(self, now: datetime) -> None:
        while True:
            attempts, place = await asyncio.to_thread(security.read, self._path, self._place)
            if place == self._place:
                break
            self._place = place
            for each in attempts:
                self._take(each, now)
        for address in self.due(now):
            await self._ban(address, now)
        async with self._database.connection() as tx:
            await bans.expire(tx)

    def _take(self, attempt: Attempt, now: datetime) -> None:
        if attempt.is_proved:
            self._proved[attempt.address] = attempt.at
        elif attempt.at > now - WINDOW:
            _FAILED.inc()
            self._failed.add(attempt.address, attempt.at.timestamp())

    def due(self, now: datetime) -> list[str]:
        """Addresses to ban; what is too old to count is forgotten."""
        self._proved = {address: at for address, at in self._proved.items() if at > now - TRUST}
        counted = {one: self._failed.count(one, now.timestamp()) for one in self._failed.counted()}
        return [one for one, failed in counted.items() if self._is_too_often(one, failed)]

    def _is_too_often(self, address: str, failed: int) -> bool:
        most = self._most * (TRUSTED if address in self._proved else 1)
        return bool(self._most and failed) and failed >= most

    async def _ban(self, address: str, now: datetime) -> None:
        failed = self._failed.count(address, now.timestamp())
        why = f"{failed} wrong passwords within a minute"
        async with self._database.connection() as tx:
            is_banned = await bans.insert(tx, address, why, now + BAN)
        self._failed.clear(address)
        if is_banned:
            _BANNED.inc()
            log.warning("sip.banned", address=address, why=why, until=(now + BAN).isoformat())
        else:
            log.warning("sip.trunk_fails", address=address, why=why)
