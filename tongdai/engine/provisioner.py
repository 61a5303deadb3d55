"""Keeps a node's switch provisioned with the objects of its domains' devices and trunks.

The database notifies each changed object (LISTEN objects): only that one is read and pushed.
Everything is read, in a thread, at the start and after notifications may have been lost.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import structlog

from tongdai import errors
from tongdai.asterisk import provisioning
from tongdai.asterisk.provisioning import SwitchConfig
from tongdai.encryption import MasterKey
from tongdai.engine import reading
from tongdai.engine.engine import Engine
from tongdai.engine.inventory import BANS, Inventory, Part
from tongdai.engine.reading import Source
from tongdai.store import db

log = structlog.get_logger()

GATHER_S = 0.05  # how long changes gather before a reading
RETRY_S = 1.0
LOOK_S = 30.0  # the longest wait for a change by the clock
FEW = 50  # changed parts read on the event loop; more of them are read in a thread


class Provisioner:
    """`addresses` and `main` as of `Inventory`. Changes gather for `gather_s` seconds; the clock
    is looked at every `look_s` seconds while it will change a fallback plan.
    """

    def __init__(
        self,
        database: db.Database,
        master_key: MasterKey,
        engine: Engine,
        addresses: Iterable[str],
        main: str = "",
        *,
        config: SwitchConfig | None = None,
        gather_s: float = GATHER_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._database, self._engine = database, engine
        self._source = Source(engine.node, master_key, config or SwitchConfig(), engine.clock)
        # the same at each start, so that a switch that holds all objects is recognised
        unknown_digest = master_key.derive("unknown endpoints").hex()[:32]
        self._inventory = Inventory(addresses, main, unknown_digest, self._source.config)
        self._gather_s, self._look_s = gather_s, look_s
        self._changed: set[Part] = set()
        self._is_lost = False  # any part may have changed
        self._awake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []  # for the next reading
        self._next_changes: dict[UUID, datetime] = {}  # of fallback plans by the clock, by domain

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

    async def provision(self, domain_uuid: UUID, extension: str) -> None:
        """The switch holds the extension as it is in the database now, if it is up; `run` is
        running.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._note(Part("extension", domain_uuid, extension))
        await done

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._woken()
            await asyncio.sleep(self._gather_s)
            self._awake.clear()
            changed, self._changed = self._changed, set()
            waiting, self._waiting = self._waiting, []
            is_lost, self._is_lost = self._is_lost, False
            try:
                await (self.now() if is_lost else self._refresh(changed))
            except errors.Unavailable as reason:
                log.warning("provisioning.waiting", why=str(reason))
                await asyncio.sleep(RETRY_S)
                self._changed |= changed
                self._is_lost |= is_lost
                self._waiting += waiting
                self._awake.set()
            else:
                for each in waiting:
                    if not each.done():  # its task was not cancelled
                        each.set_result(None)

    async def _woken(self) -> None:
        """Something has changed, or the clock changes the fallback plan of a domain."""
        while not self._awake.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s()):
                    await self._awake.wait()
            now = self._engine.clock()
            for domain_uuid, at in [*self._next_changes.items()]:
                if at <= now:
                    del self._next_changes[domain_uuid]
                    self._note(Part("fallback", domain_uuid))

    def _patience_s(self) -> float | None:
        """The seconds until the first plan changes, at most those after which the clock is looked
        at again, as it may be set. None: no plan changes.
        """
        first = min(self._next_changes.values(), default=None)
        if first is None:
            return None
        left_s = (first - self._engine.clock()).total_seconds()
        return min(max(left_s, 0), self._look_s)

    async def now(self) -> None:
        """The switch holds the objects of the database, now or as soon as it is up."""
        read = await reading.in_thread(
            self._database.dsn,
            lambda tx: reading.everything(tx, self._source),
        )
        await asyncio.to_thread(self._inventory.apply, read)
        self._next_changes = read.next_changes
        wanted = await asyncio.to_thread(self._inventory.objects)
        await self._engine.switch.provision(wanted, read.lifted or set())

    async def lock(self, endpoint: str, *, is_locked: bool) -> None:
        """No password fits the device's account; or its own does again."""
        objects = await asyncio.to_thread(self._inventory.objects)
        keys = [key for key in provisioning.of_endpoint(endpoint) if key[0] == "auth"]
        own = {key: objects[key] for key in keys if key in objects}
        locked = {key: provisioning.locked(fields) for key, fields in own.items()}
        await self._engine.switch.provision_changes(locked if is_locked else own, ())

    async def _refresh(self, parts: set[Part]) -> None:
        """The switch holds these parts as in the database, now or as soon as it is up."""
        is_small = len(parts) <= FEW and not any(part.kind in _LARGE for part in parts)
        if is_small:
            async with self._database.connection() as tx:
                read = await reading.of(tx, self._source, parts)
            changed, gone = self._inventory.apply(read)
        else:
            read = await reading.in_thread(
                self._database.dsn,
                lambda tx: reading.of(tx, self._source, parts),
            )
            changed, gone = await asyncio.to_thread(self._inventory.apply, read)
        for part in read.asked:
            if part.kind == "fallback" and part.domain_uuid:
                self._next_changes.pop(part.domain_uuid, None)
        self._next_changes |= read.next_changes
        if changed or gone or read.lifted:
            await self._engine.switch.provision_changes(changed, gone, read.lifted)


_LARGE = ("domain", "fallback")
