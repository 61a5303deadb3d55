"""The sockets of `tongdai up` that the network can reach, as the kernel lists them: those that the
settings name, and no others.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed.instance import Instance
from tongdai.cli.doctor import ports
from tongdai.ports import Protocol
from tongdai.settings import address


@pytest.fixture
async def exposed(tmp_path: Path) -> AsyncIterator[Instance]:
    """An instance without the sandbox, whose API and SIP listen on every address of the
    machine.
    """
    instance = Instance(tmp_path, sandbox=False)
    for name in ("TONGDAI_HTTP", "TONGDAI_SIP"):
        instance.environ[name] = instance.environ[name].replace("127.0.0.1", "0.0.0.0")  # noqa: S104 -- that is it
    try:
        await instance.start()
        yield instance
    finally:
        await instance.end()


def listening(instance: Instance) -> set[tuple[str, str, int]]:
    """Protocol, address and port of every socket of its processes that takes what comes."""
    processes = instance.processes()
    protocols: tuple[Protocol, ...] = ("tcp", "udp")
    return {
        (protocol, one.host, one.port)
        for protocol in protocols
        for one in ports.listeners(protocol)
        if one.pid in processes
    }


async def test_only_the_api_and_sip_are_reached_from_outside(exposed: Instance) -> None:
    http, sip = (int(address.rpartition(":")[2]) for address in (exposed.http, exposed.sip))
    found = listening(exposed)
    outside = {one for one in found if not one[1].startswith("127.") and one[1] != "::1"}

    # Two sockets of Asterisk's SIP stack for answers of name servers, IPv4 and IPv6, on ports that
    # nobody knows.
    resolver = {(protocol, port) for protocol, _, port in outside - promised(http, sip)}

    assert outside >= promised(http, sip)
    assert {protocol for protocol, _ in resolver} <= {"udp"}
    assert all(port in ephemeral() for _, port in resolver)
    assert len(resolver) <= 2
    inside = {("tcp", *address(exposed.environ[f"TONGDAI_{name}"])) for name in ("ARI", "SIP_WS")}
    assert found - outside == inside, "on loopback; PostgreSQL has no port at all"
    assert len(exposed.processes()) >= 4, "itself, PostgreSQL, Asterisk and the edge proxy"


def promised(http: int, sip: int) -> set[tuple[str, str, int]]:
    return {("tcp", "0.0.0.0", http), ("tcp", "0.0.0.0", sip), ("udp", "0.0.0.0", sip)}  # noqa: S104


def ephemeral() -> range:
    """Ports that the kernel picks for who asked for none."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return range(first, last + 1)
