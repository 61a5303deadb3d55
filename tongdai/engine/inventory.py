"""The objects that a node's switch must hold, part by part, and their changes after a reading of
the database. Pure; `engine/reading.py` reads.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from tongdai.asterisk import provisioning
from tongdai.asterisk.provisioning import Key, Objects

Kind = Literal["extension", "trunk", "domain", "aliases", "bans", "fallback", "numbers"]


class Part(msgspec.Struct, frozen=True):
    """Objects that change together: those of an extension (`id` is its number), of a trunk (`id`
    is its UUID), of a domain's fallback plan, or of a set of numbers that several plans share. The
    objects of a domain, and the aliases, depend on whether it has devices.
    """

    kind: Kind
    domain_uuid: UUID | None = None
    id: str = ""


Parts: TypeAlias = dict[Part, Objects]
"""Parts without objects are left out."""
ALIASES, BANS = Part("aliases"), Part("bans")


class Reading(msgspec.Struct, kw_only=True):
    """The parts as read from the database: `asked` by name, all extensions of `domains`, all
    trunks (`has_all_trunks`), or everything (`is_everything`). A part that was read but is not in
    `parts` has no objects now. `names`: the domains whose extensions were read. `lifted`: bans
    that the switch may still hold; None if bans were not read. `next_changes`: when the
    fallback plans that were read change by the clock, by domain.
    """

    parts: Parts = {}
    asked: set[Part] = set()
    domains: set[UUID] = set()
    has_all_trunks: bool = False
    is_everything: bool = False
    names: dict[UUID, str] = {}
    lifted: set[Key] | None = None
    next_changes: dict[UUID, datetime] = {}

    def covers(self, part: Part) -> bool:
        """Whether the part was read."""
        if part.kind in ("domain", "aliases"):
            return False
        return (
            self.is_everything
            or part in self.asked
            or (part.kind == "extension" and part.domain_uuid in self.domains)
            or (part.kind == "trunk" and self.has_all_trunks)
        )


class Inventory:
    """All parts of one node. `addresses` are used by devices that have no domain: they are aliases
    of the only domain with devices, or of `main`. `unknown_digest` is an HA1 that no password
    fits.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        main: str,
        unknown_digest: str,
        config: provisioning.SwitchConfig,
    ) -> None:
        self._config = config
        self._addresses, self._main = sorted(addresses), main
        self._unknown_digest = unknown_digest
        self._parts: Parts = {}
        self._names: dict[UUID, str] = {}  # of domains with devices
        self._extensions: Counter[UUID] = Counter()  # number with devices, by domain
        self._aliased: UUID | None = None  # the domain of the addresses
        self._digest_trunks: set[Part] = set()  # trunks that call by digest
        self._by_to = True  # as of provisioning.unknown_endpoints

    def objects(self) -> Objects:
        """The objects of all parts."""
        return dict(chain.from_iterable(objects.items() for objects in self._parts.values()))

    def apply(self, reading: Reading) -> tuple[Objects, set[Key]]:
        """Applies the reading. Returns the objects that differ, and those that are gone."""
        is_large = reading.domains or reading.has_all_trunks or reading.is_everything
        known = [part for part in self._parts if reading.covers(part)] if is_large else ()
        now = {part: reading.parts.get(part, {}) for part in reading.asked.union(known)}
        now |= reading.parts
        before = {part: self._put(part, objects) for part, objects in now.items()}
        for part, objects in self._follow(reading.names).items():
            now[part], before[part] = objects, self._put(part, objects)
        changed: Objects = {}
        gone: set[Key] = set()
        for part, objects in now.items():
            pushed, deleted = provisioning.changes(before[part], objects)
            changed |= pushed
            gone |= deleted
        return changed, gone - changed.keys()

    def _put(self, part: Part, objects: Objects) -> Objects:
        """Sets the part's objects. Returns its former ones."""
        before = self._parts.pop(part, {})
        if objects:
            self._parts[part] = objects
        if part.kind == "extension" and part.domain_uuid:
            self._extensions[part.domain_uuid] += bool(objects) - bool(before)
        if part.kind == "trunk":
            self._digest_trunks.discard(part)
            if any(id_.endswith(f"@{provisioning.REALM}") for _, id_ in objects):
                self._digest_trunks.add(part)
        return before

    def _follow(self, names: dict[UUID, str]) -> Parts:
        """The parts that depend on which domains have devices now."""
        added = {uuid: name for uuid, name in names.items() if uuid not in self._names}
        removed = {uuid for uuid in self._names if not self._extensions[uuid]}
        by_to, self._by_to = self._by_to, not self._digest_trunks
        if not added and not removed and by_to == self._by_to:
            return {}
        for uuid in removed:
            del self._names[uuid], self._extensions[uuid]
        self._names |= added
        aliased, self._aliased = self._aliased, self._meant()
        affected = {*added, *removed} | ({aliased, self._aliased} - {None})
        if by_to != self._by_to:
            affected |= self._names.keys()
        name = self._names.get(self._aliased) if self._aliased else None
        aliases = {("domain_alias", each): {"domain": name} for each in self._addresses if name}
        return {
            ALIASES: aliases,
            **{Part("domain", uuid): self._unknown(uuid) for uuid in affected},
        }

    def _unknown(self, domain_uuid: UUID | None) -> Objects:
        if domain_uuid is None or domain_uuid not in self._names:
            return {}
        aliases = self._addresses if domain_uuid == self._aliased else ()
        name = self._names[domain_uuid]
        return provisioning.unknown_endpoints(
            name, aliases, self._unknown_digest, self._config, by_to=self._by_to
        )

    def _meant(self) -> UUID | None:
        """The domain that the addresses are aliases of."""
        mains = [uuid for uuid, name in self._names.items() if name == self._main]
        if mains or len(self._names) == 1:
            return next(iter(mains or self._names))
        return None
