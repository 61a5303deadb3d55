"""A cache of the domains' directories, and the domain of a new call."""

from uuid import UUID

from tongdai import errors
from tongdai.pbx import numbers
from tongdai.pbx.directory import Directory
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.signals import Arrived
from tongdai.store import db, directory


class Directories:
    """Call `forget` when a domain has changed (LISTEN directory), with "" when any may have."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._by_uuid: dict[UUID, Directory] = {}
        self._by_name: dict[str, UUID] = {}
        self._by_hotline: dict[tuple[str, str], UUID] = {}
        self._changes = 0  # directories read before the last one are not cached

    def forget(self, domain_uuid: str) -> None:
        self._changes += 1
        self._by_hotline.clear()
        self._by_name.clear()
        if domain_uuid:
            self._by_uuid.pop(UUID(domain_uuid), None)
        else:
            self._by_uuid.clear()

    def replace(self, changed: Directory) -> None:
        """Replaces a cached directory that the engine itself has changed: the position of a round
        robin.
        """
        self._by_uuid[changed.domain.domain_uuid] = changed

    async def get(self, domain_uuid: UUID) -> Directory:
        """The domain's directory. Raises errors.NotFound, errors.Unavailable."""
        if known := self._by_uuid.get(domain_uuid):
            return known
        changes = self._changes
        async with self._database.connection() as tx:
            loaded = await directory.load(tx, domain_uuid)
        if changes == self._changes:
            self._by_uuid[domain_uuid] = loaded
        return loaded

    async def of(self, arrived: Arrived) -> Directory:
        """The directory of the domain of an arriving call. Raises errors.NotFound."""
        if arrived.via == "phone":
            if (device := Endpoint.parse(arrived.endpoint)) is None:
                raise errors.NotFound
            return await self._named(device.domain)
        return await self.get(await self._called(arrived.endpoint, arrived.dialled))

    async def _named(self, name: str) -> Directory:
        if known := self._by_name.get(name):
            return await self.get(known)
        changes = self._changes
        async with self._database.connection() as tx:
            loaded = await directory.by_name(tx, name)
        if changes == self._changes:
            self._by_name[name] = loaded.domain.domain_uuid
            self._by_uuid[loaded.domain.domain_uuid] = loaded
        return loaded

    async def _called(self, trunk: str, dialled: str) -> UUID:
        """The domain of the hotline on that trunk; for a number without a hotline the domain of
        the trunk, which refuses the call.
        """
        if known := self._by_hotline.get((trunk, dialled)):
            return known
        try:
            trunk_uuid = UUID(trunk)
        except ValueError as reason:
            raise errors.NotFound from reason
        changes = self._changes
        async with self._database.connection() as tx:
            owner = await directory.trunk_owner(tx, trunk_uuid)
            own = await directory.load(tx, owner)
            canonical = numbers.canonical(dialled, own.domain.country)
            found = await directory.trunk_hotline(tx, trunk_uuid, canonical)
        if found and changes == self._changes:
            self._by_hotline[trunk, dialled] = found
        return found or owner
