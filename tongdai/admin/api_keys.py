"""API keys: their scopes, and the life of their tokens."""

from collections.abc import Sequence
from uuid import UUID

from tongdai import errors, messages
from tongdai.permissions import SCOPES, Permission
from tongdai.store import api_keys, db

SHORTEST_LIFE_S, LONGEST_LIFE_S = 60, 100 * 365 * 86_400
"""Of a token, in seconds."""


async def restrict(
    tx: db.Tx, domain_uuid: UUID, username: str, scopes: Sequence[str] | None
) -> None:
    """The user's API key has these scopes, limited by the user's permissions; None: all of those.
    Raises errors.Invalid for an unknown scope, errors.NotFound.
    """
    await api_keys.set_scopes(tx, domain_uuid, username, chosen(scopes))


async def set_token_life(tx: db.Tx, domain_uuid: UUID, username: str, life_s: int | None) -> None:
    """Tokens of the user's API key live so many seconds; None: as the installation says
    (TONGDAI_TOKEN_LIFE_S). It holds for tokens that are given from now on; a rotation of the key
    ends the others. Raises errors.Invalid, errors.NotFound.
    """
    await api_keys.set_token_life(tx, domain_uuid, username, life(life_s))


def chosen(scopes: Sequence[str] | None) -> tuple[Permission, ...] | None:
    """The scopes in the order of SCOPES; None for all that the user may do. Raises
    errors.Invalid.
    """
    if scopes is None:
        return None
    known = tuple(one for one in SCOPES if one in scopes)
    if not known or not set(scopes) <= set(SCOPES):
        choices = messages.ONE_OF(choices=", ".join(SCOPES))
        raise errors.Invalid(choices, field="scopes")
    return known


def life(life_s: int | None) -> int | None:
    """The life of tokens in seconds; None for the installation's. Raises errors.Invalid."""
    if life_s is not None and not SHORTEST_LIFE_S <= life_s <= LONGEST_LIFE_S:
        bounds = messages.INTEGER_RANGE(first=SHORTEST_LIFE_S, last=LONGEST_LIFE_S)
        raise errors.Invalid(bounds, field="token_life_s")
    return life_s
