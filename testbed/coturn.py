"""coturn, from Debian's packages and without root, with the configuration of deploy/coturn."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from testbed import ports
from testbed.until import until
from tongdai.asterisk import packages

CONFIG = Path(__file__).parents[1] / "deploy" / "coturn" / "turnserver.conf"
SUITES = ("stable", "testing")
START_S = 20.0


def fetched() -> packages.Root:
    """coturn in the cache; downloaded first where it is not there. Blocks."""
    return packages.fetch(["coturn"], packages.default_cache(), lambda *_: None, suites=SUITES)


@asynccontextmanager
async def server(folder: Path, secret: str) -> AsyncIterator[tuple[str, int]]:
    """Host and port of a TURN server with that secret. Only what a machine has of its own differs
    from the file: addresses, ports and certificates.
    """
    root, (host, _, port) = await asyncio.to_thread(fetched), ports.server().partition(":")
    log = folder / "coturn.log"
    with log.open("wb") as written:
        running = await asyncio.create_subprocess_exec(
            *root.command("turnserver"),
            *("-c", str(_config(folder, secret)), "--listening-ip", host, "--relay-ip", host),
            *("--listening-port", port, "--no-tls", "--no-dtls", "--log-file", "stdout"),
            *("--pidfile", str(folder / "coturn.pid"), "--userdb", str(folder / "coturn.db")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )

    async def is_up() -> bool:
        assert running.returncode is None, log.read_text(errors="replace")[-2_000:]
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(is_up, START_S)
        yield host, int(port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        await running.wait()


def _config(folder: Path, secret: str) -> Path:
    """The file with that secret."""
    made = folder / "turnserver.conf"
    made.write_text(CONFIG.read_text().replace("A_LONG_RANDOM_TEXT", secret))
    return made
