"""Hotlines, whose trunk is given by name."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai.pbx.causes import Rejection
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
    enabled: bool = True,
    further_trunks: Sequence[str] = (),
    hours: str | None = None,
    closed_destination: str = "",
    closed_cause: Rejection = "unavailable",
) -> Hotline:
    """Creates a hotline on trunks of the domain or shared ones. Raises as trunks.usable and
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
        enabled=enabled,
        further_trunks=await _uuids(tx, domain_uuid, further_trunks),
        hours=hours,
        closed_destination=closed_destination,
        closed_cause=closed_cause,
    )


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    number: str,
    changes: dict[str, Any],
    *,
    trunk: str | None = None,
    further_trunks: Sequence[str] | None = None,
) -> Hotline:
    """The changed hotline; None leaves its trunk, and its further trunks. Raises as `create`."""
    if trunk is None and further_trunks is None:
        routed = msgspec.structs.replace(await hotlines.get(tx, domain_uuid, number), **changes)
        await hotlines.route(tx, domain_uuid, routed)
        return routed
    if trunk is not None:
        found = await trunks.usable(tx, domain_uuid, trunk)
        changes = changes | {"trunk_uuid": found.trunk_uuid}
    if further_trunks is not None:
        further = await _uuids(tx, domain_uuid, further_trunks)
        changes = changes | {"further_trunks": further}
    changed = msgspec.structs.replace(await hotlines.get(tx, domain_uuid, number), **changes)
    await hotlines.update(tx, domain_uuid, changed)
    return changed


async def _uuids(tx: db.Tx, domain_uuid: UUID, names: Sequence[str]) -> tuple[UUID, ...]:
    found = [await trunks.usable(tx, domain_uuid, name, "further_trunks") for name in names]
    return tuple(trunk.trunk_uuid for trunk in found)
