"""A renewed certificate of SIP over TLS is used by Asterisk for new connections, without a
restart: those that are open stay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from tongdai import errors

log = structlog.get_logger()

EVERY_S = 30.0


async def watch(
    files: Sequence[Path], reload: Callable[[], Awaitable[None]], every_s: float = EVERY_S
) -> None:
    """Calls `reload` after a change of the files, until cancelled; again where it fails."""
    known = await asyncio.to_thread(_state, files)
    while True:
        await asyncio.sleep(every_s)
        now = await asyncio.to_thread(_state, files)
        if now == known or now is None:
            continue
        try:
            await reload()
        except errors.SwitchDown as reason:  # a new Asterisk reads the files at its start
            log.warning("certificate.not_reloaded", why=str(reason))
        else:
            known = now
            log.info("certificate.renewed", file=str(files[0]))


def _state(files: Sequence[Path]) -> list[tuple[int, int]] | None:
    """None while one is missing."""
    try:
        return [(each.stat().st_mtime_ns, each.stat().st_ino) for each in files]
    except OSError:
        return None
