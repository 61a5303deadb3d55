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
    chosen = _usual_auth_username(trunk) if auth_username is None else auth_username
    made = msgspec.structs.replace(trunk, auth_username=chosen)
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
    """The changed trunk of that name; password None leaves the old one, `auth_username` None is
    as for a new trunk. Raises as trunks.update.
    """
    known = await trunks.by_name(tx, domain_uuid, name)
    is_usual = changes.get("auth_username", "") is None
    given = changes | ({"auth_username": ""} if is_usual else {})
    changed = msgspec.structs.replace(known, **given)
    if is_usual:
        usual = _usual_auth_username(changed)
        changed = msgspec.structs.replace(changed, auth_username=usual)
    await trunks.update(tx, domain_uuid, master_key, changed, password)
    return changed


def _usual_auth_username(trunk: trunks.Trunk) -> str:
    return trunk.username if trunk.auth == "digest" else ""


async def delete(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    """The trunk of that name is deleted. Raises as trunks.delete."""
    await trunks.delete(tx, domain_uuid, (await trunks.by_name(tx, domain_uuid, name)).trunk_uuid)
