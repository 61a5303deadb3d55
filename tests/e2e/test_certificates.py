"""A renewed certificate of SIP over TLS is used without a restart, and no open connection ends."""

import asyncio
import hashlib
import ssl
from pathlib import Path

from testbed import certificate, ports, wire
from testbed.instance import Instance
from testbed.until import until
from tongdai.engine import certificates
from tongdai.settings import address


async def test_asterisk_takes_a_renewed_certificate(tmp_path: Path) -> None:
    instance = Instance(tmp_path, sandbox=False, calls=2)
    old = certificate.write(tmp_path)
    instance.set(sip_tls=ports.server(), **old)
    try:
        await instance.start()
        where = address(instance.settings["sip_tls"])
        first = await shown(where)
        trust = certificate.trust(old)
        async with wire.tcp(instance.settings["sip_tls"], trust=trust) as line:
            assert await is_challenged(line, "before")
            certificate.write(tmp_path)

            async def renewed() -> bool:
                return await shown(where) != first

            await until(renewed, certificates.EVERY_S + 30, every_s=1)
            assert await is_challenged(line, "after"), "it is still open"
    finally:
        await instance.end()


async def is_challenged(line: wire.Wire, call: str) -> bool:
    asked = wire.request(line, "REGISTER", "101", "nobody.example.vn", call=call)
    return wire.status(await wire.ask(line, asked)) == 401


async def shown(where: tuple[str, int]) -> str:
    """The digest of the certificate that the server shows."""
    pem = await asyncio.to_thread(ssl.get_server_certificate, where)
    return hashlib.sha256(pem.encode()).hexdigest()
