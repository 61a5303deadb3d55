"""Requests beyond what a domain or an address may make, and those of others meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from tests.api.conftest import Client, Tenant, move_in, serve
from tests.clock import Clock
from tongdai import api, errors
from tongdai.api import limits
from tongdai.encryption import MasterKey
from tongdai.store import db


def taken(limit: limits.Limit, key: str) -> int:
    """The number of requests that the key may make at once."""
    for count in range(1000):
        try:
            limit.take(key)
        except errors.TooManyRequests:
            return count
    return 1000


def test_a_burst_then_the_rate_and_the_burst_again_after_a_rest() -> None:
    clock = Clock()
    limit = limits.Limit(8, clock)

    assert taken(limit, "a") == 8 * limits.BURST_S
    assert taken(limit, "b") == 8 * limits.BURST_S
    clock.now += 0.375
    assert taken(limit, "a") == 3
    clock.now += 3600
    assert taken(limit, "a") == 8 * limits.BURST_S


def test_who_waits_as_told_is_taken() -> None:
    clock = Clock()
    limit = limits.Limit(0.25, clock)
    limit.take("a")
    with pytest.raises(errors.TooManyRequests) as refused:
        limit.take("a")

    assert refused.value.retry_after_s == 3
    clock.now += refused.value.retry_after_s
    limit.take("a")


def test_no_rate_is_no_limit_and_remembers_nobody() -> None:
    limit = limits.Limit(0)
    for _ in range(10_000):
        limit.take("a")

    assert not limit._full_at


def test_those_who_rest_are_forgotten() -> None:
    clock = Clock()
    limit = limits.Limit(10, clock)
    for key in range(3 * limits._MANY):
        limit.take(key)
        clock.now += 0.001

    assert len(limit._full_at) <= limits._MANY + 1


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, whose: str) -> None:
    assert limits.client_key(address) == whose


async def served(deps: api.Deps, **rates: int) -> AsyncIterator[aiohttp.ClientSession]:
    async for url in serve(msgspec.structs.replace(deps, **rates)):
        async with aiohttp.ClientSession(url) as session:
            yield session


async def flood(client: Client, path: str, **given: dict[str, str]) -> list[int]:
    """Far more than the burst, and what each request met."""
    replies = await asyncio.gather(*(client.get(path, expect=None, **given) for _ in range(60)))
    for refused in (reply for reply in replies if reply.status == 429):
        assert refused.json["error"] == "TOO_MANY_REQUESTS"
        assert int(refused.headers["Retry-After"]) >= 1
    return [reply.status for reply in replies]


@pytest.mark.parametrize("path", ["/v1/cdr", "/v1/event"])
async def test_a_domains_flood_is_refused_and_is_nobody_elses(
    deps: api.Deps, database: db.Database, master_key: MasterKey, path: str
) -> None:
    async for session in served(deps, domain_rate=1):
        noisy, quiet = (
            await move_in(database, master_key, session),
            await move_in(database, master_key, session),
        )
        found = await flood(noisy.client, path)
        await quiet.client.get(path)

    assert set(found) == {200, 429}
    assert found.count(200) >= limits.BURST_S


async def test_an_addresss_flood_is_refused_and_is_nobody_elses(
    deps: api.Deps, tenant: Tenant
) -> None:
    """Also of those who never get a token; probes of whoever runs us are served all the same."""
    async for session in served(deps, address_rate=1):
        # as a reverse proxy on this machine says
        anybody, other = Client(session), {"X-Forwarded-For": "192.0.2.9"}
        assert set(await flood(anybody, "/v1/cdr")) == {401, 429}
        assert set(
            await flood(anybody, "/v1/event", headers={"X-Forwarded-For": "2001:db8::1"})
        ) == {401, 429}
        for path in ("/healthz", "/readyz", "/metrics"):
            await anybody.get(path)
        await Client(session, tenant.client.token).get("/v1/cdr", headers=other)
        # a neighbour of the flood's address, which has sent nothing yet: the burst is used up
        neighbour = {"X-Forwarded-For": "2001:db8::2"}
        met = await flood(Client(session, tenant.client.token), "/v1/cdr", headers=neighbour)
        assert met.count(200) < limits.BURST_S
