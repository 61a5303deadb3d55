"""On whose behalf a request is made: by its token, without a query where the user was seen
before.
"""

import time
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar.types import Scope

from tongdai import errors
from tongdai.api.tokens import Tokens
from tongdai.store import users
from tongdai.store.tenants import Tenants

_MANY = 10_000
_LOOK_AGAIN_S = 60  # a second net below the notifications


class Principal:
    """A user who may act now, and its domain."""

    def __init__(self, user: users.Principal, expires: float) -> None:
        self.user, self.expires = user, expires
        self.domain_uuid: UUID = user.domain_uuid

    @cached_property
    def zone(self) -> ZoneInfo:
        """The domain's time zone."""
        return ZoneInfo(self.user.time_zone)


class Principals:
    """Reads the `Authorization` header. Remembers users while it hears of every change; else it
    asks each time.
    """

    def __init__(self, tenants: Tenants, tokens: Tokens) -> None:
        self._tenants, self._tokens = tenants, tokens
        self._known: dict[str, Principal] = {}
        self._is_hearing = False
        self._changes = 0

    async def of(self, scope: Scope) -> Principal:
        """Who asks. Raises errors.NotAuthenticated for no token, a bad, old or revoked one, a
        disabled account.
        """
        token = _bearer(scope)
        known = self._known.get(token)
        if known is not None and known.expires > time.time():
            return known
        return await self._look_up(token)

    def forget(self, domain_uuid: str) -> None:
        """To be called with each payload of the `directory` channel: something changed in that
        domain.
        """
        self._changes += 1
        uuid = UUID(domain_uuid)
        self._known = {token: one for token, one in self._known.items() if one.domain_uuid != uuid}

    def listening(self) -> None:
        """From now on `forget` is called for every change."""
        self._is_hearing = True

    def lost(self) -> None:
        """To be called when notifications stop, and again when they are back: nothing is
        remembered in between.
        """
        self._is_hearing = not self._is_hearing
        self._changes += 1
        self._known = {}

    async def _look_up(self, token: str) -> Principal:
        changes, claims = self._changes, self._tokens.read(token)
        try:
            async with self._tenants.connection(claims.dom) as tx:
                user = await users.principal(tx, claims.dom, claims.sub)
        except errors.NotFound as reason:
            raise errors.NotAuthenticated("The account is gone.") from reason
        if not user.enabled:
            raise errors.NotAuthenticated("The account is disabled.")
        if claims.key != user.api_key_version:
            raise errors.NotAuthenticated("The API key of the token was rotated.")
        principal = Principal(user, min(claims.exp, time.time() + _LOOK_AGAIN_S))
        if self._is_hearing and changes == self._changes:
            self._remember(token, principal)
        return principal

    def _remember(self, token: str, principal: Principal) -> None:
        if len(self._known) >= _MANY:
            self._known = {}
        self._known[token] = principal


def _bearer(scope: Scope) -> str:
    """The token of `Authorization: Bearer` (RFC 6750 §2.1)."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and (token := token.strip()):
                return token
            break
    raise errors.NotAuthenticated
