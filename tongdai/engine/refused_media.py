"""Calls that the switch refuses because of their media: a record, a log line, and a count by the
extension or trunk that called. The number called is unknown: the switch makes no channel of them.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import prometheus_client
import structlog

from tongdai import errors, ids
from tongdai.asterisk import provisioning, refused_media, security
from tongdai.asterisk.refused_media import RefusedOffer
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.signals import ArrivedRefused, Signal, Via
from tongdai.store import db, devices, domains, trunk_conflicts, trunks

log = structlog.get_logger()

LOOK_S = 1.0
SIP_STATUS = 488  # not acceptable here
_REFUSED = prometheus_client.Counter(
    "tongdai_refused_media_total",
    "Calls that the switch refused (488) because their media is not their caller's.",
    ("domain", "caller"),
)


class _Caller(msgspec.Struct, frozen=True):
    """The extension with its device, or the trunk, by name. `has_record`: its calls can be of no
    other domain.
    """

    domain_uuid: UUID
    domain: str
    name: str
    via: Via
    endpoint: str
    extension: str = ""
    has_record: bool = True


class RefusedMedia:
    """`path` is the switch's log of SIP. What it has said before the first look is not taken.
    `put` gives a call its first signal.
    """

    def __init__(
        self, database: db.Database, path: Path, put: Callable[[UUID, Signal], None]
    ) -> None:
        self._database, self._path, self._put = database, path, put
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
                callers = {each: await _caller(tx, each) for each in {o.endpoint for o in found}}
            for offer in found:
                if caller := callers[offer.endpoint]:
                    self._note(caller, offer)
        self._offset = after

    def _note(self, caller: _Caller, offer: RefusedOffer) -> None:
        _REFUSED.labels(caller.domain, caller.name).inc()
        log.warning(
            "call.media_refused",
            domain=caller.domain,
            caller=caller.name,
            sip_status=SIP_STATUS,
            codecs=offer.codecs,
        )
        if caller.has_record:
            at = offer.at.astimezone()
            call_uuid = ids.new(at)
            self._put(call_uuid, _arrived(call_uuid, caller, offer))


def _arrived(call_uuid: UUID, caller: _Caller, offer: RefusedOffer) -> ArrivedRefused:
    return ArrivedRefused(
        call_uuid=call_uuid,
        channel=f"{call_uuid.hex}-refused",
        at=offer.at.astimezone(),
        via=caller.via,
        endpoint=caller.endpoint,
        dialled="",
        caller_number=caller.extension,
        sip_call_id="",
        domain_uuid=caller.domain_uuid,
    )


async def _caller(tx: db.Tx, endpoint: str) -> _Caller | None:
    """None for an endpoint that is not in the database."""
    try:
        if device := Endpoint.parse(endpoint):
            return await _phone(tx, device)
        return await _carrier(tx, endpoint.removesuffix(f"@{provisioning.REALM}"))
    except errors.NotFound:
        return None


async def _phone(tx: db.Tx, device: Endpoint) -> _Caller:
    domain = await domains.by_name(tx, device.domain)
    await devices.get(tx, domain.domain_uuid, device.extension, device.device)
    name = str(device).partition("@")[0]
    extension = device.extension
    return _Caller(domain.domain_uuid, domain.name, name, "phone", str(device), extension)


async def _carrier(tx: db.Tx, name: str) -> _Caller:
    """Which company a carrier calls, only the number called tells: there is a record where all
    calls from the trunk's addresses are of one domain.
    """
    trunk = await trunks.named(tx, name)
    neighbours = await trunk_conflicts.neighbours(tx, trunk.trunk_uuid)
    others = {each.other_domain for each in neighbours} - {trunk.domain}
    is_alone = not (trunk.shared or others)
    uuid = str(trunk.trunk_uuid)
    return _Caller(trunk.domain_uuid, trunk.domain, trunk.name, "trunk", uuid, has_record=is_alone)
