"""Trunks, which are named."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai.seal import Seal
from tongdai.store import db, trunks


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    seal: Seal,
    trunk: trunks.Trunk,
    *,
    auth_username: str | None,
    password: str,
) -> trunks.Trunk:
    """The new trunk. Where `auth_username` is None, calls to us of a trunk by digest are
    authenticated by its username, those of others by none. Raises as trunks.insert does.
    """
    if auth_username is None:
        auth_username = trunk.username if trunk.auth == "digest" else ""
    made = msgspec.structs.replace(trunk, auth_username=auth_username)
    await trunks.insert(tx, domain_uuid, seal, made, password)
    return made


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    seal: Seal,
    name: str,
    changes: dict[str, Any],
    *,
    password: str | None = None,
) -> trunks.Trunk:
    """The trunk of that name with the changes made, and the new password unless None. Raises as
    trunks.update does.
    """
    changed = msgspec.structs.replace(await trunks.by_name(tx, domain_uuid, name), **changes)
    await trunks.update(tx, domain_uuid, seal, changed, password)
    return changed


async def delete(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    """The trunk of that name is gone. Raises as trunks.delete does."""
    await trunks.delete(tx, domain_uuid, (await trunks.by_name(tx, domain_uuid, name)).trunk_uuid)
