"""Bans addresses that give too many wrong passwords, found in the switch's security log."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import prometheus_client
import structlog
from msgspec import structs

from tongdai import errors
from tongdai.asterisk import security
from tongdai.asterisk.browser_addresses import Clients
from tongdai.asterisk.security import Attempt
from tongdai.store import bans, db
from tongdai.windows import Clock, SlidingWindow

log = structlog.get_logger()

LOOK_S = 1.0
WINDOW = timedelta(minutes=1)
BAN = timedelta(hours=1)
# an address is trusted for so long after a success: phones register again by then
TRUST = timedelta(hours=1)
TRUSTED = 10  # times as many failures are allowed from a trusted address

_FAILED = prometheus_client.Counter(
    "tongdai_sip_failures_total", "SIP requests that failed authentication."
)
_BANNED = prometheus_client.Counter("tongdai_bans_total", "Addresses that were banned.")


class Bans:
    """Allows fewer than `most` failed authentications from an address within a minute; 0: any
    number. `clients` knows the addresses of clients of the edge proxy.

    The log has the time of day. The age of an attempt is taken from that once, when it is read;
    from then on the `clock` counts.
    """

    def __init__(
        self,
        database: db.Database,
        path: Path,
        most: int,
        clock: Clock = time.monotonic,
        clients: Clients | None = None,
    ) -> None:
        self._database, self._path, self._most, self._clock = database, path, most, clock
        self._clients = clients
        self._offset = security.Offset()
        self._failed = SlidingWindow[str](WINDOW.total_seconds(), clock)
        self._succeeded: dict[str, float] = {}  # by address, the clock's time

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self._look(datetime.now(UTC))
            except errors.Unavailable as reason:
                log.warning("bans.waiting", why=str(reason))
            await asyncio.sleep(LOOK_S)

    async def _look(self, now: datetime) -> None:
        while True:
            attempts, place = await asyncio.to_thread(security.read, self._path, self._offset)
            if place == self._offset:
                break
            self._offset = place
            for each in attempts:
                self._take(self._of_client(each), now)
        for address in self.due():
            await self._ban(address, now)
        async with self._database.connection() as tx:
            await bans.expire(tx)

    def _of_client(self, attempt: Attempt) -> Attempt:
        """The attempt by its client's real address."""
        if self._clients is None:
            return attempt
        return structs.replace(attempt, address=self._clients.real(attempt.address))

    def _take(self, attempt: Attempt, now: datetime) -> None:
        ago_s = max(0.0, (now - attempt.at).total_seconds())
        if attempt.is_successful:
            self._succeeded[attempt.address] = self._clock() - ago_s
        elif ago_s < WINDOW.total_seconds():
            _FAILED.inc()
            self._failed.add(attempt.address, ago_s)

    def due(self) -> list[str]:
        """Addresses to ban now. Forgets failures and successes that are too old to count."""
        trusted_since = self._clock() - TRUST.total_seconds()
        self._succeeded = {
            address: at for address, at in self._succeeded.items() if at > trusted_since
        }
        counted = {one: self._failed.count(one) for one in self._failed.counted()}
        return [one for one, failed in counted.items() if self._is_too_often(one, failed)]

    def _is_too_often(self, address: str, failed: int) -> bool:
        most = self._most * (TRUSTED if address in self._succeeded else 1)
        return bool(self._most and failed) and failed >= most

    async def _ban(self, address: str, now: datetime) -> None:
        failed = self._failed.count(address)
        why = f"{failed} wrong passwords within a minute"
        async with self._database.connection() as tx:
            is_banned = await bans.insert(tx, address, why, now + BAN)
        self._failed.clear(address)
        if is_banned:
            _BANNED.inc()
            log.warning("sip.banned", address=address, why=why, until=(now + BAN).isoformat())
        else:
            log.warning("sip.trunk_fails", address=address, why=why)
