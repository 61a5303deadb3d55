"""API keys of programs, beside the user's own."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.admin import api_keys as own
from tongdai.encryption import MasterKey
from tongdai.permissions import PERMISSIONS, Permission, granted
from tongdai.store import db, named_keys, users
from tongdai.store.named_keys import NamedKey

MOST = 50
"""Keys of one user."""


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    username: str,
    name: str,
    *,
    scopes: Sequence[str] | None = None,
    token_life_s: int | None = None,
    expires_at: datetime | None = None,
    within: Collection[Permission] = PERMISSIONS,
) -> tuple[NamedKey, str]:
    """The user's new key of that name, and the key itself, which cannot be read again. Who makes
    it has the permissions `within`, and gives no more than those.

    Raises errors.Invalid, errors.Conflict, errors.NotFound, errors.Forbidden.
    """
    user = await users.get(tx, domain_uuid, username)
    if len(await named_keys.list(tx, domain_uuid, username)) >= MOST:
        raise errors.Conflict(messages.KEYS_LIMIT(most=MOST), field="username")
    api_key_uuid, key = await named_keys.insert(
        tx,
        domain_uuid,
        master_key,
        username,
        name,
        scopes=own.chosen(scopes),
        token_life_s=own.life(token_life_s),
        expires_at=expires_at,
    )
    made = await named_keys.get(tx, domain_uuid, api_key_uuid)
    _refuse_beyond(granted(user.level, made.scopes), within)
    return made, key


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    api_key_uuid: UUID,
    changes: dict[str, Any],
    within: Collection[Permission] = PERMISSIONS,
) -> NamedKey:
    """The changed key; `changes` are of name, scopes, token_life_s and expires_at. Raises as
    `create`.
    """
    known = await named_keys.get(tx, domain_uuid, api_key_uuid)
    if "scopes" in changes:
        changes = changes | {"scopes": own.chosen(changes["scopes"])}
        _refuse_beyond(granted(known.level, changes["scopes"]), within)
    if "token_life_s" in changes:
        own.life(changes["token_life_s"])
    changed = msgspec.structs.replace(known, **changes)
    await named_keys.update(tx, domain_uuid, changed)
    return changed


async def rotate(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    api_key_uuid: UUID,
    within: Collection[Permission] = PERMISSIONS,
) -> tuple[NamedKey, str]:
    """The key, and the new one in its place, which cannot be read again; the one before and its
    tokens are no longer valid. Raises errors.NotFound, errors.Forbidden.
    """
    known = await named_keys.get(tx, domain_uuid, api_key_uuid)
    _refuse_beyond(granted(known.level, known.scopes), within)
    return known, await named_keys.rotate(tx, domain_uuid, master_key, api_key_uuid)


def _refuse_beyond(given: Collection[Permission], within: Collection[Permission]) -> None:
    """Nobody gets a key that may do more than its maker."""
    if beyond := [one for one in PERMISSIONS if one in given and one not in within]:
        raise errors.Forbidden(messages.PERMISSION_NEEDED(permission=beyond[0]))
