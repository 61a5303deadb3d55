"""Kamailio as a proxy in front of the switch, from Debian's packages, with the configuration of
deploy/kamailio.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from testbed import ports
from testbed.until import until
from tongdai.asterisk import packages

CONFIG = Path(__file__).parents[1] / "deploy" / "kamailio" / "kamailio.cfg"
PACKAGES = ("kamailio", "kamailio-tls-modules")
SUITES = ("stable", "testing")
START_S = 20.0


def fetched() -> packages.Root:
    """Kamailio in the cache, 103 MB; downloaded first where it is not there. Blocks."""
    return packages.fetch(PACKAGES, packages.default_cache(), lambda *_: None, suites=SUITES)


class Proxy(msgspec.Struct, frozen=True):
    """host:port for UDP and TCP, and for TLS."""

    address: str
    tls: str


@asynccontextmanager
async def proxy(folder: Path, switch: str, certificate: str, key: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the switch's host:port. By TLS it shows the certificate."""
    root, made = await asyncio.to_thread(fetched), Proxy(ports.server(), ports.server())
    host, _, port = switch.partition(":")
    modules = next(root.prefix.glob("lib/*/kamailio/modules"))
    log = folder / "kamailio.log"
    with log.open("wb") as written:
        running = await asyncio.create_subprocess_exec(
            *root.command("kamailio"),
            *("-f", str(CONFIG), "-DD", "-E", "-m", "32", "-M", "4"),
            *("-L", str(modules), "-Y", str(folder), "-w", str(folder)),
            *("-A", f"PROXY={made.address}", "-A", f"PROXY_TLS={made.tls}"),
            *("-A", f'TLS_CERT="{certificate}"', "-A", f'TLS_KEY="{key}"'),
            *("-A", f'PBX_HOST="{host}"', "-A", f"PBX_PORT={port}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        await until(lambda: running.returncode is not None or _listens(made), START_S)
        assert running.returncode is None, log.read_text(errors="replace")[-2_000:]
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        await running.wait()


def _listens(proxy: Proxy) -> bool:
    """Whether its sockets are bound."""
    return all(
        _local(address) in Path("/proc/net", protocol).read_text()
        for protocol, address in (
            ("udp", proxy.address),
            ("tcp", proxy.address),
            ("tcp", proxy.tls),
        )
    )


def _local(address: str) -> str:
    """As the kernel writes it."""
    host, _, port = address.partition(":")
    own = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    return f"{own}:{int(port):04X}"
