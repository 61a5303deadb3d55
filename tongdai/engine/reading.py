"""Reads from the database the objects that a node's switch must hold: all, or those of some parts
of the inventory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from itertools import chain
from typing import TypeVar
from uuid import UUID

import msgspec

from tongdai.asterisk import browser_addresses, fallback, provisioning
from tongdai.encryption import MasterKey
from tongdai.engine.inventory import BANS, Part, Parts, Reading
from tongdai.engine.wall_clock import WallClock, utc_now
from tongdai.pbx.directory import music_class
from tongdai.pbx.fallback import next_change, plan
from tongdai.store import bans, db, devices, directory, trunks

Result = TypeVar("Result")

READ_S = 60.0  # for statements that read everything


def part(kind: str, domain_uuid: str, id_: str) -> Part:
    """The part named in a notification of the channel `objects` (migration 0001). A trunk is of no
    domain here: hotlines of several domains may use it.
    """
    match kind:
        case "extension":
            return Part("extension", UUID(domain_uuid), id_)
        case "trunk":
            return Part("trunk", None, id_)
        case _:
            return Part("domain", UUID(domain_uuid))


class Source(msgspec.Struct, frozen=True):
    """The node whose objects are read, and what their making needs besides the database."""

    node: str
    master_key: MasterKey
    config: provisioning.SwitchConfig = provisioning.SwitchConfig()
    clock: WallClock = utc_now


async def everything(tx: db.Tx, source: Source) -> Reading:
    """All objects of the node's switch."""
    reading = Reading(is_everything=True)
    await _devices(tx, reading, source)
    reading.parts |= await _trunks(tx, source)
    await _bans(tx, reading, source.master_key)
    await _fallback(tx, reading, source)
    return reading


async def of(tx: db.Tx, source: Source, parts: Collection[Part]) -> Reading:
    """Reads these parts. A domain has its extensions, and all trunks: it may use any."""
    reading = Reading(asked={each for each in parts if each.kind != "domain"})
    for each in parts:
        match each.kind:
            case "extension":
                await _devices(tx, reading, source, each.domain_uuid, each.id)
            case "trunk":
                reading.parts |= await _trunks(tx, source, UUID(each.id))
            case "domain" if each.domain_uuid:
                reading.domains.add(each.domain_uuid)
                await _devices(tx, reading, source, each.domain_uuid)
                reading.asked.add(Part("fallback", each.domain_uuid))
                await _fallback(tx, reading, source, each.domain_uuid)
            case "fallback":
                await _fallback(tx, reading, source, each.domain_uuid)
    if reading.domains:
        reading.has_all_trunks = True
        reading.parts |= await _trunks(tx, source)
    if BANS in parts:
        await _bans(tx, reading, source.master_key)
    return reading


async def _devices(
    tx: db.Tx,
    reading: Reading,
    source: Source,
    domain_uuid: UUID | None = None,
    extension: str | None = None,
) -> None:
    """Adds the extensions of the node, or of one domain, or one extension."""
    for known in await devices.list_for_provisioning(tx, source.node, domain_uuid, extension):
        own = reading.parts.setdefault(Part("extension", known.domain_uuid, known.extension), {})
        own |= provisioning.hint(known.endpoint)
        own |= provisioning.device(
            provisioning.Device(
                endpoint=known.endpoint,
                kind=known.kind,
                display_name=known.display_name,
                srtp_required=known.srtp_required,
                max_contacts=known.max_contacts,
                digest_md5=known.digest_md5,
                digest_sha256=known.digest_sha256,
                full_digests=(known.digest_md5_full, known.digest_sha256_full),
                credentials=known.credentials,
                music=music_class(known.music_of),
            ),
            source.config,
        )
        reading.names[known.domain_uuid] = known.domain


async def _trunks(tx: db.Tx, source: Source, trunk_uuid: UUID | None = None) -> Parts:
    known = await trunks.list_for_provisioning(tx, source.master_key, source.node, trunk_uuid)
    return {
        Part("trunk", None, str(each.trunk.trunk_uuid)): provisioning.trunk(
            _carrier(each), source.config
        )
        for each in known
    }


def _carrier(known: trunks.Provisioned) -> provisioning.Carrier:
    trunk = known.trunk
    return provisioning.Carrier(
        trunk=str(trunk.trunk_uuid),
        key=known.carrier_key,
        auth=trunk.auth,
        host=trunk.host,
        transport=trunk.transport,
        addresses=trunk.addresses,
        username=trunk.username,
        password=known.password,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
        auth_username=trunk.auth_username,
        called_number_in=trunk.called_number_in,
        qualify=trunk.qualify,
        transfers=trunk.transfers,
        is_registering=known.is_owner,
    )


async def _fallback(
    tx: db.Tx, reading: Reading, source: Source, domain_uuid: UUID | None = None
) -> None:
    """Adds the fallback plans of the node's domains, or of one, and the number sets that they
    share.
    """
    now, parts = source.clock(), reading.parts
    for known in await directory.load_of_node(tx, source.node, domain_uuid):
        planned, uuid = plan(known, now), known.domain.domain_uuid
        parts[Part("fallback", uuid)] = provisioning.fallback(fallback.entries(planned))
        for name, entries in fallback.shared(planned).items():
            parts[Part("numbers", None, name)] = provisioning.fallback(entries)
        if changes_at := next_change(known, now):
            reading.next_changes[uuid] = changes_at


async def _bans(tx: db.Tx, reading: Reading, master_key: MasterKey) -> None:
    """Adds the banned addresses, each also as the edge proxy shows it to the switch."""
    key = browser_addresses.source_key(master_key)

    def objects(addresses: Iterable[str]) -> provisioning.Objects:
        both = ((one, browser_addresses.source(one, key)) for one in addresses)
        return provisioning.bans(chain.from_iterable(both))

    reading.parts[BANS] = objects([ban.address for ban in await bans.list(tx)])
    reading.lifted = set(objects(await bans.lifted(tx)))


async def in_thread(dsn: str, work: Callable[[db.Tx], Awaitable[Result]]) -> Result:
    """Runs the work in a thread, on a connection of its own, so that ten thousand rows do not
    block the event loop. Raises errors.Unavailable.
    """

    async def read() -> Result:
        database = db.Database(dsn, size=1, statement_s=READ_S)
        await database.open()
        try:
            async with database.connection() as tx:
                return await work(tx)
        finally:
            await database.close()

    return await asyncio.to_thread(asyncio.run, read())
