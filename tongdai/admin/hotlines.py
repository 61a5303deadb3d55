"""Hotlines, whose trunk is given by name."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.directory import Hotline
from tongdai.store import db, hotlines, trunks


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    number: str,
    *,
    trunk: str,
    name: str = "",
    destination: str = "",
    is_default: bool = False,
) -> Hotline:
    """Creates a hotline on a trunk of the domain or a shared one. Raises as trunks.usable and
    hotlines.insert.
    """
    trunk_uuid = (await trunks.usable(tx, domain_uuid, trunk)).trunk_uuid
    return await hotlines.insert(
        tx,
        domain_uuid,
        number,
        trunk_uuid,
        name=name,
        destination=destination,
        is_default=is_default,
    )


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    number: str,
    changes: dict[str, Any],
    *,
    trunk: str | None = None,
) -> Hotline:
    """The changed hotline; `trunk` None leaves its trunk. Raises as `create`."""
    if trunk is not None:
        found = await trunks.usable(tx, domain_uuid, trunk)
        changes = changes | {"trunk_uuid": found.trunk_uuid}
    changed = msgspec.structs.replace(await hotlines.get(tx, domain_uuid, number), **changes)
    await hotlines.update(tx, domain_uuid, changed)
    return changed
