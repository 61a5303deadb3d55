"""Accounts and tokens: a user name and password give an API key, an API key gives a token."""

import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, structs
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import responses, second_step
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.requests import Request
from tongdai.encryption import MasterKey
from tongdai.store import db, named_keys, operators, sessions, users


class Credentials(Struct, frozen=True):
    """A person's user name and password."""

    username: Annotated[
        str,
        Meta(
            description="With the domain; an operator's without.",
            examples=["admin@demo.tongdai.local"],
        ),
    ]
    password: Annotated[str, Meta(examples=["as the account shows it"])]
    code: Annotated[
        str,
        Meta(
            description="Of the authenticator app, or a recovery code, where the account has a "
            "second factor."
        ),
    ] = ""


class ApiKey(Struct, frozen=True):
    """An API key, with which a program logs in."""

    api_key: Annotated[
        str,
        Meta(
            description="As the account shows it.",
            examples=["5b2c9f3e-6a51-4d27-9d0c-1f0c3a7e8b42"],
        ),
    ]


class Account(Struct, frozen=True):
    """A user of a domain, or an operator of the installation."""

    user_uuid: UUID
    domain_uuid: Annotated[UUID | None, Meta(description="null: of an operator.")]
    username: Annotated[str, Meta(description="Without the domain.", examples=["admin"])]
    api_key: Annotated[
        str, Meta(description="Gives tokens at `POST /v1/auth/token`. Keep it secret.")
    ]
    user_enabled: Annotated[str, Meta(description="The text true or false.", examples=["true"])]
    level: Annotated[
        str, Meta(description="admin, supervisor, agent; or operator.", examples=["admin"])
    ]


class AccountFound(Struct, frozen=True):
    data: Account


class Token(Struct, frozen=True):
    """Goes into the header `Authorization: Bearer {token}`."""

    expired: Annotated[
        int, Meta(description="Unix time at which it expires.", examples=[1613636318])
    ]
    token: str
    user_id: UUID
    token_type: str = "Bearer"  # noqa: S105 the word of RFC 6750


class TokenGranted(Struct, frozen=True):
    data: Token


@operation(
    "POST",
    "/v1/auth",
    may=PUBLIC,
    tag="Authentication",
    gives={200: ("The account.", AccountFound)},
    fails=(errors.WrongCredentials, errors.CodeNeeded, errors.WrongCode, errors.Invalid),
)
async def login(request: Request, body: Credentials) -> ASGIApp:
    """Log in.

    The account of a user name and password. After five failures within a minute for one account
    from one address, or where so many log in that it would take longer than two seconds, the
    answer is 429, with `Retry-After`.
    """
    account = await authenticated(request, body)
    return responses.json(AccountFound(account), headers=responses.NO_STORE)


async def authenticated(request: Request, given: Credentials) -> Account:
    """The account of that name, password and code. Raises errors.WrongCredentials,
    errors.CodeNeeded, errors.WrongCode, and errors.TooManyRequests after five failures within a
    minute, or when others take too long.
    """
    context, username = request.context, given.username.strip()
    key = (username.lower(), request.address)
    context.wrong_logins.check(key)
    context.wrong_logins.count(key)  # before the check: attempts at the same time count too
    try:
        async with context.login_slot(), context.health_probe.while_healthy():
            account = await _account(request, username, given.password)
            holder = sessions.Holder(account.domain_uuid, account.user_uuid)
            await second_step.check(context, holder, given.code)
    except (errors.Unavailable, errors.TooManyRequests, errors.CodeNeeded):
        context.wrong_logins.forgive(key)  # nothing wrong was given
        raise
    context.wrong_logins.forgive(key)
    return account


