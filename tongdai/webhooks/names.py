"""Name look-ups for the HTTP client, limited per domain: the names of one domain cannot delay the
others'. The guard judges the addresses when the connector makes its sockets.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from tongdai.webhooks.slots import FairSlots

asking: ContextVar[UUID | None] = ContextVar("asking", default=None)
"""The domain that a POST is made for: aiohttp passes only the name to its resolver."""

# getaddrinfo cannot be cancelled, and a name with a dead server holds its thread for many
# seconds
_THREADS = 64
_PER_DOMAIN = 6  # look-ups at a time
_WITHIN_S = 4.0
_FOUND_S, _FAILED_S = 30.0, 10.0  # how long the result of a look-up is kept, in seconds
_KEPT = 4096  # names that are kept
_FLAGS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Addresses = list[ResolveResult]
Key = tuple[str, int, socket.AddressFamily]


class Names(AbstractResolver):
    """Resolves names by `lookup` (getaddrinfo) on a limited number of threads of its own, and
    keeps the results for some seconds, failures too.
    """

    def __init__(
        self,
        lookup: Callable[..., list[Any]] = socket.getaddrinfo,
        *,
        threads: int = _THREADS,
        per_domain: int = _PER_DOMAIN,
        within_s: float = _WITHIN_S,
    ) -> None:
        self._lookup, self._within_s = lookup, within_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhooks-dns")
        self._slots = FairSlots(threads, per_domain)
        self._kept: dict[Key, tuple[float, Addresses | OSError]] = {}  # until a loop time
        # Not shared between domains: a look-up waits for the others of its domain.
        self._under_way: dict[tuple[UUID | None, Key], asyncio.Task[Addresses]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Addresses:
        """All addresses of the name. Raises OSError if it has none, and after `within_s`
        aiohttp.ConnectionTimeoutError; the look-up then continues, and its result is kept.
        """
        key = (host, port, family)
        until, known = self._kept.get(key, (0.0, []))
        if asyncio.get_running_loop().time() >= until:
            try:
                async with asyncio.timeout(self._within_s):
                    return await asyncio.shield(self._shared(asking.get(), key))
            except TimeoutError as reason:
                raise aiohttp.ConnectionTimeoutError(f"no answer about {host}") from reason
        if isinstance(known, OSError):
            raise known
        return known

    def _shared(self, domain: UUID | None, key: Key) -> asyncio.Task[Addresses]:
        """The look-up of the name that is under way for the domain."""
        if (task := self._under_way.get((domain, key))) is None:
            task = asyncio.create_task(self._look_up(domain, key))
            self._under_way[domain, key] = task
            task.add_done_callback(lambda task: self._done(domain, key, task))
        return task

    def _done(self, domain: UUID | None, key: Key, task: asyncio.Task[Addresses]) -> None:
        """Keeps the result; of too many results, the oldest is dropped."""
        del self._under_way[domain, key]
        if task.cancelled():
            return
        reason = task.exception()
        if reason is not None and not isinstance(reason, OSError):
            return
        self._kept.pop(key, None)
        now = asyncio.get_running_loop().time()
        self._kept[key] = (
            (now + _FOUND_S, task.result())
            if reason is None
            else (
                now + _FAILED_S,
                reason,
            )
        )
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    async def _look_up(self, domain: UUID | None, key: Key) -> Addresses:
        """The look-up holds a slot of the domain until its thread ends, even if no task waits for
        it any more.
        """
        host, port, family = key
        await self._slots.acquire(domain)
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._threads,
                self._lookup,
                host,
                port,
                family,
                socket.SOCK_STREAM,
                0,
                socket.AI_ADDRCONFIG,
            )
        finally:
            self._slots.release(domain)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=family,
                proto=protocol,
                flags=_FLAGS,
            )
            for family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Starts no more look-ups; the threads end with those under way."""
        for task in [*self._under_way.values()]:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
