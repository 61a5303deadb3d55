"""API keys: their scopes."""

from collections.abc import Sequence
from uuid import UUID

from tongdai import errors, messages
from tongdai.permissions import PERMISSIONS
from tongdai.store import api_keys, db


async def restrict(
    tx: db.Tx, domain_uuid: UUID, username: str, scopes: Sequence[str] | None
) -> None:
    """The user's API key has these scopes, limited by the user's permissions; None: all of those.
    Raises errors.Invalid for an unknown scope, errors.NotFound.
    """
    if scopes is None:
        return await api_keys.set_scopes(tx, domain_uuid, username, None)
    chosen = tuple(one for one in PERMISSIONS if one in scopes)
    if not chosen or not set(scopes) <= set(PERMISSIONS):
        choices = messages.ONE_OF(choices=", ".join(PERMISSIONS))
        raise errors.Invalid(choices, field="scopes")
    return await api_keys.set_scopes(tx, domain_uuid, username, chosen)