@operation(
    "POST",
    "/v1/auth/token",
    may=PUBLIC,
    tag="Authentication",
    gives={200: ("The token.", TokenGranted)},
    fails=(errors.WrongCredentials, errors.Invalid),
)
async def get_token(request: Request, body: ApiKey) -> ASGIApp:
    """Get an access token.

    For the header `Authorization: Bearer {token}` of all other requests, until it expires or the
    API key is rotated. An API key may have a life of its tokens of its own, such as ten years.
    """
    return responses.json(TokenGranted(await _token(request, body)), headers=responses.NO_STORE)


class FlatToken(Struct, frozen=True):
    """Goes into the header `Authorization: Bearer {token}`."""

    token: str
    expired_in: Annotated[int, Meta(description="Seconds until it expires.", examples=[86_400])]
    expired: Annotated[
        int, Meta(description="Unix time at which it expires.", examples=[1613636318])
    ]
    token_type: str
    user_id: UUID


@operation(
    "POST",
    "/v3/auth/token",
    may=PUBLIC,
    tag="Authentication",
    gives={200: ("The token.", FlatToken)},
    fails=(errors.WrongCredentials, errors.Invalid),
)
async def get_token_v3(request: Request, body: ApiKey) -> ASGIApp:
    """Get an access token, as version 3 shows it.

    The same token as of `POST /v1/auth/token`: either serves all requests of both versions.
    """
    made = await _token(request, body)
    expires_s = made.expired - int(time.time())
    shown = FlatToken(made.token, expires_s, made.expired, made.token_type, made.user_id)
    return responses.json(shown, headers=responses.NO_STORE)


async def _token(request: Request, body: ApiKey) -> Token:
    """A new token of the API key. Raises errors.WrongCredentials."""
    context, api_key = request.context, body.api_key.strip()
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        holder = await _key_holder(tx, context.master_key, api_key)
    signed, expires = context.tokens.issue(
        holder.domain_uuid,
        holder.user_uuid,
        holder.version,
        api_key_uuid=holder.api_key_uuid,
        life_s=holder.token_life_s,
        until=holder.expires_at,
    )
    return Token(expires, signed, holder.user_uuid)


class KeyHolder(Struct, frozen=True):
    """The holder of an API key; `domain_uuid` None: an operator. `api_key_uuid` None: its own key.
    `token_life_s` None: that of the installation.
    """

    domain_uuid: UUID | None
    user_uuid: UUID
    version: int
    api_key_uuid: UUID | None = None
    token_life_s: int | None = None
    expires_at: datetime | None = None


async def _key_holder(tx: db.Tx, master_key: MasterKey, api_key: str) -> KeyHolder:
    """The user, or operator, whose API key it is. Raises errors.WrongCredentials."""
    if user := await users.find_by_api_key(tx, master_key, api_key):
        return KeyHolder(
            user.domain_uuid,
            user.user_uuid,
            user.api_key_version,
            token_life_s=user.token_life_s,
        )
    if found := await named_keys.holder(tx, master_key, api_key):
        if found.expires_at and found.expires_at <= datetime.now(UTC):
            raise errors.WrongCredentials
        return KeyHolder(**structs.asdict(found))
    operator = await operators.by_api_key(tx, master_key, api_key)
    return KeyHolder(None, operator.operator_uuid, operator.api_key_version)


async def _account(request: Request, username: str, password: str) -> Account:
    """The account of user@domain, or of an operator. Raises errors.WrongCredentials."""
    database, master_key = request.context.deps.database, request.context.master_key
    name, at, domain_name = username.rpartition("@")
    if at:
        user = await users.login(database, master_key, name, domain_name, password)
        return Account(
            user.user_uuid, user.domain_uuid, user.username, user.api_key, "true", user.level
        )
    try:
        operator = await operators.login(database, master_key, username, password)
    except errors.WrongCredentials as reason:
        raise errors.WrongCredentials(messages.USER_AT_DOMAIN) from reason
    return Account(
        operator.operator_uuid, None, operator.username, operator.api_key, "true", "operator"
    )


OPERATIONS = (login, get_token, get_token_v3)
