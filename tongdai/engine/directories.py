"""A cache of the domains' directories, and the domain of a new call."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias, TypeVar
from uuid import UUID

from msgspec.structs import replace

from tongdai import errors
from tongdai.pbx import carriers, numbers
from tongdai.pbx.carriers import Called, CarrierTrunk, Undecided
from tongdai.pbx.directory import Caller, Directory
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.signals import Arrived, ArrivedRefused
from tongdai.store import callers, db, directory

Arrival = TypeVar("Arrival", bound=Arrived)
MOST_PLACES = 10_000  # that are cached
_Place: TypeAlias = tuple[str, str, str, str]
"""The endpoint that the switch identified, the source address, and the texts that may be the
number called.
"""


class Unrouted(Exception):
    """A carrier's call belongs to no domain. `trunks` are those at its address."""

    def __init__(self, why: Undecided, trunks: tuple[CarrierTrunk, ...]) -> None:
        super().__init__(str(why))
        self.undecided, self.trunks = why, trunks


class Directories:
    """Call `forget` when a domain has changed (LISTEN directory), with "" when any may have."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._by_uuid: dict[UUID, Directory] = {}
        self._by_name: dict[str, UUID] = {}
        self._by_hotline: dict[_Place, Called] = {}
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

    async def arrival(self, arrived: Arrival) -> tuple[Directory, Arrival]:
        """The directory of the domain of an arriving call. Of a carrier's call the arrival then
        has the trunk and the number by which it belongs to the domain.

        Raises errors.NotFound; of a carrier's call, Unrouted.
        """
        if isinstance(arrived, ArrivedRefused):
            return await self.get(arrived.domain_uuid), arrived
        if arrived.via == "phone":
            if (device := Endpoint.parse(arrived.endpoint)) is None:
                raise errors.NotFound
            return await self._named(device.domain), arrived
        called = await self._called(arrived)
        arrived = replace(arrived, endpoint=str(called.trunk_uuid), dialled=called.number)
        return await self.get(called.domain_uuid), arrived

    async def caller(self, known: Directory, number: str) -> Caller | None:
        """What the domain knows of exactly this number, in any form. Raises errors.Unavailable."""
        if not known.knows_numbers:
            return None
        canonical = numbers.canonical(number, known.domain.country)
        async with self._database.connection() as tx:
            return await callers.find(tx, known.domain.domain_uuid, canonical)

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

    async def _called(self, arrived: Arrived) -> Called:
        place = (arrived.endpoint, _host(arrived.source), arrived.dialled, arrived.header)
        if known := self._by_hotline.get(place):
            return known
        changes = self._changes
        trunks, found = await self._decide(*place)
        if isinstance(found, Undecided):
            raise Unrouted(found, tuple(trunks))
        if changes == self._changes:
            if len(self._by_hotline) >= MOST_PLACES:  # callers may write a number in many ways
                self._by_hotline.clear()
            self._by_hotline[place] = found
        return found

    async def _decide(
        self, endpoint: str, address: str, dialled: str, header: str
    ) -> tuple[Sequence[CarrierTrunk], Called | Undecided]:
        try:
            trunk_uuid = UUID(endpoint)
        except ValueError as reason:
            raise errors.NotFound from reason
        async with self._database.connection() as tx:
            trunks = await directory.trunks_at(tx, trunk_uuid, address)
            texts = {
                text for each in trunks for text in carriers.called_numbers(each, dialled, header)
            }
            canonicals = carriers.canonicals(texts, await directory.countries(tx))
            hotlines = await directory.hotlines_at(
                tx, [each.trunk_uuid for each in trunks], canonicals
            )
        return trunks, carriers.decide(trunks, hotlines, dialled, header)


def _host(source: str) -> str:
    """The IP address of host:port; "" for another text."""
    host = source.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
