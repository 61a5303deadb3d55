"""Principals: the user, or the operator of the installation, that makes a request."""

import math
import time
from functools import cached_property
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongdai import errors, messages
from tongdai.api.tokens import Claims, Tokens
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.permissions import ACCOUNT, OF_PHONE_TOKENS, PERMISSIONS
from tongdai.store import db, developer_links, domains, named_keys, operators, sessions, users
from tongdai.store.sessions import Session
from tongdai.store.tenants import Tenants
from tongdai.windows import Clock

_MANY = 10_000
_LOOK_AGAIN_S = 60  # seconds, in case a notification was lost


class Principal:
    """A user of a domain who may act now, with the permissions of the user's level and API key
    scopes; or an operator in a domain, who has all permissions. It may be cached until that time
    of the cache's clock. `session`: the sign-in that it acts by; None: it acts by a token.
    `api_key_uuid` None: the key is the user's own. With `extension` it is the browser phone of
    that extension, and no more. `link_expires_at`: the session was made by a link for developers,
    which expires then.
    """

    def __init__(
        self,
        user: users.Principal,
        cached_until: float,
        *,
        is_operator: bool = False,
        session: Session | None = None,
        api_key_uuid: UUID | None = None,
        extension: str = "",
    ) -> None:
        self.user, self.cached_until, self.is_operator = user, cached_until, is_operator
        self.session, self.api_key_uuid, self.extension = session, api_key_uuid, extension
        is_link = session is not None and session.is_link
        self.link_expires_at = user.api_key_expires_at if is_link else None
        kind = "developer" if is_link else "operator" if is_operator else "user"
        self.actor, self.api_key = f"{kind}:{user.username}", user.api_key_name  # of the audit log
        self.key = self.domain_uuid = user.domain_uuid
        self.permissions = frozenset(PERMISSIONS) if is_operator else user.permissions
        self.permissions |= ACCOUNT if session and not is_link else frozenset()
        if extension:
            grants = "phone:grant" in user.permissions
            self.permissions = OF_PHONE_TOKENS if grants else frozenset()

    def within(self, domain: directory.Domain) -> "Principal":
        """An operator in another domain than the request names."""
        user = msgspec.structs.replace(
            self.user,
            domain_uuid=domain.domain_uuid,
            domain_enabled=domain.enabled,
            domain_name=domain.name,
            time_zone=domain.time_zone,
            country=domain.country,
        )
        return Principal(user, 0.0, is_operator=self.is_operator, session=self.session)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The domain's time zone."""
        return ZoneInfo(self.user.time_zone)


class Operator:
    """An operator of the installation who may act now. It belongs to no domain; for a request that
    names one (`?domain=`) it is a principal in that.
    """

    domain_uuid: None = None
    api_key = ""
    is_operator = True
    permissions = frozenset(PERMISSIONS)

    def __init__(self, operator: operators.Operator, session: Session | None = None) -> None:
        self.operator, self.session = operator, session
        self.actor = f"operator:{operator.username}"
        self.key = operator.operator_uuid

    def within(self, domain: directory.Domain) -> Principal:
        """The operator in the domain."""
        user = users.Principal(
            user_uuid=self.key,
            domain_uuid=domain.domain_uuid,
            username=self.operator.username,
            level="admin",
            api_key_version=self.operator.api_key_version,
            user_enabled=True,
            domain_enabled=domain.enabled,
            domain_name=domain.name,
            time_zone=domain.time_zone,
            country=domain.country,
            click2call_waits=domain.click2call_waits,
        )
        return Principal(user, 0.0, is_operator=True, session=self.session)


Caller: TypeAlias = Principal | Operator
"""Whoever makes a request that need not be for one domain."""


