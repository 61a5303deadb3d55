"""Devices of an extension."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.store import db, devices


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    extension: str,
    name: str,
    changes: dict[str, Any],
    *,
    password: str | None = None,
    new_password: bool = False,
) -> tuple[devices.Device, str | None]:
    """The device with the changes made, and its new SIP password: the given one, a random one with
    `new_password`, else None, and the old one stays. Raises as devices.update does.
    """
    known = await devices.get(tx, domain_uuid, extension, name)
    changed = msgspec.structs.replace(known, **changes)
    await devices.update(tx, domain_uuid, extension, changed)
    if not new_password and password is None:
        return changed, None
    return changed, await devices.set_password(tx, domain_uuid, extension, name, password)
