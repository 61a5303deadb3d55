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
    """The new hotline, on a trunk of the domain or a shared one. Raises as trunks.usable and
    hotlines.insert do.
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
    """The hotline with the changes made, on the trunk unless that is None. Raises as `create`
    does.
    """
    if trunk is not None:
        found = await trunks.usable(tx, domain_uuid, trunk)
        changes = changes | {"trunk_uuid": found.trunk_uuid}
    changed = msgspec.structs.replace(await hotlines.get(tx, domain_uuid, number), **changes)
    await hotlines.update(tx, domain_uuid, changed)
    return changed
