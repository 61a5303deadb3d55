"""Registered phones of a domain."""

from collections.abc import Sequence
from uuid import UUID

from tongdai import errors
from tongdai.asterisk import registrations
from tongdai.asterisk.registrations import Ari, Phone
from tongdai.store import db, devices, domains


async def registered(
    tx: db.Tx, domain_uuid: UUID, switch: Ari, extension: str | None = None
) -> Sequence[Phone]:
    """The registered phones of the domain, or of one extension. `switch` is that of the domain's
    node. Raises errors.SwitchDown.
    """
    node = (await domains.get(tx, domain_uuid)).node
    known = await devices.list_for_provisioning(tx, node, domain_uuid, extension)
    return await registrations.registered(switch, [str(each.endpoint) for each in known])


async def drop(
    tx: db.Tx, domain_uuid: UUID, switch: Ari, extension: str, address: str | None = None
) -> Sequence[Phone]:
    """The phones of the extension, or the one that registered from that address (host:port), are
    not registered any more. Returns them. Raises errors.NotFound if there is none,
    errors.SwitchDown.
    """
    known = await registered(tx, domain_uuid, switch, extension)
    gone = [phone for phone in known if address in (None, phone.address)]
    if not gone:
        raise errors.NotFound(f"no phone of {extension} is registered from there")
    for phone in gone:
        await registrations.drop(switch, phone.id)
    return gone
