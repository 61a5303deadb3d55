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
    """The changed device, and its new SIP password: the given one, a random one with
    `new_password`, else None, which leaves the old one. Raises as devices.update.
    """
    known = await devices.get(tx, domain_uuid, extension, name)
    changed = msgspec.structs.replace(known, **changes)
    await devices.update(tx, domain_uuid, extension, changed)
    if not new_password and password is None:
        return changed, None
    return changed, await devices.set_password(tx, domain_uuid, extension, name, password)
