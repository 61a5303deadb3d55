"""Trunks, by name."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.encryption import MasterKey
from tongdai.store import db, trunks


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    trunk: trunks.Trunk,
    *,
    auth_username: str | None,
    password: str,
) -> trunks.Trunk:
    """Creates a trunk. If `auth_username` is None, calls from a trunk with digest authenticate by
    its username, those of others by none. Raises as trunks.insert.
    """
    if auth_username is None:
        auth_username = trunk.username if trunk.auth == "digest" else ""
    made = msgspec.structs.replace(trunk, auth_username=auth_username)
    await trunks.insert(tx, domain_uuid, master_key, made, password)
    return made


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    name: str,
    changes: dict[str, Any],
    *,
    password: str | None = None,
) -> trunks.Trunk:
    """The changed trunk of that name; password None leaves the old one. Raises as
    trunks.update.
    """
    changed = msgspec.structs.replace(await trunks.by_name(tx, domain_uuid, name), **changes)
    await trunks.update(tx, domain_uuid, master_key, changed, password)
    return changed


async def delete(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    """The trunk of that name is deleted. Raises as trunks.delete."""
    await trunks.delete(tx, domain_uuid, (await trunks.by_name(tx, domain_uuid, name)).trunk_uuid)
