"""API keys of programs, beside the user's own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.admin import api_keys as own
from tongdai.encryption import MasterKey
from tongdai.permissions import Permission
from tongdai.store import db, named_keys
from tongdai.store.named_keys import NamedKey

MOST = 50
"""Keys of one user."""


class Limits(msgspec.Struct, frozen=True):
    """The limits of whoever makes or changes keys, which hold for those keys too."""

    permissions: frozenset[Permission] | None = None  # None: all, those of later versions too
    expires_at: datetime | None = None  # None: never

    def check(self, scopes: Sequence[Permission] | None, expires_at: datetime | None) -> None:
        """Raises errors.Forbidden for a key of these scopes and this expiry if it is beyond the
        limits. The level of its user does not count: it may rise later.
        """
        if self.permissions is not None:
            if scopes is None:
                raise errors.Forbidden(messages.SCOPES_BEYOND)
            if beyond := [one for one in scopes if one not in self.permissions]:
                raise errors.Forbidden(messages.PERMISSION_NEEDED(permission=beyond[0]))
        if self.expires_at and (expires_at is None or expires_at > self.expires_at):
            until = self.expires_at.astimezone(UTC).isoformat()
            raise errors.Forbidden(messages.EXPIRY_BEYOND(until=until))


UNLIMITED = Limits()
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": str.strip,
    "scopes": own.chosen,
    "token_life_s": own.life,
}


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
    limits: Limits = UNLIMITED,
) -> tuple[NamedKey, str]:
    """The user's new key of that name, and the key itself, which cannot be read again. `limits`
    are those of its maker.

    Raises errors.Invalid, errors.Conflict, errors.NotFound, errors.Forbidden.
    """
    known_scopes = own.chosen(scopes)
    limits.check(known_scopes, expires_at)
    if len(await named_keys.list(tx, domain_uuid, username)) >= MOST:
        raise errors.Conflict(messages.KEYS_LIMIT(most=MOST), field="username")
    api_key_uuid, key = await named_keys.insert(
        tx,
        domain_uuid,
        master_key,
        username,
        name.strip(),
        scopes=known_scopes,
        token_life_s=own.life(token_life_s),
        expires_at=expires_at,
    )
    return await named_keys.get(tx, domain_uuid, api_key_uuid), key


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    api_key_uuid: UUID,
    changes: dict[str, Any],
    limits: Limits = UNLIMITED,
) -> NamedKey:
    """The changed key; `changes` are of name, scopes, token_life_s and expires_at. The key is
    within the `limits` before the change and after it. Raises as `create`.
    """
    known = await _within(tx, domain_uuid, api_key_uuid, limits)
    checked = {
        field: check(changes[field]) for field, check in _CHECKS.items() if field in changes
    }
    changed = msgspec.structs.replace(known, **changes | checked)
    limits.check(changed.scopes, changed.expires_at)
    await named_keys.update(tx, domain_uuid, changed)
    return changed


async def rotate(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    api_key_uuid: UUID,
    limits: Limits = UNLIMITED,
) -> tuple[NamedKey, str]:
    """The key, and the new one in its place, which cannot be read again; the one before and its
    tokens are no longer valid. Raises errors.NotFound, errors.Forbidden.
    """
    await _within(tx, domain_uuid, api_key_uuid, limits)
    key = await named_keys.rotate(tx, domain_uuid, master_key, api_key_uuid)
    return await named_keys.get(tx, domain_uuid, api_key_uuid), key


async def delete(
    tx: db.Tx, domain_uuid: UUID, api_key_uuid: UUID, limits: Limits = UNLIMITED
) -> None:
    """The key, and tokens made with it, are no longer valid. Raises errors.NotFound,
    errors.Forbidden.
    """
    await _within(tx, domain_uuid, api_key_uuid, limits)
    await named_keys.delete(tx, domain_uuid, api_key_uuid)


async def _within(tx: db.Tx, domain_uuid: UUID, api_key_uuid: UUID, limits: Limits) -> NamedKey:
    """The key. Raises errors.NotFound, and errors.Forbidden if it is beyond the limits."""
    known = await named_keys.get(tx, domain_uuid, api_key_uuid)
    limits.check(known.scopes, known.expires_at)
    return known
