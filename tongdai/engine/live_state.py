"""Publishes the live state of domains that somebody listens to: what has changed since the last
look, ten times a second at most. While nobody listens it does nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog

from tongdai import errors
from tongdai.asterisk import registrations
from tongdai.dialects import live as dialect
from tongdai.engine.engine import Engine
from tongdai.pbx import live
from tongdai.pbx.call import Call
from tongdai.pbx.directory import Directory
from tongdai.pbx.endpoint import Endpoint
from tongdai.store import db, live_state, trunk_registrations
from tongdai.store.live_state import Key
from tongdai.store.trunk_registrations import Registration

log = structlog.get_logger()

GATHER_S = 0.1
LEASES_S = 2.0  # between two looks at who listens
SLOW_S = 1.0  # between two looks at what tells of no change: wrap-ups, trunks, the directory
AWAY_S = 1.0
_AT_ONCE = 20  # devices whose phones are asked for together

_encode = msgspec.json.Encoder().encode
Phones = Mapping[str, tuple[live.LivePhone, ...]]


class _Domain:
    """What was published of a domain, and what it was made of."""

    def __init__(self) -> None:
        self.things: dict[Key, str] = {}
        self.calls: dict[UUID, tuple[Call, str]] = {}
        self.phones: dict[str, tuple[live.LivePhone, ...]] = {}
        self.trunks: Mapping[UUID, Registration] = {}
        self.changes = -1  # of its live calls, when it was looked at
        self.links = -1  # to the switch, when its phones were asked for
        self.slow_at = 0.0  # the last slow look (event loop's time)
        self.is_begun = False


class LiveState:
    """Call `wake` for each notification of `live_wanted`."""

    def __init__(self, database: db.Database, engine: Engine) -> None:
        self._database, self._engine = database, engine
        self._wanted = asyncio.Event()
        self._domains: dict[UUID, _Domain] = {}
        self._contacts: set[str] = set()  # endpoints whose phones have changed
        engine.on_contact.append(self._contact_changed)

    def wake(self) -> None:
        """Somebody may listen now."""
        self._wanted.set()

    def _contact_changed(self, endpoint: str) -> None:
        if self._domains:
            self._contacts.add(endpoint)

    async def run(self) -> None:
        """Runs until cancelled."""
        clock, looked_at, self._domains = asyncio.get_running_loop().time, 0.0, {}
        await self._void()
        while True:
            try:
                if self._wanted.is_set() or clock() >= looked_at + LEASES_S:
                    self._wanted.clear()
                    await self._look_who_listens()
                    looked_at = clock()
                await self._publish()
            except errors.Unavailable as reason:
                log.warning("live_state.waiting", why=str(reason))
                await asyncio.sleep(AWAY_S)
            if self._domains:
                await asyncio.sleep(GATHER_S)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LEASES_S):
                        await self._wanted.wait()

    async def _void(self) -> None:
        """What an engine before this one published."""
        with suppress(errors.Unavailable):
            async with self._database.connection() as tx:
                await live_state.void(tx, self._engine.node)

    async def _look_who_listens(self) -> None:
        async with self._database.transaction() as tx:
            wanted = await live_state.wanted(tx, self._engine.node)
            for domain_uuid in self._domains.keys() - wanted:
                await live_state.end(tx, domain_uuid)
            for domain_uuid in self._domains.keys() & wanted:
                await live_state.forget_gone(tx, domain_uuid)
            await live_state.touch(tx, wanted)
        kept = {known: self._domains[known] for known in wanted & self._domains.keys()}
        self._domains = {known: kept.get(known) or _Domain() for known in wanted}

    async def _publish(self) -> None:
        contacts, self._contacts = self._contacts, set()
        for domain_uuid, known in [*self._domains.items()]:
            try:
                await self._publish_domain(domain_uuid, known, contacts)
            except errors.NotFound:  # it is being deleted
                self._domains.pop(domain_uuid, None)
            except errors.SwitchDown:  # its phones are asked for again
                self._contacts |= contacts

    async def _publish_domain(
        self, domain_uuid: UUID, known: _Domain, contacts: Iterable[str]
    ) -> None:
        directory = await self._engine.directories.get(domain_uuid)
        name, now = directory.domain.name, asyncio.get_running_loop().time()
        own = {each for each in contacts if each.partition("@")[2] == name}
        is_slow = now >= known.slow_at + SLOW_S
        changes = self._engine.live_calls.changes[domain_uuid]
        if not (own or is_slow or changes != known.changes):
            return
        if is_slow:
            known.slow_at = now
            known.trunks = await self._registrations(domain_uuid)
        await self._ask_phones(directory, known, own)
        known.changes = changes
        await self._write(domain_uuid, known, self._things(directory, known))

    async def _write(self, domain_uuid: UUID, known: _Domain, things: dict[Key, str]) -> None:
        before = known.things
        changed = {key: body for key, body in things.items() if before.get(key) != body}
        gone = before.keys() - things.keys()
        if not known.is_begun:
            async with self._database.transaction() as tx:
                await live_state.begin(tx, domain_uuid, things)
        elif changed or gone:
            async with self._database.connection() as tx:
                await live_state.change(tx, domain_uuid, changed, gone)
        known.things, known.is_begun = things, True

    async def _registrations(self, domain_uuid: UUID) -> dict[UUID, Registration]:
        async with self._database.connection() as tx:
            found = await trunk_registrations.list(tx, domain_uuid)
        return {each.trunk_uuid: each for each in found}

    async def _ask_phones(self, directory: Directory, known: _Domain, changed: set[str]) -> None:
        """The phones of devices that are new or have changed, of all after the link to the switch
        was lost. Raises errors.SwitchDown.
        """
        if known.links != (links := self._engine.switch.contacts.links):
            known.phones, known.links = {}, links
        endpoints = {each for name in directory.extensions for each in directory.endpoints(name)}
        for gone in known.phones.keys() - endpoints:
            del known.phones[gone]
        asked = sorted((endpoints - known.phones.keys()) | (changed & endpoints))
        for first in range(0, len(asked), _AT_ONCE):
            part = asked[first : first + _AT_ONCE]
            for endpoint, found in (await self._engine.switch.registered(part)).items():
                known.phones[endpoint] = tuple(
                    live.LivePhone(
                        endpoint, registrations.address(each.uri), each.is_reachable, each.since
                    )
                    for each in found
                )

    # --- what is published

    def _things(self, directory: Directory, known: _Domain) -> dict[Key, str]:
        calls = [*self._engine.live_calls.of(directory.domain.domain_uuid)]
        things = self._calls(calls, known)
        for queue in live.queues(directory, calls):
            things["queues", queue.number] = _json(dialect.queue(queue))
        for agent in self._agents(directory, calls, known.phones):
            things["agents", agent.extension] = _json(dialect.agent(agent))
        things |= _phones(known.phones)
        return things | self._trunks(directory, known.trunks)

    def _calls(self, calls: Iterable[Call], known: _Domain) -> dict[Key, str]:
        """Only what has changed is rendered anew."""
        rendered = {}
        for call in calls:
            before = known.calls.get(call.call_uuid)
            if before is None or before[0] is not call:
                before = call, _json(dialect.call(live.of(call)))
            rendered[call.call_uuid] = before
        known.calls = rendered
        return {("calls", str(call_uuid)): body for call_uuid, (_, body) in rendered.items()}

    def _agents(
        self, directory: Directory, calls: Iterable[Call], phones: Phones
    ) -> list[live.LiveAgent]:
        there = {
            device.extension
            for endpoint, known in phones.items()
            if (device := Endpoint.parse(endpoint)) and any(each.is_reachable for each in known)
        }
        agents = {agent for queue in directory.queues.values() for agent in queue.agents}
        talked = self._engine.live_calls.talked_until(directory.domain.domain_uuid, agents)
        away = directory.extensions.keys() - there
        return live.agents(directory, calls, away, talked, datetime.now(UTC))

    def _trunks(
        self, directory: Directory, registered: Mapping[UUID, Registration]
    ) -> dict[Key, str]:
        things: dict[Key, str] = {}
        for trunk in directory.trunks.values():
            known = registered.get(trunk.trunk_uuid)
            view = live.LiveTrunk(
                name=trunk.name,
                is_enabled=trunk.enabled,
                calls=self._engine.live_calls.on_trunk(trunk.trunk_uuid),
                max_calls=trunk.max_calls,
                is_registered=known.is_registered if known else None,
                sip_status=known.sip_status if known else 0,
                since=known.since if known else None,
            )
            things["trunks", trunk.name] = _json(dialect.trunk(view))
        return things


def _phones(phones: Phones) -> dict[Key, str]:
    by_extension: dict[str, list[live.LivePhone]] = {}
    for endpoint, known in phones.items():
        if (device := Endpoint.parse(endpoint)) and known:
            by_extension.setdefault(device.extension, []).extend(known)
    return {
        ("registrations", extension): _json(dialect.registration(extension, known))
        for extension, known in by_extension.items()
    }


def _json(thing: msgspec.Struct) -> str:
    return _encode(thing).decode()
