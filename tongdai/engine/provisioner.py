"""Keeps a node's switch provisioned with the objects of its domains' devices and trunks.

The database notifies each changed object (LISTEN objects): only that one is read and pushed.
Everything is read, in a thread, at the start and after notifications may have been lost.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.encryption import MasterKey
from tongdai.engine import reading
from tongdai.engine.engine import Engine
from tongdai.engine.inventory import BANS, Inventory, Part
from tongdai.store import db

log = structlog.get_logger()

GATHER_S = 0.05  # how long changes gather before a reading
RETRY_S = 1.0
FEW = 50  # changed parts read on the event loop; more of them are read in a thread


class Provisioner:
    """`addresses` and `main` as of `Inventory`. Changes gather for `gather_s` seconds."""

    def __init__(
        self,
        database: db.Database,
        master_key: MasterKey,
        engine: Engine,
        addresses: Iterable[str],
        main: str = "",
        *,
        gather_s: float = GATHER_S,
    ) -> None:
        self._database, self._master_key, self._engine = database, master_key, engine
        # the same at each start, so that a switch that holds all objects is recognised
        unknown_digest = master_key.derive("unknown endpoints").hex()[:32]
        self._inventory = Inventory(addresses, main, unknown_digest)
        self._gather_s = gather_s
        self._changed: set[Part] = set()
        self._is_lost = False  # any part may have changed
        self._awake = asyncio.Event()

    # --- what has changed

    def directory_changed(self, domain_uuid: str) -> None:
        """A domain's directory has changed (LISTEN directory)."""
        if not domain_uuid:
            self.lost()
            return
        self._engine.changed(domain_uuid)
        self._note(Part("fallback", UUID(domain_uuid)))

    def object_changed(self, payload: str) -> None:
        """An object of a node has changed (LISTEN objects)."""
        node, kind, domain_uuid, id_ = payload.split("/", 3)
        if node == self._engine.node:
            self._note(reading.part(kind, domain_uuid, id_))

    def bans_changed(self, _payload: str) -> None:
        """An address was banned or its ban lifted (LISTEN bans)."""
        self._note(BANS)

    def lost(self) -> None:
        """Notifications may have been lost."""
        self._engine.changed("")
        self._is_lost = True
        self._awake.set()

    def _note(self, part: Part) -> None:
        self._changed.add(part)
        self._awake.set()

    # --- what follows

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._awake.wait()
            await asyncio.sleep(self._gather_s)
            self._awake.clear()
            changed, self._changed = self._changed, set()
            is_lost, self._is_lost = self._is_lost, False
            try:
                await (self.now() if is_lost else self._refresh(changed))
            except errors.Unavailable as reason:
                log.warning("provisioning.waiting", why=str(reason))
                await asyncio.sleep(RETRY_S)
                self._changed |= changed
                self._is_lost |= is_lost
                self._awake.set()

    async def now(self) -> None:
        """The switch holds the objects of the database, now or as soon as it is up."""
        read = await reading.in_thread(
            self._database.dsn,
            lambda tx: reading.everything(tx, self._master_key, self._engine.node),
        )
        await asyncio.to_thread(self._inventory.apply, read)
        wanted = await asyncio.to_thread(self._inventory.objects)
        await self._engine.switch.provision(wanted, read.lifted or set())

    async def _refresh(self, parts: set[Part]) -> None:
        """The switch holds these parts as in the database, now or as soon as it is up."""
        is_small = len(parts) <= FEW and not any(part.kind in _LARGE for part in parts)
        if is_small:
            async with self._database.connection() as tx:
                read = await reading.of(tx, self._master_key, self._engine.node, parts)
            changed, gone = self._inventory.apply(read)
        else:
            read = await reading.in_thread(
                self._database.dsn,
                lambda tx: reading.of(tx, self._master_key, self._engine.node, parts),
            )
            changed, gone = await asyncio.to_thread(self._inventory.apply, read)
        if changed or gone or read.lifted:
            await self._engine.switch.provision_changes(changed, gone, read.lifted)


_LARGE = ("domain", "fallback")
