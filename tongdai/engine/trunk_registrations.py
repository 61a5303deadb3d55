"""Follows the registrations of the node's trunks in the switch's log: their state for the
command line, a log line by the trunk's name at each change, and a gauge.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import prometheus_client
import structlog

from tongdai import errors
from tongdai.asterisk import provisioning, security
from tongdai.asterisk import trunk_registrations as registrations
from tongdai.asterisk.trunk_registrations import REGISTERED, Answer
from tongdai.store import db, domains, trunk_registrations, trunks
from tongdai.store.trunk_registrations import Registration

log = structlog.get_logger()

LOOK_S = 1.0
_STATE = prometheus_client.Gauge(
    "tongdai_trunk_registered",
    "Whether the carrier has accepted the trunk's registration.",
    ("domain", "trunk"),
)
Known: TypeAlias = tuple[UUID, str, trunks.Trunk]
"""The domain of a trunk, its name, and the trunk."""


class TrunkRegistrations:
    """`path` is the switch's log of SIP."""

    def __init__(self, database: db.Database, path: Path, node: str) -> None:
        self._database, self._path, self._node = database, path, node
        self._offset = security.Offset()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.look()
            except errors.Unavailable as reason:
                log.warning("registrations.waiting", why=str(reason))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Takes what is new in the log. Raises errors.Unavailable; the next look repeats it."""
        answers, offset = await asyncio.to_thread(registrations.read, self._path, self._offset)
        if answers:
            latest = {(each.server_uri, each.client_uri): each for each in answers}
            async with self._database.connection() as tx:
                known = await self._trunks(tx)
                for uris, each in latest.items():
                    for one in known.get(uris, ()):
                        await _note(tx, one, each)
        self._offset = offset

    async def _trunks(self, tx: db.Tx) -> dict[tuple[str, str], list[Known]]:
        """The registering trunks of the node's domains, by the URIs of their registrations."""
        found: dict[tuple[str, str], list[Known]] = {}
        for domain in await domains.list(tx):
            if domain.node != self._node:
                continue
            for trunk in await trunks.list(tx, domain.domain_uuid):
                if trunk.auth == "registration" and trunk.enabled:
                    uris = provisioning.registration_uris(
                        trunk.host, trunk.transport, trunk.username, trunk.from_domain
                    )
                    found.setdefault(uris, []).append((domain.domain_uuid, domain.name, trunk))
        return found


async def _note(tx: db.Tx, known: Known, answer: Answer) -> None:
    domain_uuid, domain, trunk = known
    at = datetime.fromtimestamp(answer.at.timestamp()).astimezone()
    is_registered = answer.sip_status == REGISTERED
    _STATE.labels(domain, trunk.name).set(is_registered)
    state = Registration(
        domain_uuid=domain_uuid,
        trunk_uuid=trunk.trunk_uuid,
        is_registered=is_registered,
        sip_status=answer.sip_status,
        since=at,
        heard_at=at,
    )
    if await trunk_registrations.put(tx, state):
        say = log.info if is_registered else log.warning
        say(
            "trunk.registered" if is_registered else "trunk.not_registered",
            trunk=trunk.name,
            domain=domain,
            sip_status=answer.sip_status,
        )