class Principals:
    """Finds the principal of a token, or of a session. It caches users while it is notified of
    their changes; otherwise it asks the database each time, and for operators always.
    """

    def __init__(
        self,
        database: db.Database,
        tenants: Tenants,
        tokens: Tokens,
        master_key: MasterKey,
        clock: Clock = time.monotonic,
    ) -> None:
        self._database, self._tenants, self._tokens = database, tenants, tokens
        self._master_key = master_key
        self._clock = clock
        self._known: dict[str, Principal] = {}
        self._is_hearing = False
        self._changes = 0

    async def of(self, token: str) -> Caller:
        """The principal. Raises errors.NotAuthenticated for a malformed, expired or revoked token,
        or a disabled account.
        """
        known = self._known.get(token)
        if known is not None and known.cached_until > self._clock():
            return known
        claims = self._tokens.read(token)
        if claims.dom is None:
            return await self._operator(claims)
        return await self._user(token, claims, claims.dom)

    async def of_session(self, secret: str) -> Caller:
        """The principal that signed in. Raises errors.NotAuthenticated for a session that has
        ended, or a disabled account.
        """
        known = self._known.get(f"session {secret}")
        if known is not None and known.cached_until > self._clock():
            return known
        changes = self._changes
        async with (
            self._tenants.health_probe.while_healthy(),
            self._database.connection() as tx,
        ):
            session = await sessions.find(tx, self._master_key.digest(secret))
            if session is None:
                raise errors.NotAuthenticated(messages.SESSION_ENDED)
            if session.domain_uuid is None:
                operator = await operators.by_uuid(tx, session.account_uuid)
                _require(is_enabled=operator.enabled)
                return Operator(operator, session)
            of = developer_links.principal if session.is_link else users.principal
            user = await of(tx, session.domain_uuid, session.account_uuid)
        _require(is_enabled=user.enabled)
        left_s = min(_LOOK_AGAIN_S, _expiry(user) - time.time())
        if left_s <= 0:
            raise errors.NotAuthenticated(messages.LINK_ENDED)
        principal = Principal(user, self._clock() + left_s, session=session)
        self._remember(f"session {secret}", principal, changes)
        return principal

    async def within(self, operator: Operator, domain: str) -> Principal:
        """The operator in the domain of that name. Raises errors.NotFound."""
        async with (
            self._tenants.health_probe.while_healthy(),
            self._database.connection() as tx,
        ):
            return operator.within(await domains.by_name(tx, domain))

    def forget(self, domain_uuid: str) -> None:
        """Call it with each payload of the `directory` channel: something changed in that
        domain.
        """
        self._changes += 1
        uuid = UUID(domain_uuid)
        self._known = {token: one for token, one in self._known.items() if one.domain_uuid != uuid}

    def listening(self) -> None:
        """Call it when notifications begin, and when they are back after `lost`: from now on
        `forget` is called for every change.
        """
        self._is_hearing = True
        self._forget_all()

    def lost(self) -> None:
        """Call it when notifications stop: no user is cached until `listening`."""
        self._is_hearing = False
        self._forget_all()

    def _forget_all(self) -> None:
        self._changes += 1
        self._known = {}

    async def _operator(self, claims: Claims) -> Operator:
        try:
            async with (
                self._tenants.health_probe.while_healthy(),
                self._database.connection() as tx,
            ):
                found = await operators.by_uuid(tx, claims.sub)
        except errors.NotFound as reason:
            raise errors.NotAuthenticated(messages.ACCOUNT_GONE) from reason
        _check(claims, is_enabled=found.enabled, version=found.api_key_version)
        return Operator(found)

    async def _user(self, token: str, claims: Claims, domain_uuid: UUID) -> Principal:
        changes = self._changes
        try:
            async with self._tenants.connection(domain_uuid) as tx:
                user = await users.principal(tx, domain_uuid, claims.sub, claims.aku)
                if claims.aku:
                    await named_keys.note_use(tx, domain_uuid, claims.aku)
        except errors.NotFound as reason:
            raise errors.NotAuthenticated(
                messages.KEY_ROTATED if claims.aku else messages.ACCOUNT_GONE
            ) from reason
        _check(claims, is_enabled=user.enabled, version=user.api_key_version)
        expires = min(claims.exp, _expiry(user))
        if expires <= time.time():
            raise errors.NotAuthenticated(messages.TOKEN_EXPIRED)
        left_s = min(expires - time.time(), _LOOK_AGAIN_S)
        principal = Principal(
            user, self._clock() + left_s, api_key_uuid=claims.aku, extension=claims.ext
        )
        self._remember(token, principal, changes)
        return principal

    def _remember(self, key: str, principal: Principal, changes: int) -> None:
        """Unless it may have changed since `changes` were heard of."""
        if not self._is_hearing or changes != self._changes:
            return
        if len(self._known) >= _MANY:
            self._known = {}
        self._known[key] = principal


def _expiry(user: users.Principal) -> float:
    """Unix time at which the user's API key expires; infinite if it never does."""
    at = user.api_key_expires_at
    return at.timestamp() if at else math.inf


def _check(claims: Claims, *, is_enabled: bool, version: int) -> None:
    """Raises errors.NotAuthenticated for a disabled account, or a token of an earlier API key."""
    _require(is_enabled=is_enabled)
    if claims.key != version:
        raise errors.NotAuthenticated(messages.KEY_ROTATED)


def _require(*, is_enabled: bool) -> None:
    """Raises errors.NotAuthenticated for a disabled account."""
    if not is_enabled:
        raise errors.NotAuthenticated(messages.ACCOUNT_DISABLED)
