"""Bans addresses that give too many wrong passwords, found in the switch's security log."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Protocol

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
LOCK_S = 60.0  # an account whose wrong passwords come by a proxy accepts no password for so long
TRUSTED = 10  # times as many failures are allowed from a trusted address

_FAILED = prometheus_client.Counter(
    "tongdai_sip_failures_total", "SIP requests that failed authentication."
)
_LOCKED = prometheus_client.Counter(
    "tongdai_account_locks_total", "Accounts that were locked: wrong passwords came by a proxy."
)
_BANNED = prometheus_client.Counter("tongdai_bans_total", "Addresses that were banned.")


class Lock(Protocol):
    async def __call__(self, endpoint: str, *, is_locked: bool) -> None:
        """No password fits the endpoint's account, or its own does again."""


class Bans:
    """Allows fewer than `most` failed authentications from an address within a minute; 0: any
    number. `clients` knows the addresses of clients of the edge proxy. An address of `proxies`
    (networks) is never banned: many phones are behind it. There failures count by account, and
    `lock` locks the account for a minute.

    The log has the time of day. The age of an attempt is taken from that once, when it is read;
    from then on the `clock` counts.
    """

    def __init__(
        self,
        database: db.Database,
        path: Path,
        most: int,
        clock: Clock = time.monotonic,
        *,
        clients: Clients | None = None,
        proxies: Iterable[str] = (),
        lock: Lock | None = None,
    ) -> None:
        self._database, self._path, self._most, self._clock = database, path, most, clock
        self._clients = clients
        self._proxies, self._lock = [ip_network(each) for each in proxies], lock
        self._locked: dict[str, float] = {}  # accounts, and until when by the clock
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
        for source in self.due():
            if "@" in source:
                await self._lock_account(source)
            else:
                await self._ban(source, now)
        await self._unlock()
        async with self._database.connection() as tx:
            await bans.expire(tx)

    def _of_client(self, attempt: Attempt) -> Attempt:
        """The attempt by its client's real address."""
        if self._clients is None:
            return attempt
        return structs.replace(attempt, address=self._clients.real(attempt.address))

    def _take(self, attempt: Attempt, now: datetime) -> None:
        ago_s = max(0.0, (now - attempt.at).total_seconds())
        source = self._source(attempt)
        if attempt.is_successful:
            self._succeeded[source] = self._clock() - ago_s
        elif ago_s < WINDOW.total_seconds():
            _FAILED.inc()
            if source and source not in self._locked:
                self._failed.add(source, ago_s)

    def _source(self, attempt: Attempt) -> str:
        """The address that is blamed; behind a proxy the account."""
        address = ip_address(attempt.address)
        return attempt.account if any(address in each for each in self._proxies) else str(address)

    def due(self) -> list[str]:
        """Addresses to ban, and accounts to lock, now. Forgets failures and successes that are too
        old to count.
        """
        trusted_since = self._clock() - TRUST.total_seconds()
        self._succeeded = {
            address: at for address, at in self._succeeded.items() if at > trusted_since
        }
        counted = {one: self._failed.count(one) for one in self._failed.counted()}
        return [one for one, failed in counted.items() if self._is_too_often(one, failed)]

    def _is_too_often(self, address: str, failed: int) -> bool:
        most = self._most * (TRUSTED if address in self._succeeded else 1)
        return bool(self._most and failed) and failed >= most

    async def _lock_account(self, account: str) -> None:
        failed = self._failed.count(account)
        self._failed.clear(account)
        if self._lock is None or not account.partition("@")[0][:1].isdigit():
            return  # an unknown endpoint: no password fits
        _LOCKED.inc()
        log.warning("sip.locked", account=account, wrong_passwords=failed, seconds=LOCK_S)
        self._locked[account] = self._clock() + LOCK_S
        await self._lock(account, is_locked=True)

    async def _unlock(self) -> None:
        over = [account for account, until in self._locked.items() if until <= self._clock()]
        for account in over:
            del self._locked[account]
            if self._lock:
                await self._lock(account, is_locked=False)

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
