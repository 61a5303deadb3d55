"""Calls that the switch refuses because of their media, for the operator: a log line and a count
by the extension or trunk that called. They have no record: the switch makes no call of them.
"""

import asyncio
from collections import Counter
from pathlib import Path

import prometheus_client
import structlog

from tongdai import errors
from tongdai.asterisk import provisioning, refused_media, security
from tongdai.pbx.endpoint import Endpoint
from tongdai.store import db, devices, domains, trunks

log = structlog.get_logger()

LOOK_S = 1.0
SIP_STATUS = 488  # not acceptable here
_REFUSED = prometheus_client.Counter(
    "tongdai_refused_media_total",
    "Calls that the switch refused (488) because their media profile is not their caller's.",
    ("domain", "caller"),
)


class RefusedMedia:
    """`path` is the switch's own log. What it has said before the first look is not counted."""

    def __init__(self, database: db.Database, path: Path) -> None:
        self._database, self._path = database, path
        self._offset: security.Offset | None = None

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.look()
            except errors.Unavailable as reason:
                log.warning("refused_media.waiting", why=str(reason))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Takes what is new in the log. Raises errors.Unavailable; the next look repeats it."""
        before = self._offset or security.Offset()
        found, after = await asyncio.to_thread(refused_media.read, self._path, before)
        if found and self._offset is not None:
            async with self._database.connection() as tx:
                for endpoint, calls in Counter(found).items():
                    await _note(tx, endpoint, calls)
        self._offset = after


async def _note(tx: db.Tx, endpoint: str, calls: int) -> None:
    """Other endpoints than those in the database are not counted."""
    try:
        domain, caller = await _caller(tx, endpoint)
    except errors.NotFound:
        return
    _REFUSED.labels(domain, caller).inc(calls)
    log.warning(
        "call.media_refused", domain=domain, caller=caller, sip_status=SIP_STATUS, calls=calls
    )


async def _caller(tx: db.Tx, endpoint: str) -> tuple[str, str]:
    """The domain, and the extension (with its device), or the name of the trunk. Raises
    errors.NotFound.
    """
    if (device := Endpoint.parse(endpoint)) is None:
        return await trunks.named(tx, endpoint.removesuffix(f"@{provisioning.REALM}"))
    domain = await domains.by_name(tx, device.domain)
    await devices.get(tx, domain.domain_uuid, device.extension, device.device)
    return domain.name, endpoint.partition("@")[0]
