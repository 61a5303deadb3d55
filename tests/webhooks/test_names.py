"""Name look-ups, with a resolver of ours."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from testbed.until import until
from tongdai.webhooks.names import Names, asking

A, B = UUID(int=1), UUID(int=2)


class Resolver:
    """Instead of getaddrinfo. Names that begin with "silent" are not answered before `end`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.end = threading.Event()

    def look_up(self, host: str, port: int, *_: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("silent"):
            self.end.wait(30)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    resolver = Resolver()
    yield resolver
    resolver.end.set()


async def resolve(names: Names, domain: UUID, host: str) -> str:
    asking.set(domain)
    return (await names.resolve(host, 80))[0]["host"]


async def test_names_that_are_not_answered_hold_up_their_own_domain_alone(
    resolver: Resolver,
) -> None:
    names = Names(resolver.look_up, threads=8, per_domain=2)
    silent = [asyncio.create_task(resolve(names, A, f"silent{n}")) for n in range(50)]
    await until(lambda: len(resolver.asked) == 2)

    for n in range(10):
        assert await asyncio.wait_for(resolve(names, B, f"crm{n}.vn"), 3) == "127.0.0.1"

    assert len(resolver.asked) == 12
    for task in silent:
        task.cancel()
    await asyncio.gather(*silent, return_exceptions=True)
    resolver.end.set()
    await names.close()


async def test_a_domain_that_waits_for_a_name_does_not_delay_another_that_asks_for_it(
    resolver: Resolver,
) -> None:
    names = Names(resolver.look_up, threads=8, per_domain=1)
    tasks = [asyncio.create_task(resolve(names, A, host)) for host in ("silent", "crm.vn")]
    await until(lambda: resolver.asked)

    assert await asyncio.wait_for(resolve(names, B, "crm.vn"), 3) == "127.0.0.1"
    resolver.end.set()
    await asyncio.gather(*tasks)
    await names.close()


async def test_a_look_up_has_a_time_limit_of_its_own_and_its_result_is_kept(
    resolver: Resolver,
) -> None:
    names = Names(resolver.look_up, within_s=0.05)
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await resolve(names, A, "silent")
    resolver.end.set()
    await until(lambda: not names._under_way)

    assert await resolve(names, A, "silent") == "127.0.0.1"
    assert resolver.asked == ["silent"]
    await names.close()


async def test_results_are_kept_failures_too(resolver: Resolver) -> None:
    names = Names(resolver.look_up)
    for domain in (A, B):
        assert await resolve(names, domain, "crm.vn") == "127.0.0.1"
        with pytest.raises(OSError, match="unknown"):
            await resolve(names, domain, "unknown")

    assert resolver.asked == ["crm.vn", "unknown"]
    await names.close()
